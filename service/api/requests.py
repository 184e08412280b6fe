"""Each request gets an id, a line in the log, and a place in the metrics; never its query, its body or its token."""

import logging
import re
import time
import uuid

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service import logs
from service.meters import Meters

log = logging.getLogger(__name__)

HEADER = "X-Request-ID"
_ACCEPTED = re.compile(r"[A-Za-z0-9._:-]{1,100}")
# Asked for every few seconds by machines; worth a line only when it fails.
_ROUTINE = ("/health", "/leases", "/metrics", "/mlflow")
_UNKNOWN = "unknown"


class RequestLog:
    """ASGI middleware; the outermost of ours, so that whatever answers a request is seen."""

    def __init__(self, app: ASGIApp, meters: Meters) -> None:
        self._app = app
        self._meters = meters

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on under its id: the caller's own if it sent a sensible one in X-Request-ID."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get(HEADER, "")
        request_id = given if _ACCEPTED.fullmatch(given) else uuid.uuid4().hex
        logs.begin(request_id)
        if client := scope.get("client"):
            logs.bind(address=client[0][:64])
        started = time.perf_counter()
        status = 500

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[HEADER] = request_id
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            self._end(scope, status, time.perf_counter() - started)

    def _end(self, scope: Scope, status: int, seconds: float) -> None:
        method, route = scope["method"], route_of(scope)
        self._meters.requests.labels(method, route, str(status)).observe(seconds)
        routine = status < 400 and route.startswith(_ROUTINE)
        level = logging.WARNING if status >= 500 else logging.DEBUG if routine else logging.INFO
        milliseconds = round(1000 * seconds, 1)
        if sweep := scope.get("path_params", {}).get("sweep_id"):
            logs.bind(sweep_id=sweep)
        log.log(
            level,
            "%s %s %d in %s ms, request %s",
            method,
            route,
            status,
            milliseconds,
            logs.request_id(),
            extra={
                "action": "request.served",
                "method": method,
                "route": route,
                "status": status,
                "milliseconds": milliseconds,
            },
        )


def route_of(scope: Scope) -> str:
    """The template of the route that a request took, in which ids are names, below /api/v1."""
    route = scope.get("route")
    return str(getattr(route, "path", _UNKNOWN))
