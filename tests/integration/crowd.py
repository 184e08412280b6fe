"""A database in which much has happened and much waits, so that plans and reading show what they cost."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import insert, select, text
from sqlalchemy.orm import Session

from service.store.engine import Store
from service.store.tables import Attempt, Base, Event, Run, Sweep, Token, Trial, ValPoint, Worker

ENDED, OPEN, WAITING = 2_000, 20, 150  # sweeps of one run that have ended, sweeps that wait, and the runs of each
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
_OF_ONE = ("id", "idempotency_key", "optuna_number", "end_number", "mlflow_run_id")


def crowd(store: Store, sweep_id: int) -> None:
    """Copy a queued sweep: thousands of times as ended, some times as waiting; beside them workers and tokens."""
    with store.write() as session:
        sweep = session.get_one(Sweep, sweep_id)
        trial = session.scalars(select(Trial).where(Trial.sweep_id == sweep_id).limit(1)).one()
        run = session.scalars(select(Run).where(Run.trial_id == trial.id).limit(1)).one()
        worker = session.scalars(select(Worker).limit(1)).one()
        gone = dict.fromkeys(("registered_at", "last_seen_at", "left_at"), LONG_AGO)
        workers = _copies(session, worker, ENDED, lambda _: gone)
        counted = {"runs_completed": 1, "runs_unended": 0, "trials_done": 1}
        over = {"state": "completed", "finished_at": LONG_AGO, "to_track": False, **counted}
        ended = _copies(session, sweep, ENDED, lambda _: over)
        waiting = _copies(session, sweep, OPEN, lambda _: {"runs_unended": WAITING})
        _rows(session, trial, run, ended, 1, {"state": "completed", "value": 3.0}, workers)
        _rows(session, trial, run, waiting, WAITING, {"state": "queued"}, [])
        session.execute(
            insert(Event), [{"at": LONG_AGO, "kind": "sweep.submitted", "sweep_id": one, "detail": {}} for one in ended]
        )
        old = {"role": "viewer", "name": "old", "user_id": sweep.user_id, "created_at": LONG_AGO}
        session.execute(insert(Token), [{"digest": f"{number:064}", **old} for number in range(ENDED)])
    if not store.is_sqlite:
        with store.engine.begin() as connection:
            for table in Base.metadata.sorted_tables:
                connection.execute(text(f"ANALYZE {table.name}"))


def _rows(
    session: Session, trial: Trial, run: Run, sweeps: list[int], each: int, given: dict[str, Any], workers: list[int]
) -> None:
    """Trials of sweeps, each with a run; if there are workers, each of them has trained one, in an attempt."""
    of_sweep = [(sweep_id, number) for sweep_id in sweeps for number in range(each)]
    places = [{"sweep_id": sweep_id, "number": number} for sweep_id, number in of_sweep]
    trials = _copies(session, trial, len(places), lambda index: given | places[index])
    runs = _copies(
        session,
        run,
        len(trials),
        lambda index: {
            **given,
            "sweep_id": places[index]["sweep_id"],
            "trial_id": trials[index],
            "trunk": f"trunk {index}",
            "worker_id": workers[index] if workers else None,
        },
    )
    if workers:
        session.execute(insert(ValPoint), [{"run_id": one, "step": 1, "value": 3.0} for one in runs])
        had = {"number": 1, "fence": 1, "started_at": LONG_AGO, "outcome": "completed"}
        pairs = zip(runs, workers, strict=True)
        session.execute(insert(Attempt), [{"run_id": one, "worker_id": worker, **had} for one, worker in pairs])


def _copies(session: Session, model: Base, count: int, change: Callable[[int], dict[str, Any]]) -> list[int]:
    """Rows like one that is there, each with what `change` gives for its index; returns their ids."""
    kind: Any = type(model)
    same = {column.key: getattr(model, column.key) for column in kind.__table__.columns if column.key not in _OF_ONE}
    rows = [same | change(index) for index in range(count)]
    return list(session.scalars(insert(kind).returning(kind.id, sort_by_parameter_order=True), rows))
