"""The slow plain twins of what is counted: every figure by going through the rows, one after another."""

from collections import Counter
from typing import get_args

from service.store.tables import ENDED_RUN_STATES, Sweep
from service.wire.views import Progress, RunState
from tests.integration.harness import Harness

COUNTERS = ["trials_done", "runs_unended", *(f"runs_{state}" for state in ENDED_RUN_STATES), "updates_ended"]


def counted(sweep: Sweep) -> dict[str, int]:
    """The counters on a sweep's row."""
    return {name: getattr(sweep, name) for name in COUNTERS}


def added_up(harness: Harness, sweep: Sweep) -> dict[str, int]:
    """What the counters on a sweep's row are to be."""
    runs, trials = harness.runs(sweep.id), harness.trials(sweep.id)
    by_state = Counter(run.state for run in runs)
    return {
        "trials_done": sum(trial.state in ENDED_RUN_STATES for trial in trials),
        "runs_unended": by_state["queued"] + by_state["running"],
        **{f"runs_{state}": by_state[state] for state in ENDED_RUN_STATES},
        "updates_ended": sum(run.step for run in runs if run.state in ENDED_RUN_STATES),
    }


def progress_of(harness: Harness, sweep: Sweep) -> Progress:
    """How far a sweep is."""
    runs, trials = harness.runs(sweep.id), harness.trials(sweep.id)
    completed = [(trial.value, trial.number) for trial in trials if trial.state == "completed"]
    value, number = min(((value, number) for value, number in completed if value is not None), default=(None, None))
    return Progress(
        trials_done=sum(trial.state in ENDED_RUN_STATES for trial in trials),
        trials_total=sweep.trials_total,
        runs={state: sum(run.state == state for run in runs) for state in get_args(RunState)},
        lanes_in_use=round(sum(run.lane_share for run in runs)),
        updates_done=sum(run.step for run in runs),
        updates_total=sweep.updates_total,
        best_value=value,
        best_trial=number,
    )
