"""What has to hold of every sweep, whatever was done to it. Each check returns what it found wrong."""

import math
from collections import Counter
from collections.abc import Callable
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from schedules import build
from service.store.tables import ENDED_RUN_STATES, Run
from tests.chaos.evidence import Curve, Evidence, Logged
from tests.chaos.sweeps import configuration

Control = dict[str, dict[str, Any]]
Check = Callable[[Evidence], list[str]]
_STATUS = {"completed": "FINISHED", "diverged": "FINISHED", "failed": "FAILED", "cancelled": "KILLED"}


def every_trial_has_exactly_one_result(evidence: Evidence) -> list[str]:
    """As many trials as asked for, numbered from 0, each ended with a value, by exactly one attempt of its run."""
    wrong = []
    numbers = [trial.number for trial in evidence.trials]
    if numbers != list(range(evidence.sweep.trials_total)):
        wrong.append(f"trials are numbered {numbers}, {evidence.sweep.trials_total} were asked for")
    if Counter(run.trial_id for run in evidence.runs) != Counter(trial.id for trial in evidence.trials):
        wrong.append("some trial has not exactly one run")
    for run in evidence.runs:
        ends = [attempt.outcome for attempt in evidence.attempts[run.id]]
        if run.state not in ("completed", "diverged") or run.value is None:
            wrong.append(f"run {run.id} is {run.state} with value {run.value}: {run.error}")
        if ends[-1:] != [run.state] or any(end not in ("lost", "released") for end in ends[:-1]):
            wrong.append(f"run {run.id} is {run.state}, its attempts ended as {ends}")
        if run.state == "completed" and run.step != run.total_steps:
            wrong.append(f"run {run.id} is completed after {run.step} of {run.total_steps} updates")
        if run.state == "diverged" and run.diverged_at not in (run.step, run.step + 1):
            wrong.append(f"run {run.id} diverged at update {run.diverged_at}, after {run.step}")
        if evidence.trial_of(run).value != run.value:
            wrong.append(f"run {run.id} has the value {run.value}, its trial {evidence.trial_of(run).value}")
    if evidence.sweep.state != "completed":
        wrong.append(f"the sweep is {evidence.sweep.state}")
    return wrong


def each_configuration_of_a_grid_is_tried_once(evidence: Evidence) -> list[str]:
    """No point of a grid twice, none left out."""
    if evidence.sweep.spec["sampler"]["type"] != "grid":
        return []
    rates = Counter(build(trial.schedule).lrs().tobytes() for trial in evidence.trials)
    return [] if len(rates) == evidence.sweep.trials_total else [f"only {len(rates)} configurations differ"]


def optuna_says_what_our_rows_say(evidence: Evidence) -> list[str]:
    """The same trials, numbers, parameters, values, states and losses on the way."""
    wrong = []
    # A sampler that proposes what was trained already is told so, and asked again.
    trained = [trial for trial in evidence.told if trial.user_attrs.get("outcome") != "repeated"]
    told = {trial.user_attrs.get("trial"): trial for trial in trained}
    if len(trained) != len(evidence.trials):
        wrong.append(f"Optuna has {len(trained)} trials, we have {len(evidence.trials)}")
    for trial in evidence.trials:
        theirs = told.get(trial.number)
        if theirs is None:
            wrong.append(f"Optuna does not know trial {trial.number}")
            continue
        (run,) = (run for run in evidence.runs if run.trial_id == trial.id)
        ours = (trial.optuna_number, trial.value, trial.params, trial.state, dict(evidence.val_points[run.id]))
        if _as_told(theirs) != ours:
            wrong.append(f"Optuna has trial {trial.number} as {_as_told(theirs)}, we as {ours}")
        if theirs.state != TrialState.COMPLETE:
            wrong.append(f"Optuna has trial {trial.number} as {theirs.state.name}")
    return wrong


def _as_told(trial: FrozenTrial) -> tuple[Any, ...]:
    return trial.number, trial.value, trial.params, trial.user_attrs.get("outcome"), trial.intermediate_values


