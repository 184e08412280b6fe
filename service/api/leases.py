"""The workers' protocol: claim, report, release."""

from anyio import to_thread
from fastapi import APIRouter, Response

from service import logs
from service.api.dependencies import Parts, Service, WorkerCaller
from service.api.errors import responses
from service.api.presence import HungUp
from service.api.versions import Version, said
from service.courtesy import Rank, stepping_aside
from service.domain import leases, workers
from service.errors import NotFoundError, ProtocolError
from service.wire.protocol import Claim, Granted, Orders, Release, Report

router = APIRouter(prefix="/leases", tags=["leases (workers)"])


@router.post("/claim", summary="Take runs", response_model=Granted, responses=responses(NotFoundError, ProtocolError))
async def claim(request: Claim, service: Service, _worker: WorkerCaller, version: Version, hung_up: HungUp) -> Response:
    """Lease runs that can share a batch; waits for up to `wait_seconds` when there are none."""
    logs.bind(worker_id=request.worker_id)
    return said(await service.dispatcher.claim(request, hung_up), version)


@router.post(
    "/report", summary="Report on runs", response_model=Orders, responses=responses(NotFoundError, ProtocolError)
)
async def report(request: Report, service: Service, _worker: WorkerCaller, version: Version) -> Response:
    """News of all lanes in one call; renews their leases and answers with a command for each."""
    logs.bind(worker_id=request.worker_id)
    orders = await to_thread.run_sync(_orders, service, request, limiter=service.reports.threads)
    if any(run.outcome is not None for run in request.runs):
        service.reconciler.wake()
        service.dispatcher.wake()
    return said(orders, version)


def _orders(service: Parts, request: Report) -> Orders:
    with stepping_aside(Rank.REPORT):
        with service.meters.reports.time():
            commands = service.reports.take(request)
        return Orders(runs=service.pruning.orders(request, commands))


@router.post("/release", status_code=204, summary="Give runs back")
def release(request: Release, service: Service, _worker: WorkerCaller) -> None:
    """Queue runs again at once, so that nobody has to wait for their leases to expire.

    Taken in every version: a worker that is refused may still give back what it holds.
    """
    logs.bind(worker_id=request.worker_id)
    with service.store.write() as session:
        runs = request.runs
        if request.leaving:
            # First: then a claim of this worker that is under way is over, and what it was granted goes back too.
            workers.leave(session, request.worker_id)
            runs = leases.held_by(session, request.worker_id)
        leases.release(session, request.worker_id, runs)
    service.dispatcher.wake()
