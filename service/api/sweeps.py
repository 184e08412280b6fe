"""Sweeps: submit, preview, list, look, cancel."""

from typing import Annotated

from fastapi import APIRouter, Body, Header, Path, Response

from service.api.dependencies import Member, Parts, Service, Viewer
from service.api.errors import responses
from service.api.paging import BIGGEST, Cursor, Limit
from service.api.strict_json import StrictRoute
from service.domain import best, corpora, preview, sweeps, trials, uploads, warm_start
from service.domain.access import Principal
from service.domain.corpora import Text
from service.domain.plan import Plan, plan
from service.domain.uploads import Kept
from service.errors import ConflictError, InvalidError, NotFoundError
from service.wire.sweep import SweepSpec
from service.wire.views import Best, SweepPage, SweepPreview, SweepState, SweepView, TrialPage, TrialView

router = APIRouter(prefix="/sweeps", tags=["sweeps"], route_class=StrictRoute)

SweepId = Annotated[int, Path(ge=1, le=BIGGEST)]
TrialNumber = Annotated[int, Path(ge=0, le=BIGGEST)]
IdempotencyKey = Annotated[
    str | None, Header(min_length=1, max_length=255, description="repeat a request with it and get the same sweep")
]

EXAMPLE = {
    "name": "first-sweep",
    "space": {
        "schedule": ["noam", "linear", "cosine", {"type": "wsd", "decay_fraction": 0.2, "shape": "1-sqrt"}],
        "warmup_steps": {"values": [20, 40, 80]},
        "peak_lr": {"low": 3.0e-4, "high": 3.0e-2, "log": True},
    },
    "sampler": {"type": "tpe", "seed": 0},
    "trials": 24,
    "total_steps": 300,
    "model": {"d_model": 64, "n_layers": 2, "n_heads": 4, "context": 64, "norm": "pre"},
    "optimizer": {"type": "adam", "betas": [0.9, 0.98], "eps": 1.0e-9},
    "data": {"corpus": "shakespeare", "batch_size": 16},
}
Spec = Annotated[SweepSpec, Body(openapi_examples={"first sweep": {"value": EXAMPLE}})]


@router.post("", status_code=201, summary="Queue a sweep", responses=responses(InvalidError, ConflictError))
def submit(
    spec: Spec,
    service: Service,
    member: Member,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> SweepView:
    """Validate a sweep, write down its text, and queue its runs. Nothing of a refused sweep is stored."""
    view = queued(spec, service, member, idempotency_key)
    response.headers["Location"] = f"/api/v1/sweeps/{view.id}"
    return view


@router.post("/preview", summary="What a sweep would be", responses=responses(InvalidError))
def show_preview(spec: Spec, service: Service, viewer: Viewer) -> SweepPreview:
    """The validation of a submission, the size of the sweep, the linter's findings and the curves; queues nothing."""
    plan, _ = _checked(spec, service, viewer)
    return preview.preview(plan)


@router.get("", summary="List sweeps")
def list_sweeps(
    service: Service, viewer: Viewer, cursor: Cursor = None, limit: Limit = 50, state: SweepState | None = None
) -> SweepPage:
    """Your team's sweeps, newest first."""
    with service.store.read() as session:
        return sweeps.page(session, viewer, service.settings.mlflow_public, cursor, limit, state)


@router.get("/{sweep_id}", summary="One sweep with its progress", responses=responses(NotFoundError))
def get_sweep(sweep_id: SweepId, service: Service, viewer: Viewer) -> SweepView:
    """A sweep's specification, state, counts and best value so far."""
    with service.store.read() as session:
        sweep = sweeps.glance(session, viewer, sweep_id)
        return sweeps.views(session, [sweep.id], service.settings.mlflow_public)[0]


@router.post("/{sweep_id}/cancel", summary="End a sweep now", responses=responses(NotFoundError))
def cancel(sweep_id: SweepId, service: Service, member: Member) -> SweepView:
    """Queued runs never start; running ones stop at their workers' next report. Doing it twice changes nothing."""
    with service.store.write() as session:
        sweep = sweeps.cancel(session, member, sweep_id)
        view = sweeps.views(session, [sweep.id], service.settings.mlflow_public)[0]
    service.reconciler.wake()
    return view


@router.get("/{sweep_id}/trials", summary="List trials", responses=responses(NotFoundError))
def list_trials(
    sweep_id: SweepId, service: Service, viewer: Viewer, cursor: Cursor = None, limit: Limit = 200
) -> TrialPage:
    """Configurations, values and runs, in the order of the trials' numbers."""
    with service.store.read() as session:
        sweep = sweeps.glance(session, viewer, sweep_id)
        return trials.page(session, sweep, service.settings.mlflow_public, cursor, limit)


@router.get("/{sweep_id}/trials/{number}", summary="One trial", responses=responses(NotFoundError))
def get_trial(sweep_id: SweepId, number: TrialNumber, service: Service, viewer: Viewer) -> TrialView:
    """A configuration, its value over the replicates, and its runs."""
    with service.store.read() as session:
        sweep = sweeps.glance(session, viewer, sweep_id)
        return trials.find(session, sweep, number, service.settings.mlflow_public)


@router.get("/{sweep_id}/best", summary="The best trial and its code", responses=responses(NotFoundError))
def get_best(sweep_id: SweepId, service: Service, viewer: Viewer) -> Best:
    """The trial of the smallest value, those that noise cannot tell from it, and PyTorch code that reproduces it."""
    with service.store.read() as session:
        sweep = sweeps.glance(session, viewer, sweep_id)
        return best.best(session, sweep, service.settings.mlflow_public)


def queued(spec: SweepSpec, service: Parts, member: Principal, idempotency_key: str | None, **origin: int) -> SweepView:
    """Validate a sweep and queue it; `origin` says in the audit trail where it comes from."""
    sweeps.demand_member(member)
    plan, text = _checked(spec, service, member)
    if isinstance(text, Text):
        service.library.keep(text)
    with service.store.write() as session:
        sweep = sweeps.submit(session, member, plan, text, idempotency_key, origin)
        view = sweeps.views(session, [sweep.id], service.settings.mlflow_public)[0]
    service.dispatcher.wake()
    service.reconciler.wake()
    return view


def _checked(spec: SweepSpec, service: Parts, caller: Principal) -> tuple[Plan, Text | Kept]:
    """Both of a sweep's checks, so that problems of its space and of its text are told at once."""
    problems = []
    checked: Plan | None = None
    text: Text | Kept | None = None
    try:
        checked = plan(spec)
    except InvalidError as error:
        problems += error.fields
    try:
        if checked is not None:
            with service.store.read() as session:
                checked = warm_start.resolve(session, caller, checked)
    except InvalidError as error:
        problems += error.fields
    try:
        text = _text(spec, service, caller)
    except InvalidError as error:
        problems += error.fields
    if checked is None or text is None or problems:
        raise InvalidError.of(problems)
    return checked, text


def _text(spec: SweepSpec, service: Parts, caller: Principal) -> Text | Kept:
    """The text that a sweep names, if it is long enough."""
    name, context = spec.data.corpus, spec.model.context
    if not name.startswith(uploads.PREFIX):
        return service.library.read_for(name, context)
    with service.store.read() as session:
        kept = uploads.resolve(session, caller, name)
    corpora.demand_length(name, kept.size, context)
    return kept
