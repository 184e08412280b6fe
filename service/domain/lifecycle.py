"""Sweeps paused, resumed, and moved in the queue: at any moment, and as often as one likes.

A pause puts queued runs aside, and marks those that train: at its next report a worker is told to park them, and when
it lets go of one, that is put aside, too. Each is decided under the lock of the run's own row, so none is lost whoever
comes first.
"""

from sqlalchemy import case, exists, select, update
from sqlalchemy.orm import Session

from service.domain import sweeps
from service.domain.access import Principal
from service.errors import ConflictError
from service.store import clock
from service.store.tables import Event, Run, Sweep

_UNSYNCHRONISED = {"synchronize_session": False}
_UNENDED = ("queued", "running", "paused")


def pause(session: Session, principal: Principal, sweep_id: int) -> Sweep:
    """Let nothing of a sweep be trained until it is resumed; one that has ended, or is paused, stays as it is.

    Raises:
        NotFoundError: as `sweeps.find`.
    """
    sweep = sweeps.locked(session, principal, sweep_id)
    if sweep.state not in ("queued", "running"):
        return sweep
    sweeps.lock_leased(session, sweep_id)
    unended = update(Run).where(Run.sweep_id == sweep_id, Run.state.in_(["queued", "running"]))
    state = case((Run.state == "queued", "paused"), else_=Run.state)
    session.execute(unended.values(paused=True, state=state), execution_options=_UNSYNCHRONISED)
    sweep.state = "paused"
    sweep.asking = False
    note(session, principal, sweep, "sweep.paused")
    return sweep


def resume(session: Session, principal: Principal, sweep_id: int) -> Sweep:
    """Let a paused sweep go on where it was; one that is not paused stays as it is.

    Raises:
        NotFoundError: as `sweeps.find`.
        ConflictError: the sweep was cancelled.
    """
    sweep = sweeps.locked(session, principal, sweep_id)
    demand_not_cancelled(sweep)
    if sweep.state != "paused":
        return sweep
    sweeps.lock_leased(session, sweep_id)
    parked = update(Run).where(Run.sweep_id == sweep_id, Run.paused)
    state = case((Run.state == "paused", "queued"), else_=Run.state)
    session.execute(parked.values(paused=False, state=state), execution_options=_UNSYNCHRONISED)
    begun = session.scalar(select(exists().where(Run.sweep_id == sweep_id, Run.attempt > 0)))
    sweep.state = "running" if begun else "queued"
    sweep.asking = sweep.trials_made < sweep.trials_total
    note(session, principal, sweep, "sweep.resumed")
    return sweep


def prioritise(session: Session, principal: Principal, sweep_id: int, priority: int) -> Sweep:
    """Give a sweep another priority, and its runs that have not ended with it.

    Raises:
        NotFoundError: as `sweeps.find`.
    """
    sweep = sweeps.locked(session, principal, sweep_id)
    if sweep.priority == priority:
        return sweep
    sweeps.lock_leased(session, sweep_id)
    unended = update(Run).where(Run.sweep_id == sweep_id, Run.state.in_(_UNENDED))
    session.execute(unended.values(priority=priority), execution_options=_UNSYNCHRONISED)
    note(session, principal, sweep, "sweep.prioritised", before=sweep.priority, now=priority)
    sweep.priority = priority
    respecify(sweep, sweep.spec | {"priority": priority})
    session.flush()
    return sweep


def respecify(sweep: Sweep, spec: dict[str, object]) -> None:
    """Change what a sweep is, and let MLflow show it; a repeated submission is known by what was submitted at first."""
    sweep.submitted = sweep.submitted or sweep.spec
    sweep.spec = spec
    sweep.shown_state = None


def demand_not_cancelled(sweep: Sweep) -> None:
    """Raise ConflictError for a sweep that was cancelled: that is final."""
    if sweep.state == "cancelled":
        raise ConflictError(
            f"sweep {sweep.id} was cancelled, which is final; `rampline clone {sweep.id}` begins another like it"
        )


def note(session: Session, principal: Principal, sweep: Sweep, kind: str, **detail: object) -> None:
    """Write into the audit trail what somebody did to a sweep."""
    at = clock.now(session)
    session.add(Event(at=at, kind=kind, sweep_id=sweep.id, user_id=principal.user_id, detail=detail))
    session.flush()
