"""Workers, and what waits for them."""

from fastapi import APIRouter

from service.api.dependencies import Service, Viewer, WorkerCaller
from service.api.errors import responses
from service.domain import queue, workers
from service.errors import ConflictError
from service.wire.protocol import PROTOCOL_VERSION, Hello, Welcome
from service.wire.views import QueueView, WorkerView

router = APIRouter(tags=["workers"])


@router.post("/workers", status_code=201, summary="Register (workers)", responses=responses(ConflictError))
def register(hello: Hello, service: Service, _worker: WorkerCaller) -> Welcome:
    """Introduce a worker; the answer says how long leases last and where MLflow is."""
    if hello.protocol != PROTOCOL_VERSION:
        raise ConflictError(f"this service speaks protocol {PROTOCOL_VERSION}; install the worker of the same version")
    with service.store.write() as session:
        worker_id = workers.register(session, hello)
    return Welcome(
        worker_id=worker_id,
        lease_seconds=service.settings.lease_seconds,
        report_seconds=service.settings.report_seconds,
        tracking_url=service.settings.mlflow_url,
        states_url=service.settings.states,
        states_bytes=service.settings.states_gib * 2**30,
    )


@router.get("/workers", summary="List workers")
def list_workers(service: Service, _viewer: Viewer) -> list[WorkerView]:
    """Workers seen in the last hour and the runs that they hold."""
    with service.store.read() as session:
        return workers.listing(session, service.settings.lease_seconds)


@router.get("/queue", summary="What waits")
def get_queue(service: Service, viewer: Viewer) -> QueueView:
    """Queued and running runs of your team by sweep, in the order in which they are taken, and of every team."""
    with service.store.read() as session:
        return queue.overview(session, viewer)
