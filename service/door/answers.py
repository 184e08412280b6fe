"""How a door answers by itself: refusals in words that MLflow's clients understand, and the way to the login page."""

import json
from collections.abc import Awaitable, Callable
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from service.api.errors import render
from service.errors import ServiceError, UnauthorizedError
from service.wire.problem import MEDIA_TYPE

# Pages make functions of texts (their charts do), show pictures that they made, and start workers from blobs.
PAGES = (
    "default-src 'none'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; font-src 'self' data:; "
    "img-src 'self' data: blob:; connect-src 'self'; worker-src 'self' blob:; frame-src 'self' blob:; "
    "media-src 'self' blob:; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
OURS = {"Referrer-Policy": "same-origin", "X-Frame-Options": "SAMEORIGIN"}
PRIVATE = {"Cache-Control": "private, no-cache"}
# The words of MLflow's own errors.
_CODES = {
    400: "BAD_REQUEST",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "RESOURCE_DOES_NOT_EXIST",
    422: "INVALID_PARAMETER_VALUE",
    503: "TEMPORARILY_UNAVAILABLE",
}


async def answered(request: Request, how: Callable[[Request], Awaitable[Response]]) -> Response:
    """What `how` answers; a refusal as a problem document, or the way to the login for a browser without a session."""
    try:
        return await how(request)
    except UnauthorizedError as error:
        page = request.method in ("GET", "HEAD") and "text/html" in request.headers.get("accept", "")
        if page:
            return RedirectResponse(f"/login?next={quote(request.scope['path'], safe='')}", 303)
        return refusal(error)
    except ServiceError as error:
        return refusal(error)


def refusal(error: ServiceError) -> Response:
    """The problem document of an error, with what MLflow's clients and pages look for."""
    rendered = render(error)
    told = json.loads(bytes(rendered.body)) | {
        "error_code": _CODES.get(error.status, "INTERNAL_ERROR"),
        "message": error.detail,
    }
    headers = {
        name: value for name, value in rendered.headers.items() if name not in ("content-length", "content-type")
    }
    return Response(json.dumps(told), error.status, headers, MEDIA_TYPE)
