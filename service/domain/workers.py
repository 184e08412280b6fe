"""Workers: registered, seen, gone."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import Select, String, bindparam, cast, func, select, update
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningUpdate

from service.errors import NotFoundError
from service.store import clock
from service.store.tables import Run, Worker, in_state
from service.wire.protocol import Hello, Report
from service.wire.views import WorkerView

SHOWN_FOR = timedelta(hours=1)
_MOST_SHOWN = 500
_SAID = {"updates_per_second", "backlog_bytes", "backlog_seconds", "lanes"}


def register(session: Session, hello: Hello) -> int:
    """Note a new worker; returns its id. Whoever had its slot before is dead, and what that held is free at once."""
    now = clock.now(session)
    if hello.slot is not None:
        earlier = select(Worker.id).where(Worker.slot == hello.slot, Worker.left_at.is_(None))
        end(session, session.scalars(earlier).all())
    worker = Worker(
        name=hello.name,
        device=hello.device,
        device_name=hello.device_name,
        lanes=hello.lanes,
        memory_gib=hello.memory_gib,
        labels=hello.labels,
        slot=hello.slot,
        version=hello.version,
        updates_per_second=0.0,
        registered_at=now,
        last_seen_at=now,
    )
    session.add(worker)
    session.flush()
    return worker.id


def demand_present(session: Session, worker_id: int) -> None:
    """Lock a worker, so that it does not leave meanwhile.

    Raises:
        NotFoundError: it never registered, or it said that it leaves.
    """
    if session.scalar(present().with_for_update(), {"worker": worker_id}) is None:
        raise absent(worker_id)


def seen(session: Session, worker_id: int, report: Report | None = None) -> datetime:
    """Note that a worker lives, and what it says of itself; returns the time.

    Raises:
        NotFoundError: it never registered, or it said that it leaves.
    """
    said = {} if report is None else report.model_dump(include=_SAID, exclude_none=True)
    given = {"worker": worker_id, **{f"said_{name}": value for name, value in said.items()}}
    seen_at = session.scalar(_seen(tuple(said)), given, execution_options={"synchronize_session": False})
    if seen_at is None:
        raise absent(worker_id)
    return seen_at


@cache
def _seen(said: tuple[str, ...]) -> ReturningUpdate[datetime]:
    alive = update(Worker).where(Worker.id == bindparam("worker"), Worker.left_at.is_(None))
    news: dict[str, Any] = {name: bindparam(f"said_{name}") for name in said}
    return alive.values(last_seen_at=clock.MOMENT, **news).returning(Worker.last_seen_at)


def leave(session: Session, worker_id: int) -> None:
    """End a registration."""
    now = clock.now(session)
    session.execute(update(Worker).where(Worker.id == worker_id).values(left_at=now, updates_per_second=0.0))


def end(session: Session, worker_ids: Sequence[int]) -> None:
    """End the registrations of workers whose processes are known to be dead; the leases that they held have expired.

    What lives after all learns at its next report that it has no part in this any more.
    """
    now = clock.now(session)
    session.execute(
        update(Worker).where(Worker.id.in_(worker_ids)).values(left_at=now, updates_per_second=0.0),
        execution_options={"synchronize_session": False},
    )
    held = select(Run.id).where(in_state(Run.state, "running"), Run.worker_id.in_(worker_ids)).order_by(Run.id)
    ids = session.scalars(held.with_for_update()).all()
    session.execute(
        update(Run).where(Run.id.in_(ids), Run.lease_expires_at > now).values(lease_expires_at=now),
        execution_options={"synchronize_session": False},
    )


def listing(session: Session, lease_seconds: float) -> list[WorkerView]:
    """The workers of the last hour, newest first; one that has not been seen for a lease's time is away.

    Of very many, those that were seen last.
    """
    now = clock.now(session)
    recent = select(Worker).where(Worker.last_seen_at > now - SHOWN_FOR).order_by(Worker.last_seen_at.desc())
    workers = sorted(session.scalars(recent.limit(_MOST_SHOWN)), key=lambda worker: -worker.id)
    held = {worker_id: (lanes, runs) for worker_id, lanes, runs in session.execute(_held())}
    nothing = 0.0, ""
    return [
        WorkerView(
            id=worker.id,
            name=worker.name,
            device=worker.device,
            device_name=worker.device_name,
            lanes=worker.lanes,
            lanes_in_use=round(held.get(worker.id, nothing)[0]),
            updates_per_second=worker.updates_per_second if worker.id in held else 0.0,
            utilisation=_utilisation(worker),
            backlog_bytes=worker.backlog_bytes,
            backlog_seconds=worker.backlog_seconds,
            version=worker.version,
            last_seen=worker.last_seen_at,
            state="left"
            if worker.left_at
            else "away"
            if worker.last_seen_at < now - timedelta(seconds=lease_seconds)
            else "active",
            runs=sorted(map(int, held.get(worker.id, nothing)[1].split())),
        )
        for worker in workers
    ]


@cache
def _held() -> Select[*tuple[Any, ...]]:
    """The lanes and the ids of the runs that workers train: a row for each worker, since they may have thousands."""
    ids = func.aggregate_strings(cast(Run.id, String), " ")
    held = select(Run.worker_id, func.sum(Run.lane_share), ids).where(in_state(Run.state, "running"))
    return held.group_by(Run.worker_id)


def _utilisation(worker: Worker) -> float:
    """The part of a worker's life, up to its last word, for which its device was charged."""
    life = (worker.last_seen_at - worker.registered_at).total_seconds()
    return min(1.0, worker.device_seconds / life) if life > 0 else 0.0


def present() -> Select[int]:
    """The query for the id of the `worker` that it is given, if that is registered and has not left."""
    return select(Worker.id).where(Worker.id == bindparam("worker"), Worker.left_at.is_(None))


def absent(worker_id: int) -> NotFoundError:
    """What is answered to a worker that is not there."""
    return NotFoundError(f"no worker {worker_id} is registered; register with POST /api/v1/workers")
