"""The application: parts, routes, errors, limits, and the OpenAPI page."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

import anyio.to_thread
from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi_offline import FastAPIOffline

from service import traces
from service.api import (
    audit,
    corpora,
    errors,
    events,
    fleets,
    health,
    leases,
    lifecycle,
    metrics,
    runs,
    schedules,
    shares,
    states,
    sweeps,
    teams,
    tokens,
    users,
    workers,
)
from service.api.dependencies import Parts
from service.api.headers import SecurityHeaders
from service.api.limits import BodyLimit
from service.api.people import PeopleFirst
from service.api.requests import RequestLog
from service.courtesy import Courtesy
from service.dispatch import Dispatcher
from service.domain.corpora import CorpusLibrary
from service.domain.states import StateLibrary
from service.door.opening import Doors
from service.door.rules import FILES
from service.door.visitors import Visitors
from service.errors import (
    BadRequestError,
    ForbiddenError,
    InvalidError,
    TooLargeError,
    TooManyError,
    UnauthorizedError,
    UnavailableError,
)
from service.exposition import FactsCollector
from service.gate import Gate, Rates
from service.meters import Meters
from service.mirror import Mirror
from service.preemption import Preemption
from service.pruning import Pruning
from service.reconcile import Reconciler, TokenUse
from service.reports import Reports
from service.sampling import Sampling
from service.settings import MLFLOW_DOOR, Settings
from service.store.engine import Store
from service.streams import Streams
from service.studies import Studies
from service.token_key import TokenKey
from service.wire.problem import Problem
from service.wire.states import MAX_STATE_BYTES

# What any guarded call may be answered with, whatever it does.
ANYWHERE = (
    BadRequestError,
    UnauthorizedError,
    ForbiddenError,
    TooLargeError,
    InvalidError,
    TooManyError,
    UnavailableError,
)
# Requests that are worked on at the same time. Python computes for one of them at a time; were more let in, they would
# all take turns, and with hundreds of workers all of them be late. Claims that wait hold none (see `service.dispatch`).
THREADS = 6


def create_app(settings: Settings) -> FastAPI:
    """The application on a database that has the newest schema."""
    parts = _parts(settings)
    doors = Doors(settings, parts.store, parts.visitors)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
        parts.reconciler.start()
        yield
        await doors.close()
        parts.close()

    app = FastAPIOffline(  # its page loads nothing from other hosts
        title="Rampline",
        version=version("rampline"),
        summary="Sweeps over learning-rate schedules of transformers.",
        lifespan=lifespan,
        docs_url="/docs",
        redoc_url=None,
        telemetry=traces.install(parts.store.engine),
        openapi_tags=[
            {
                "name": "sweeps",
                "description": "Submit a search space; pause it, extend it; look at its trials; get the best.",
            },
            {"name": "schedules", "description": "The families that a sweep can compare."},
            {"name": "corpora", "description": "The texts that a sweep can train on."},
            {"name": "workers", "description": "Who trains, and what waits."},
            {"name": "usage", "description": "What teams have used of the devices, and what they may."},
            {"name": "leases (workers)", "description": "How workers take runs and report on them."},
            {"name": "states (workers)", "description": "Where runs stand, for workers that share no directory."},
            {"name": "access", "description": "Teams, users, tokens, and who changed what."},
            {"name": "health", "description": "Probes and metrics."},
        ],
    )
    app.state.parts = parts
    guarded = APIRouter(prefix="/api/v1", responses=errors.responses(*ANYWHERE))
    nouns = (
        *(sweeps, lifecycle, events, runs, schedules, corpora, workers, shares, fleets, leases, states),
        *(teams, users, tokens, audit, metrics),
    )
    for noun in nouns:
        guarded.include_router(noun.router)
    app.include_router(guarded)
    app.include_router(health.router, prefix="/api/v1")
    doors.install(app)
    larger = {"/api/v1/corpora": settings.upload_bytes, "/api/v1/states/": MAX_STATE_BYTES}
    larger[MLFLOW_DOOR + FILES] = settings.mlflow_file_bytes
    app.add_middleware(BodyLimit, larger=larger)
    app.add_middleware(SecurityHeaders)
    app.add_middleware(PeopleFirst, courtesy=parts.courtesy)
    app.add_middleware(RequestLog, meters=parts.meters)
    errors.install(app)
    _describe_problems(app)
    return app


def _parts(settings: Settings) -> Parts:
    store, meters = Store(settings.database), Meters()
    courtesy = Courtesy()
    if not store.is_sqlite:  # there one writes at a time: who steps aside would hold up whom it lets pass
        courtesy.listen(store.engine)  # before the meters do, which time statements
    meters.watch(store.engine, store.sessions)
    meters.registry.register(FactsCollector(store, settings.lease_seconds, tracked=settings.mlflow_url is not None))
    with store.exclusive("optuna storage"):
        studies = Studies(settings.optuna)
    if not store.is_sqlite:
        courtesy.listen(studies.engine)
    sampling = Sampling(store, studies, settings.policy)
    token_key, token_use = TokenKey.of(settings), TokenUse(store)
    rates = Rates(person=settings.rate, worker=settings.worker_rate, stranger=settings.stranger_rate)
    gate = Gate(store, token_key, token_use, rates)
    dispatcher = Dispatcher(store, sampling, settings.lease_seconds, meters, courtesy, settings.policy)
    steps = {
        "watching the leases": dispatcher.watch,
        "telling Optuna results": sampling.tell_all,
        "sharing the lanes": Preemption(store, settings.policy, settings.lease_seconds).step,
        "noting the use of tokens": token_use.write,
    }
    if settings.mlflow_url is not None:
        steps |= Mirror(store, settings.mlflow_url, settings.lease_seconds).steps()
    return Parts(
        settings=settings,
        store=store,
        studies=studies,
        library=CorpusLibrary(settings.artifacts, settings.corpora),
        states=StateLibrary(settings.artifacts / "states", settings.states_gib * 2**30),
        sampling=sampling,
        dispatcher=dispatcher,
        reports=Reports(store, settings.lease_seconds, settings.policy),
        pruning=Pruning(store),
        reconciler=Reconciler(steps),
        token_key=token_key,
        gate=gate,
        visitors=Visitors(gate),
        meters=meters,
        streams=Streams(store, meters),
        courtesy=courtesy,
    )


def _describe_problems(app: FastAPI) -> None:
    """Put the problem document into the OpenAPI page, to which `errors.responses` refers."""

    def openapi() -> dict[str, object]:
        if app.openapi_schema is None:
            document = get_openapi(
                title=app.title, version=app.version, summary=app.summary, routes=app.routes, tags=app.openapi_tags
            )
            definitions = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas = document["components"]["schemas"]
            schemas |= definitions.pop("$defs")
            schemas["Problem"] = definitions
            schemas.pop("HTTPValidationError", None)
            schemas.pop("ValidationError", None)
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI documents replacing it
