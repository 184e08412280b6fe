"""Fleets: those who start workers where the queue needs them."""

from fastapi import APIRouter

from service.api.dependencies import Service, WorkerCaller
from service.domain import fleets
from service.wire.placement import FleetOrders, FleetReport

router = APIRouter(tags=["workers"])


@router.post("/fleets", summary="What a fleet has, and what it is to obtain (fleets)")
def report(request: FleetReport, service: Service, _worker: WorkerCaller) -> FleetOrders:
    """Say what this fleet could obtain and which of its workers have died; learn what the queue needs."""
    with service.store.write() as session:
        orders = fleets.take(session, request)
    if request.lost:
        service.dispatcher.wake()
    return orders
