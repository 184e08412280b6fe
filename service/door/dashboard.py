"""Optuna's dashboard behind the door: for admins, since it shows the studies of every team, and to look at only.

Its pages name their own parts by paths from the root, so they are shown at those paths and not below one of ours.
"""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from service.door.answers import OURS, PAGES, PRIVATE, answered
from service.door.paths import checked
from service.door.upstream import Upstream
from service.door.visitors import Visitors
from service.errors import ForbiddenError

HOME = "/dashboard"
ENTRANCE = "/optuna"
PATHS = (
    ENTRANCE,
    ENTRANCE + "/",
    HOME,
    HOME + "/{path:path}",
    "/static/{path:path}",
    "/api/meta",
    "/api/studies",
    "/api/studies/{path:path}",
    "/csv/{path:path}",
)


class Dashboard:
    """The pages of the dashboard, at `PATHS`; `ENTRANCE` leads to them."""

    def __init__(self, upstream: Upstream, visitors: Visitors) -> None:
        self._upstream = upstream
        self._visitors = visitors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await (await answered(Request(scope, receive), self._answer))(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        path = checked(request.scope["path"], request.scope["raw_path"])
        principal = await self._visitors.who(request)
        principal.demand("admin")
        if path.startswith(ENTRANCE):
            return RedirectResponse(HOME, 307)
        if request.method not in ("GET", "HEAD"):
            raise ForbiddenError("the dashboard shows studies; Rampline alone changes them")
        own = OURS | PRIVATE | ({"Content-Security-Policy": PAGES} if path.startswith((HOME, "/static/")) else {})
        return await self._upstream.pass_on(request, path, request.scope["query_string"], None, own)
