"""Fleets: who starts workers where the queue needs them. A fleet says what it can have, and is told what is needed."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.domain import placement, workers
from service.store import clock
from service.store.tables import Fleet, Run, Worker, in_state
from service.wire.placement import FleetOrders, FleetReport, SlotView

_MOST_WORKERS = 10_000


def take(session: Session, report: FleetReport) -> FleetOrders:
    """Write down what a fleet can have, end the workers that it knows to be dead, and answer with what is needed."""
    now = clock.now(session)
    supplies = [supply.model_dump(mode="json") for supply in report.supplies]
    fleet = session.scalar(select(Fleet).where(Fleet.name == report.name).with_for_update())
    if fleet is None:
        session.add(Fleet(name=report.name, most=report.most, supplies=supplies, seen_at=now))
    else:
        fleet.most, fleet.supplies, fleet.seen_at = report.most, supplies, now
    session.flush()
    if report.lost:
        slots = Worker.id.in_(report.lost), Worker.slot.startswith(f"{report.name}/", autoescape=True)
        workers.end(session, session.scalars(select(Worker.id).where(*slots, Worker.left_at.is_(None))).all())
    return FleetOrders(demand=placement.demand(session), workers=_slots(session, report.name))


def _slots(session: Session, name: str) -> list[SlotView]:
    mine = Worker.slot.startswith(f"{name}/", autoescape=True)
    there = select(Worker).where(Worker.left_at.is_(None), Worker.slot.is_not(None), mine).order_by(Worker.id)
    found = session.scalars(there.limit(_MOST_WORKERS)).all()
    held = select(Run.worker_id, func.count().label("held")).where(
        in_state(Run.state, "running"), Run.worker_id.in_([worker.id for worker in found])
    )
    runs = {row.worker_id: row.held for row in session.execute(held.group_by(Run.worker_id))}
    return [
        SlotView(
            worker_id=worker.id,
            slot=str(worker.slot),
            runs=runs.get(worker.id, 0),
            offer=placement.offer_of(worker),
        )
        for worker in found
    ]
