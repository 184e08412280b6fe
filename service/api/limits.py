"""What the service accepts of a stranger: bodies up to a size, whatever their headers claim."""

from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.errors import render
from service.errors import TooLargeError

MAX_BODY = 2_000_000


class BodyLimit:
    """ASGI middleware that answers 413 to a body above `MAX_BODY` bytes, without reading the rest of it.

    `larger` gives other limits by the beginning of the path.
    """

    def __init__(self, app: ASGIApp, larger: Mapping[str, int]) -> None:
        self._app = app
        self._larger = larger

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, counting its bytes."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = next((most for path, most in self._larger.items() if scope["path"].startswith(path)), MAX_BODY)
        refusal = f"the body has more than {limit} bytes; send less at once"
        announced = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if announced.isdigit() and int(announced) > limit:
            await render(TooLargeError(refusal))(scope, receive, send)
            return
        size = 0

        async def counted() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > limit:
                # While it reads a body, FastAPI lets this kind of exception alone pass as it is.
                raise HTTPException(TooLargeError.status, refusal)
            return message

        await self._app(scope, counted, send)
