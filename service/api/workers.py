"""Workers, and what waits for them."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from service.api.dependencies import Service, Viewer, WorkerCaller
from service.api.errors import responses
from service.api.versions import Version, demand, said
from service.domain import overview, workers
from service.errors import ProtocolError
from service.settings import MLFLOW_DOOR
from service.wire.protocol import Hello, Welcome
from service.wire.views import QueueView, WorkerView

router = APIRouter(tags=["workers"])

Limit = Annotated[int, Query(ge=1, le=1000, description="how many sweeps are listed")]


@router.post(
    "/workers",
    status_code=201,
    summary="Register (workers)",
    response_model=Welcome,
    responses=responses(ProtocolError),
)
def register(hello: Hello, service: Service, _worker: WorkerCaller, version: Version) -> Response:
    """Introduce a worker; the answer says how long leases last and where MLflow is."""
    demand(hello.protocol)
    with service.store.write() as session:
        worker_id = workers.register(session, hello)
    if hello.slot is not None:
        service.dispatcher.wake()
    # A worker of version 1 takes no path of the service for an address.
    door = service.settings.mlflow_door and version > 1
    welcome = Welcome(
        worker_id=worker_id,
        lease_seconds=service.settings.lease_seconds,
        report_seconds=service.settings.report_seconds,
        tracking_url=MLFLOW_DOOR if door else service.settings.mlflow_url,
        states_url=service.settings.states,
        states_bytes=service.settings.states_gib * 2**30,
    )
    return said(welcome, version, status=201)


@router.get("/workers", summary="List workers")
def list_workers(service: Service, _viewer: Viewer) -> list[WorkerView]:
    """Workers seen in the last hour and the runs that they hold."""
    with service.store.read() as session:
        return workers.listing(session, service.settings.lease_seconds)


@router.get("/queue", summary="What waits")
def get_queue(service: Service, viewer: Viewer, limit: Limit = 100) -> QueueView:
    """Queued and running runs: those of every team, and of your team's sweeps whose turn is next."""
    with service.store.read() as session:
        return overview.of_queue(session, viewer, limit)
