"""The attempts of runs: one for each lease, from its claim to its end."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Select, func, insert, select, update
from sqlalchemy.orm import Session, aliased

from service.domain import triage
from service.store.among import among
from service.store.tables import Attempt, Run, Trial, Worker

# What is shown of an attempt as it is stored.
_STORED = "number", "started_at", "ended_at", "error", "resumed_from", "step", "note", "device_seconds"
WIDTH = 2 + len(_STORED)


def begin(session: Session, runs: Sequence[Run]) -> None:
    """Note that the workers of runs begin them, or go on with them."""
    rows = [
        {
            "run_id": run.id,
            "number": run.attempt,
            "worker_id": run.worker_id,
            "fence": run.fence,
            "started_at": run.started_at,
        }
        for run in runs
    ]
    if rows:
        session.connection().execute(insert(Attempt), rows)


class Ended(NamedTuple):
    """How the attempt of a run ended, whose row still says how far it came."""

    run: Run
    outcome: str
    error: str | None = None


def end(session: Session, ends: Sequence[Ended], now: datetime) -> None:
    """Note how attempts ended, and how far they came."""
    if not ends:
        return
    session.flush()
    rows = [
        {
            "run_id": run.id,
            "number": run.attempt,
            "ended_at": now,
            "outcome": outcome,
            "error": error,
            "step": run.step,
            "device_seconds": run.attempt_seconds,
            "joules": run.attempt_joules,
        }
        for run, outcome, error in ends
    ]
    session.execute(update(Attempt), rows)


def count(session: Session, run: Run, outcome: str) -> int:
    """How many attempts of a run have ended so, since somebody last had it tried again."""
    ended_so = (Attempt.run_id == run.id, Attempt.outcome == outcome, Attempt.number > run.forgiven)
    return session.scalar(select(func.count()).select_from(Attempt).where(*ended_so)) or 0


def last_lost(session: Session, run: Run, count: int) -> list[tuple[Attempt, str]]:
    """The latest attempts that were lost, the latest first, with the names of their workers."""
    query = (
        select(Attempt, Worker.name)
        .join(Worker, Attempt.worker_id == Worker.id)
        .where(Attempt.run_id == run.id, Attempt.outcome == "lost")
        .order_by(Attempt.number.desc())
        .limit(count)
    )
    return [(attempt, worker) for attempt, worker in session.execute(query)]


def with_attempts(runs: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    """A query of runs with a row for each of their attempts; with one row that has nothing of any where there is none.

    Of the columns that it adds, which are the last `WIDTH`, `shown` makes what is shown.
    """
    trainer = aliased(Worker)
    attempt = Attempt.outcome, trainer.name, *(getattr(Attempt, name) for name in _STORED)
    made = runs.add_columns(*attempt).outerjoin(Attempt, Attempt.run_id == Run.id)
    return made.outerjoin(trainer, Attempt.worker_id == trainer.id)


def shown(values: Sequence[Any], step: int, seconds: float) -> dict[str, Any] | None:
    """An attempt as `AttemptView` takes it, None if there is none; one that goes on is as far as its run is."""
    outcome, worker, *stored = values
    attempt = dict(zip(_STORED, stored, strict=True))
    if attempt["number"] is None:
        return None
    attempt["outcome"] = outcome and triage.shown(outcome)
    attempt["worker"] = worker
    if attempt["ended_at"] is None:
        attempt["step"], attempt["device_seconds"] = step, seconds
    return attempt


def told(session: Session, trials: Sequence[Trial], runs: Sequence[Run]) -> dict[int, dict[str, int | float | str]]:
    """What a study is told of how trials went, by their ids: the outcome, the error, how many attempts were evicted.

    `runs` are all runs of the trials, in the order of their replicates.
    """
    facts: dict[int, dict[str, int | float | str]] = {
        trial.id: {"outcome": trial.state, "attempts": 0, "evictions": 0} for trial in trials
    }
    trial_of = {run.id: run.trial_id for run in runs}
    states = {trial.id: trial.state for trial in trials}
    for run in runs:
        known = facts[run.trial_id]
        if run.state == states[run.trial_id] and run.error is not None and "error" not in known:
            known["outcome"] = run.cause or run.state
            known["error"] = run.error[:1000]
    ends = select(Attempt.run_id, Attempt.outcome).where(among(Attempt.run_id, trial_of))
    counted = Counter((trial_of[run_id], outcome) for run_id, outcome in session.execute(ends))
    for (trial_id, outcome), times in counted.items():
        facts[trial_id]["attempts"] = int(facts[trial_id]["attempts"]) + times
        if outcome in ("released", "lost"):
            facts[trial_id]["evictions"] = int(facts[trial_id]["evictions"]) + times
    return facts
