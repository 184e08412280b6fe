"""One sweep, disturbed while it is trained, and what is checked of it afterwards."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random
from typing import Any

from sqlalchemy import exists, select

from service.store.tables import Sweep, Trial
from tests.chaos.checks import Control, all_checks, mlflow_says_what_our_rows_say
from tests.chaos.cluster import Cluster
from tests.chaos.evidence import Evidence, collect
from tests.chaos.observer import Observer
from tests.chaos.siege import Siege, Strike

_AWAKENING_SECONDS = 10.0


@dataclass
class Row:
    """What became of one sweep: `wrong` names each check that failed, and why."""

    database: str
    sampler: str
    faults: list[str]
    trials: int = 0
    trials_lost: int = 0
    runs_repeated: int = 0
    updates_needed: int = 0
    updates_repeated: int = 0
    checks: int = 0
    checks_failed: int = 0
    wrong: list[str] = field(default_factory=list)
    recovery_seconds: list[float] = field(default_factory=list)


def play(
    cluster: Cluster,
    spec: dict[str, Any],
    strikes: Sequence[Strike],
    random: Random,
    control: Control | None,
    *,
    at_risk: int | None = None,
) -> tuple[Row, Evidence]:
    """Submit a sweep, strike it, wait for its end and for everything to be whole again, and check it.

    `at_risk` is the most updates that one lost attempt may cost a run: all that it did, if not given.

    Raises:
        TimeoutError: the sweep did not end, or did not recover from a fault.
    """
    row = Row(cluster.database.kind, spec["sampler"]["type"], [strike.fault.name for strike in strikes])
    sweep_id = cluster.client().submit(spec).id
    observer = Observer(cluster.store, sweep_id)
    siege = Siege(cluster, observer, strikes, random)
    try:
        cluster.wait_until(siege.is_over, f"sweep {sweep_id} has got over {', '.join(row.faults)}")
        cluster.wait_until(lambda: _is_settled(cluster, sweep_id), f"sweep {sweep_id} has ended and all know it")
        cluster.wait_until_whole()
    finally:
        siege.lift()
        observer.stop()
    row.recovery_seconds = siege.recovery_seconds
    row.wrong = [f"the sweep ended before it could be struck: {fault}" for fault in siege.missed]
    evidence = _collect(cluster, sweep_id)
    check(row, evidence, control)
    _check_that_nothing_ended_by_itself(row, cluster)
    _count_repeated(row, evidence, observer, at_risk, sum(strike.fault.count for strike in strikes))
    return row, evidence


def _collect(cluster: Cluster, sweep_id: int) -> Evidence:
    """The evidence, once MLflow agrees with our rows, or at the end of the time that it has for that.

    A worker that was stopped when its sweep ended without it begins or ends a record in MLflow before it hears that it
    has lost the run; then it deletes the record.
    """
    deadline = time.monotonic() + _AWAKENING_SECONDS
    while True:
        evidence = collect(cluster, sweep_id)
        if not mlflow_says_what_our_rows_say(evidence) or time.monotonic() > deadline:
            return evidence
        time.sleep(0.5)


def _is_settled(cluster: Cluster, sweep_id: int) -> bool:
    """Whether a sweep has ended, Optuna has been told of every trial, and MLflow shows its end."""
    with cluster.store.read() as session:
        untold = select(exists().where(Trial.sweep_id == sweep_id, Trial.to_tell))
        sweep = session.get_one(Sweep, sweep_id)
        return sweep.finished_at is not None and not sweep.to_track and not session.scalar(untold)


def check(row: Row, evidence: Evidence, control: Control | None) -> None:
    """Do every check, and write into the row what came of it."""
    for one in all_checks(control):
        wrong = one(evidence)
        row.checks += 1
        row.checks_failed += bool(wrong)
        row.wrong += [f"{one.__name__}: {line}" for line in wrong]
    row.trials += evidence.sweep.trials_total
    with_result = [run for run in evidence.runs if run.state in ("completed", "diverged") and run.value is not None]
    row.trials_lost += evidence.sweep.trials_total - len({run.trial_id for run in with_result})


def _check_that_nothing_ended_by_itself(row: Row, cluster: Cluster) -> None:
    row.checks += 1
    ended, cluster.ended_by_themselves = cluster.ended_by_themselves, []
    if any("database" in fault for fault in row.faults):
        # A service that is started while there is no database says so and ends; its supervisor starts it again.
        ended = [line for line in ended if not line.startswith("service")]
    row.checks_failed += bool(ended)
    row.wrong += [f"nothing ends by itself: {line}" for line in ended]


def _count_repeated(row: Row, evidence: Evidence, observer: Observer, at_risk: int | None, faults: int) -> None:
    """Compare what every attempt reached with where the next one went on."""
    row.checks += 1
    wrong = []
    for run in evidence.runs:
        row.updates_needed += run.step
        attempts = evidence.attempts[run.id]
        row.runs_repeated += len(attempts) > 1
        if len(attempts) > 1 + faults:
            wrong.append(f"run {run.id} had {len(attempts)} attempts and only {faults} faults to blame")
        for lost, following in pairwise(attempts):
            key = run.id, lost.number
            reached = max(observer.reached.get(key, 0), evidence.lost_steps.get(key, 0))
            repeated = max(0, reached - following.resumed_from)
            row.updates_repeated += repeated
            if repeated > (run.total_steps if at_risk is None else at_risk):
                wrong.append(f"attempt {following.number} of run {run.id} repeated {repeated} updates")
    row.checks_failed += bool(wrong)
    row.wrong += [f"no more is repeated than stated: {line}" for line in wrong]