def mlflow_says_what_our_rows_say(evidence: Evidence) -> list[str]:
    """One active MLflow run for each of ours, that of its last attempt, ended as it did; one ended summary."""
    wrong = []
    if evidence.summaries != ["FINISHED"]:
        wrong.append(f"the summary runs are {evidence.summaries}")
    for run in evidence.runs:
        logged = evidence.logged[run.id]
        if len(logged) != 1:
            wrong.append(f"run {run.id} has {len(logged)} MLflow runs: {[(one.status, one.tags) for one in logged]}")
            continue
        theirs = (
            logged[0].id,
            logged[0].status,
            logged[0].tags["rampline.outcome"],
            logged[0].tags["rampline.attempt"],
        )
        ours = (run.mlflow_run_id, _STATUS.get(run.state, "?"), run.state, str(run.attempt))
        if theirs != ours:
            wrong.append(f"MLflow has run {run.id} as {theirs}, we as {ours}")
    return wrong


def every_curve_is_complete(evidence: Evidence) -> list[str]:
    """Rate, loss and norm of every update from the first to the last, once, the rates those of the schedule."""
    wrong = []
    for run in evidence.runs:
        for logged in evidence.logged[run.id]:
            wrong += _curves_of(evidence, run, logged)
    return wrong


def _curves_of(evidence: Evidence, run: Run, logged: Logged) -> list[str]:
    wrong = []
    last = run.step  # a diverged run's last update is the one before a loss that is not finite
    for name in ("lr", "train_loss", "grad_norm"):
        steps = [step for step, _ in logged.curves[name]]
        if steps != list(range(1, last + 1)):
            wrong.append(f"run {run.id} ended after update {last}, its {name} in MLflow has {_gaps(steps, last)}")
    rates = [rate for _, rate in logged.curves["lr"]]
    if rates != build(evidence.trial_of(run).schedule).lrs()[: len(rates)].tolist():
        wrong.append(f"run {run.id} has other rates in MLflow than its schedule")
    if _finite(logged.curves["val_loss"]) != evidence.val_points[run.id]:
        wrong.append(f"run {run.id} has other validation losses in MLflow than in our rows")
    return wrong


def _gaps(steps: list[int], last: int) -> str:
    counted = Counter(steps)
    missing = sorted(set(range(1, last + 1)) - set(steps))
    repeated = sorted(step for step, count in counted.items() if count > 1)
    beyond = sorted(set(steps) - set(range(1, last + 1)))
    return f"{len(missing)} missing {missing[:5]}, {len(repeated)} repeated {repeated[:5]}, {len(beyond)} beyond"


def _finite(curve: Curve) -> Curve:
    return [(step, value) for step, value in curve if math.isfinite(value) and value < 1e308]


def values_equal(control: Control) -> Check:
    """The check that states, values and curves are those of the undisturbed sweep, bit for bit."""

    def values_equal_those_of_an_undisturbed_sweep(evidence: Evidence) -> list[str]:
        wrong = []
        for run in evidence.runs:
            if len(evidence.logged[run.id]) != 1:
                continue  # said by another check
            logged = evidence.logged[run.id][0]
            expected = control[configuration(evidence.trial_of(run).schedule, run.seed)]
            got = {"state": run.state, "value": run.value, "diverged_at": run.diverged_at} | logged.curves
            # By their text: a float's is exact, and one that is not a number equals itself.
            wrong += [
                f"run {run.id}: {name} differs from the undisturbed sweep's"
                for name, value in expected.items()
                if repr(got[name]) != repr(value)
            ]
        return wrong

    return values_equal_those_of_an_undisturbed_sweep


def nothing_is_left_over(evidence: Evidence) -> list[str]:
    """No run is leased or waits, no attempt is open, nothing is left to be told."""
    wrong = [f"run {run.id} is still {run.state}" for run in evidence.runs if run.state not in ENDED_RUN_STATES]
    wrong += [
        f"attempt {attempt.number} of run {attempt.run_id} is open"
        for attempts in evidence.attempts.values()
        for attempt in attempts
        if attempt.ended_at is None
    ]
    wrong += [f"Optuna was not told of trial {trial.number}" for trial in evidence.trials if trial.to_tell]
    return wrong


def all_checks(control: Control | None) -> list[Check]:
    """Every check; without a control sweep, all but the comparison with it."""
    checks: list[Check] = [
        every_trial_has_exactly_one_result,
        each_configuration_of_a_grid_is_tried_once,
        optuna_says_what_our_rows_say,
        mlflow_says_what_our_rows_say,
        every_curve_is_complete,
        nothing_is_left_over,
    ]
    return [*checks, values_equal(control)] if control is not None else checks
