"""Who is at the door: the owner of a token, or the browser of one who has logged in."""

from urllib.parse import urlsplit

import anyio
import anyio.to_thread
from starlette.requests import HTTPConnection, Request

from service.domain.access import Principal
from service.errors import ForbiddenError, UnauthorizedError
from service.gate import Gate

_LOOKING = frozenset({"GET", "HEAD"})
# Of their own, since claims may wait in all others.
_THREADS = 8


class Visitors:
    """Finds out who is at the door, anew at each request, so that a revoked token ends its sessions at once."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self.threads = anyio.CapacityLimiter(_THREADS)

    async def who(self, request: Request) -> Principal:
        """The visitor.

        Raises:
            UnauthorizedError: there is no valid token and no session.
            ForbiddenError: the request comes from another site.
            TooManyError: the token was used too often, with its sessions, or too much comes without a valid one.
        """
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind:
            if kind.lower() != "bearer":
                raise UnauthorizedError("send a token: Authorization: Bearer ..., or set MLFLOW_TRACKING_TOKEN")
            address = request.client.host if request.client is not None else "nowhere"
            return await self.admit(token.strip(), address)
        secret = request.cookies.get(cookie_name(request))
        if secret is None:
            raise UnauthorizedError("log in at /login, or send a token: Authorization: Bearer ...")
        demand_same_site(request)
        return await anyio.to_thread.run_sync(self._gate.admit_browser, secret, limiter=self.threads)

    async def admit(self, token: str, address: str) -> Principal:
        """The owner of a token that comes from an address.

        Raises:
            UnauthorizedError: it is not valid.
            TooManyError: it was used too often, or the address has sent too much without a valid one.
        """
        return await anyio.to_thread.run_sync(self._gate.admit, token, address, limiter=self.threads)


def cookie_name(connection: HTTPConnection) -> str:
    """What the cookie of a session is called: under HTTPS in a way that no other host can set it."""
    return "__Host-rampline" if connection.url.scheme == "https" else "rampline"


def demand_same_site(request: Request, *, strict: bool = True) -> None:
    """Refuse what a page of another site lets a browser do: anything but following a link to a page.

    Browsers send `Sec-Fetch-Site` over HTTPS and to this machine, and `Origin` with every change. A change with neither
    is refused if `strict`.

    Raises ForbiddenError.
    """
    looking = request.method in _LOOKING
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None:
        link = looking and request.headers.get("sec-fetch-mode") == "navigate"
        allowed = site in ("same-origin", "none") or link
    elif origin is not None:
        allowed = urlsplit(origin).netloc == request.headers.get("host")
    else:
        allowed = looking or not strict
    if not allowed:
        raise ForbiddenError("the request comes from a page of another site; open this service's own pages")
