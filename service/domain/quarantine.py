"""Runs that kill their workers: suspected, then trained alone, then failed with the evidence.

A dead worker takes all of its runs along, and most of them are innocent. What tells them apart is where they were:
an innocent run is somewhere else each time, or gets further; training is deterministic, so a run that kills its worker
does so at the same update again. So losses are counted from the last one before which the run had got further than ever
before. From two on it trains alone, on a worker that holds nothing else, where it can take nobody along; and it is
guilty when three attempts in a row, the last of them alone, were lost at the same place. One that is lost again and
again elsewhere goes on alone, up to a large number of losses.

A place is known as precisely as reports come: `Run.stride` is the most updates that a run did between two of them, or
in the first seconds between two of them where the service was away meanwhile.
"""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, literal, or_, select
from sqlalchemy.orm import Session

from service.domain import attempts, results
from service.domain.attempts import Ended
from service.store import clock
from service.store.among import among
from service.store.tables import SUSPECT, Run, Worker, in_state

GUILTY = 3
REPORTS_LAG = timedelta(seconds=3)
MOST_LOSSES = 100

LOST = "nothing was heard of its worker for longer than its lease"
LET_GO = "its worker lives and trains it no more"


def suspected() -> ColumnElement[bool]:
    """That a run is suspected; written into the statement, so that the planner finds the partial index."""
    return Run.losses >= literal(SUSPECT, literal_execute=True)


def note_progress(run: Run, step: int, *, resumed_from: int, lane_share: float, since: timedelta) -> None:
    """Take in how far a run is, before its `step` is set, and how long ago the last report on it was.

    Getting further than ever before clears it of suspicion.
    """
    if run.step or lane_share == 1:  # otherwise it may have joined others, and have what they did from one report on
        leap = step - max(run.step, resumed_from)
        run.stride = max(run.stride, math.ceil(leap * min(1.0, REPORTS_LAG / max(since, REPORTS_LAG))))
    if run.losses and step > run.furthest + run.stride:
        run.losses = 0


def lose(session: Session, runs: Sequence[Run], now: datetime) -> None:
    """End the attempts of runs whose leases have expired, count the losses, and queue them again."""
    let_go = {run.id for run in runs if _lives(session, run)}
    ends = [Ended(run, "released", LET_GO) if run.id in let_go else Ended(run, "lost", LOST) for run in runs]
    attempts.end(session, ends, now)
    for run in runs:
        if run.id not in let_go:
            run.losses += 1
            run.furthest = max(run.furthest, run.step)
        requeue(run)


def _lives(session: Session, run: Run) -> bool:
    """Whether the worker was heard of after a run's lease had expired: then it trains it no more."""
    assert run.lease_expires_at is not None
    return session.get_one(Worker, run.worker_id).last_seen_at > run.lease_expires_at


def requeue(run: Run) -> None:
    """Put a run back into the queue, or aside if its sweep is paused: then it is known how far it is."""
    run.state = "paused" if run.paused else "queued"
    run.step = run.step if run.paused else 0
    run.lane_share = 0
    run.gives_way = False
    run.worker_id = None
    run.lease_expires_at = None


def suspects(session: Session) -> list[int]:
    """The runs whose leases have expired and which nobody may just claim: `judge` them before anything is claimed.

    They are suspected, or their sweep is paused.
    """
    expired = and_(in_state(Run.state, "running"), Run.lease_expires_at < clock.now(session))
    return list(session.scalars(select(Run.id).where(expired, or_(suspected(), Run.paused))))


def judge(session: Session, run_ids: Sequence[int]) -> None:
    """Fail those of the suspected runs that are guilty, with the evidence; put the others back where they wait.

    A transaction of its own: what a claim locks comes after what is locked here.
    """
    locked = results.lock(session, run_ids)
    now = clock.now(session)
    query = select(Run).where(among(Run.id, run_ids)).order_by(Run.id).with_for_update()
    runs = session.scalars(query.execution_options(populate_existing=True)).all()
    leases = [(run, run.lease_expires_at) for run in runs if run.state == "running"]
    guilty = []
    for run in [run for run, expiry in leases if expiry is not None and expiry < now]:
        worker_id, step = run.worker_id, run.step
        lose(session, [run], now)
        if _is_guilty(session, run):
            run.state = "failed"
            run.step = step
            run.cause = "quarantined"
            run.error = _evidence(session, run)
            run.worker_id = worker_id
            run.ended_at = now
            run.to_track = True
            guilty.append(run)
    session.flush()
    results.settle(session, guilty, locked)


def _is_guilty(session: Session, run: Run) -> bool:
    if run.losses < GUILTY:
        return False
    places = [attempt.step for attempt, _ in attempts.last_lost(session, run, GUILTY)]
    return max(places) - min(places) <= run.stride or run.losses >= MOST_LOSSES


def _evidence(session: Session, run: Run) -> str:
    lost = [
        f"attempt {attempt.number} on {worker}, after update {attempt.step} of {run.total_steps}, "
        f"at {attempt.ended_at:%Y-%m-%d %H:%M:%S} UTC"
        for attempt, worker in reversed(attempts.last_lost(session, run, GUILTY))
    ]
    return (
        f"quarantined: {run.losses} workers in a row were lost while they trained it, the last one while it trained "
        f"nothing else: {'; '.join(lost)}"
    )
