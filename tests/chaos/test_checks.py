"""Each check of the kill matrix objects to what it is there to find, and to nothing else."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime

import optuna
import pytest

from schedules import build
from service.store.tables import Attempt, Run, Sweep, Trial
from tests.chaos.checks import all_checks
from tests.chaos.evidence import Curve, Evidence, Logged

UPDATES = 6
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def schedule(peak: float) -> dict[str, object]:
    return {"type": "linear", "total_steps": UPDATES, "warmup_steps": 2, "peak_lr": peak}


def sound() -> Evidence:
    """Two trials, of which the second diverged at update 4; each has an attempt that was lost before."""
    trials, runs, told = [], [], []
    attempts: dict[int, list[Attempt]] = {}
    points: dict[int, Curve] = {}
    logged: dict[int, list[Logged]] = {}
    for number, (state, last, value) in enumerate([("completed", UPDATES, 2.5), ("diverged", 4, 5.5)]):
        peak, run_id = 0.01 * (number + 1), 11 + number
        params = {"schedule": "linear", "peak_lr": peak}
        trial = Trial(id=21 + number, number=number, optuna_number=number, params=params, schedule=schedule(peak))
        trial.state, trial.value, trial.to_tell = state, value, False
        run = Run(id=run_id, trial_id=trial.id, seed=0, state=state, value=value, step=last, total_steps=UPDATES)
        run.attempt, run.mlflow_run_id, run.diverged_at = 2, f"mlflow-{run_id}", last if state == "diverged" else None
        attempts[run_id] = [
            Attempt(run_id=run_id, number=1, outcome="lost", ended_at=NOW),
            Attempt(run_id=run_id, number=2, outcome=state, ended_at=NOW),
        ]
        points[run_id] = [(0, 5.5), (3, 3.0)]
        steps = range(1, last + 1)
        rates = build(trial.schedule).lrs().tolist()
        curves: dict[str, Curve] = {
            "lr": [(step, rates[step - 1]) for step in steps],
            "train_loss": [(step, 5.0 / step) for step in steps],
            "grad_norm": [(step, 1.0 / step) for step in steps],
            "val_loss": [*points[run_id], (last, float("inf"))] if state == "diverged" else list(points[run_id]),
        }
        tags = {"rampline.outcome": state, "rampline.attempt": "2"}
        logged[run_id] = [Logged(f"mlflow-{run_id}", "FINISHED", tags, curves)]
        frozen = optuna.create_trial(
            value=value,
            params=params,
            distributions={
                "schedule": optuna.distributions.CategoricalDistribution(("linear",)),
                "peak_lr": optuna.distributions.FloatDistribution(1e-3, 1.0),
            },
            user_attrs={"trial": number, "outcome": state},
            intermediate_values=dict(points[run_id]),
        )
        frozen.number = number
        trials.append(trial)
        runs.append(run)
        told.append(frozen)
    sweep = Sweep(id=1, name="s", spec={"sampler": {"type": "grid"}}, trials_total=2, state="completed")
    return Evidence(sweep, trials, runs, attempts, points, told, logged, ["FINISHED"], {})


def objecting(evidence: Evidence) -> set[str]:
    return {check.__name__ for check in all_checks(sound().results()) if check(evidence)}


def test_what_is_sound_passes_every_check() -> None:
    assert objecting(sound()) == set()


def lose_a_trial(evidence: Evidence) -> None:
    evidence.trials.pop()
    evidence.runs.pop()
    evidence.told.pop()


def end_a_run_twice(evidence: Evidence) -> None:
    evidence.attempts[11][0].outcome = "completed"


def keep_a_run_leased(evidence: Evidence) -> None:
    evidence.attempts[11].append(Attempt(run_id=11, number=3, outcome=None, ended_at=None))


def try_a_configuration_twice(evidence: Evidence) -> None:
    evidence.trials[1].schedule = evidence.trials[0].schedule


def tell_optuna_twice(evidence: Evidence) -> None:
    evidence.told.append(deepcopy(evidence.told[0]))


def tell_optuna_another_value(evidence: Evidence) -> None:
    evidence.told[0].value = 2.4


def leave_a_trial_running_in_optuna(evidence: Evidence) -> None:
    evidence.told[0].state = optuna.trial.TrialState.RUNNING


def leave_a_second_mlflow_run(evidence: Evidence) -> None:
    evidence.logged[11].append(replace(evidence.logged[11][0], id="another", status="RUNNING"))


def leave_an_mlflow_run_running(evidence: Evidence) -> None:
    evidence.logged[11][0] = replace(evidence.logged[11][0], status="RUNNING")


def leave_no_summary(evidence: Evidence) -> None:
    evidence.summaries.clear()


def leave_a_hole(evidence: Evidence) -> None:
    del evidence.logged[11][0].curves["train_loss"][2]


def log_a_point_twice(evidence: Evidence) -> None:
    evidence.logged[12][0].curves["lr"].insert(1, evidence.logged[12][0].curves["lr"][1])


def log_another_rate(evidence: Evidence) -> None:
    evidence.logged[11][0].curves["lr"][3] = (4, 0.5)


def train_something_else(evidence: Evidence) -> None:
    evidence.logged[11][0].curves["train_loss"][2] = (3, 5.0 / 3 + 1e-15)


@pytest.mark.parametrize(
    ("spoil", "check"),
    [
        (lose_a_trial, "every_trial_has_exactly_one_result"),
        (end_a_run_twice, "every_trial_has_exactly_one_result"),
        (keep_a_run_leased, "nothing_is_left_over"),
        (try_a_configuration_twice, "each_configuration_of_a_grid_is_tried_once"),
        (tell_optuna_twice, "optuna_says_what_our_rows_say"),
        (tell_optuna_another_value, "optuna_says_what_our_rows_say"),
        (leave_a_trial_running_in_optuna, "optuna_says_what_our_rows_say"),
        (leave_a_second_mlflow_run, "mlflow_says_what_our_rows_say"),
        (leave_an_mlflow_run_running, "mlflow_says_what_our_rows_say"),
        (leave_no_summary, "mlflow_says_what_our_rows_say"),
        (leave_a_hole, "every_curve_is_complete"),
        (log_a_point_twice, "every_curve_is_complete"),
        (log_another_rate, "every_curve_is_complete"),
        (train_something_else, "values_equal_those_of_an_undisturbed_sweep"),
    ],
)
def test_each_fault_of_the_evidence_is_found(spoil: Callable[[Evidence], None], check: str) -> None:
    evidence = sound()
    spoil(evidence)
    assert check in objecting(evidence)
