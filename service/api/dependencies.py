"""What routes are given: the service's parts, and the caller with the role that the route asks for."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from service.courtesy import Courtesy
from service.dispatch import Dispatcher
from service.domain.access import Principal
from service.domain.corpora import CorpusLibrary
from service.domain.states import StateLibrary
from service.door.visitors import Visitors
from service.errors import InvalidError
from service.gate import Gate
from service.meters import Meters
from service.pruning import Pruning
from service.reconcile import Reconciler
from service.reports import Reports
from service.sampling import Sampling
from service.settings import Settings
from service.store.engine import Store
from service.streams import Streams
from service.studies import Studies
from service.token_key import TokenKey
from service.wire.problem import FieldProblem
from service.wire.tokens import Role

_bearer = HTTPBearer(
    auto_error=False, description="A token of this service; `rampline up` writes one for this machine."
)


@dataclass(frozen=True, kw_only=True)
class Parts:
    """Everything a route may need."""

    settings: Settings
    store: Store
    studies: Studies
    library: CorpusLibrary
    states: StateLibrary
    sampling: Sampling
    dispatcher: Dispatcher
    reports: Reports
    pruning: Pruning
    reconciler: Reconciler
    token_key: TokenKey
    gate: Gate
    visitors: Visitors
    meters: Meters
    streams: Streams
    courtesy: Courtesy

    def stop_waiting(self) -> None:
        """Answer waiting claims and end the streams: they would hold up the end of the server."""
        self.dispatcher.close()
        self.streams.close()

    def close(self) -> None:
        """Stop the background work and close every connection."""
        self.stop_waiting()
        self.reconciler.stop()
        self.studies.close()
        self.store.close()


def parts_of(request: Request) -> Parts:
    """The parts of the app that serves a request."""
    parts: Parts = request.app.state.parts
    return parts


async def _service(request: Request) -> Parts:  # async: FastAPI sends what is not to another thread and back
    return parts_of(request)


Service = Annotated[Parts, Depends(_service)]


def address_of(request: Request) -> str:
    """Where a request comes from."""
    return request.client.host if request.client is not None else "nowhere"


class Caller:
    """A dependency that gives the caller, if its token allows what one of `roles` may do.

    A query parameter that the route does not know is refused, so that a misspelt one is never ignored.
    """

    def __init__(self, *roles: Role) -> None:
        self.roles = roles

    def __call__(
        self,
        request: Request,
        service: Service,
        credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
    ) -> Principal:
        """Authenticate.

        Raises:
            UnauthorizedError: there is no token, or it is not valid.
            TooManyError: it asks too often.
            ForbiddenError: its role may not do this.
            InvalidError: the route has no such query parameter.
        """
        principal = service.gate.admit(
            credentials.credentials if credentials is not None else None, address_of(request)
        )
        principal.demand(*self.roles)
        _refuse_unknown(request)
        return principal


def _refuse_unknown(request: Request) -> None:
    route: APIRoute = request.scope["route"]
    known = list(_query_names(route.dependant))
    remedy = f"known are {', '.join(known)}" if known else "this call has none"
    unknown = [name for name in request.query_params if name not in known]
    if unknown:
        raise InvalidError.of(
            [
                FieldProblem(field=name or "query", problem="there is no such parameter", remedy=remedy)
                for name in unknown
            ]
        )


def _query_names(dependant: Dependant) -> Iterator[str]:
    """The query parameters of a route and of what it depends on."""
    yield from (field.alias for field in dependant.query_params)
    for dependency in dependant.dependencies:
        yield from _query_names(dependency)


Admin = Annotated[Principal, Depends(Caller("admin"))]
Viewer = Annotated[Principal, Depends(Caller("viewer"))]
Member = Annotated[Principal, Depends(Caller("member"))]
WorkerCaller = Annotated[Principal, Depends(Caller("worker"))]
ViewerOrWorker = Annotated[Principal, Depends(Caller("viewer", "worker"))]
