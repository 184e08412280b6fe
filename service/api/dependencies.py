"""What routes are given: the service's parts, and the caller with the role that the route asks for."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from service.dispatch import Dispatcher
from service.domain import access
from service.domain.access import Principal, Role
from service.domain.corpora import CorpusLibrary
from service.errors import UnauthorizedError
from service.meters import Meters
from service.reconcile import Reconciler, TokenUse
from service.settings import Settings
from service.store.engine import Store
from service.streams import Streams
from service.studies import Studies

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
    dispatcher: Dispatcher
    reconciler: Reconciler
    token_use: TokenUse
    meters: Meters
    streams: Streams

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


Service = Annotated[Parts, Depends(parts_of)]


def caller(role: Role) -> Callable[..., Principal]:
    """A dependency that gives the caller, if its token allows what `role` may do."""

    def authenticated(
        service: Service, credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]
    ) -> Principal:
        if credentials is None:
            raise UnauthorizedError("send a token: Authorization: Bearer ...")
        with service.store.read() as session:
            principal = access.authenticate(session, credentials.credentials)
        service.token_use.note(principal.token_id)
        principal.demand(role)
        return principal

    return authenticated


Viewer = Annotated[Principal, Depends(caller("viewer"))]
Member = Annotated[Principal, Depends(caller("member"))]
WorkerCaller = Annotated[Principal, Depends(caller("worker"))]
