"""Sweeps paused, resumed, extended, tried again, moved in the queue, copied."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Body, Response
from sqlalchemy.orm import Session

from service.api.dependencies import Member, Parts, Service
from service.api.errors import responses
from service.api.strict_json import StrictRoute
from service.api.sweeps import IdempotencyKey, SweepId, queued
from service.api.validation import read_spec
from service.domain import descriptions, extension, lifecycle, reopening, sweeps
from service.domain.changes import changed
from service.domain.plan import plan
from service.errors import ConflictError, InvalidError, NotFoundError
from service.store.tables import Sweep
from service.wire.lifecycle import Change, Copy, Extension
from service.wire.views import SweepView

router = APIRouter(prefix="/sweeps", tags=["sweeps"], route_class=StrictRoute)

MORE = {
    "trials": 48,
    "total_steps": 600,
    "space": {"schedule": ["rex"], "peak_lr": {"low": 1.0e-4, "high": 1.0e-1, "log": True}},
}


@router.post("/{sweep_id}/pause", summary="Pause a sweep", responses=responses(NotFoundError))
def pause(sweep_id: SweepId, service: Service, member: Member) -> SweepView:
    """Nothing of it is trained until it is resumed. What trains is parked at its worker's next report, its state kept.

    A sweep that is paused or has ended stays as it is.
    """
    return _done(service, lambda session: lifecycle.pause(session, member, sweep_id))


@router.post(
    "/{sweep_id}/resume", summary="Let a paused sweep go on", responses=responses(NotFoundError, ConflictError)
)
def resume(sweep_id: SweepId, service: Service, member: Member) -> SweepView:
    """Its runs go on where they were. A sweep that is not paused stays as it is; a cancelled one is refused (409)."""
    return _done(service, lambda session: lifecycle.resume(session, member, sweep_id))


@router.post("/{sweep_id}/retry", summary="Try failed runs again", responses=responses(NotFoundError, ConflictError))
def retry(sweep_id: SweepId, service: Service, member: Member) -> SweepView:
    """Failed runs are queued again, with all the attempts that their cause allows; those that diverged are not.

    Where none has failed nothing changes. A cancelled sweep is refused (409).
    """
    with service.store.read() as session:
        sweeps.find(session, member, sweep_id)
    with service.sampling.still(sweep_id):
        return _done(service, lambda session: reopening.retry(session, member, sweep_id))


@router.post(
    "/{sweep_id}/extend",
    summary="Have more of a sweep",
    responses=responses(NotFoundError, ConflictError, InvalidError),
)
def extend(
    sweep_id: SweepId,
    wish: Annotated[Extension, Body(openapi_examples={"more of everything": {"value": MORE}})],
    service: Service,
    member: Member,
) -> SweepView:
    """More trials, further lengths of runs, a wider space; a sweep that has completed goes on.

    What it has it keeps: values are added, ranges grow, and `trials` is the new total, so that repeating it changes
    nothing. What would take something away is refused (422), and so is extending a cancelled sweep (409).
    """
    with service.store.read() as session:
        sweeps.find(session, member, sweep_id)
    with service.sampling.still(sweep_id):
        with service.store.read() as session:
            sweep = sweeps.find(session, member, sweep_id)
        spec = descriptions.spec_of(sweep)
        wanted = plan(read_spec(extension.extended(spec, wish, sweep.trials_total)))
        return _done(service, lambda session: extension.extend(session, member, sweep_id, wanted, wish))


@router.patch("/{sweep_id}", summary="Change a sweep's priority", responses=responses(NotFoundError))
def change(sweep_id: SweepId, change: Change, service: Service, member: Member) -> SweepView:
    """Its queued runs move in the queue at once; what trains goes on."""
    return _done(service, lambda session: lifecycle.prioritise(session, member, sweep_id, change.priority))


@router.post(
    "/{sweep_id}/clone",
    status_code=201,
    summary="Queue a copy of a sweep",
    responses=responses(NotFoundError, ConflictError, InvalidError),
)
def clone(
    sweep_id: SweepId,
    service: Service,
    member: Member,
    response: Response,
    copy: Copy | None = None,
    idempotency_key: IdempotencyKey = None,
) -> SweepView:
    """Another sweep like this one as it is by now, but for what `set` changes: `{"trials": 48, "space.factor": 2}`."""
    with service.store.read() as session:
        original = sweeps.find(session, member, sweep_id)
    spec = read_spec(changed(original.spec, copy.changes if copy is not None else {}))
    view = queued(spec, service, member, idempotency_key, cloned_from=sweep_id)
    response.headers["Location"] = f"/api/v1/sweeps/{view.id}"
    return view


def _done(service: Parts, act: Callable[[Session], Sweep]) -> SweepView:
    with service.store.write() as session:
        view = sweeps.views(session, [act(session).id], service.settings.mlflow_public)[0]
    service.dispatcher.wake()
    service.reconciler.wake()
    return view
