"""What the service accepts of a stranger: bodies up to a size, whatever their headers claim."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.errors import render
from service.errors import TooLargeError

MAX_BODY = 2_000_000


class BodyLimit:
    """ASGI middleware that answers 413 to a body above `MAX_BODY` bytes, without reading the rest of it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, counting its bytes."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if announced.isdigit() and int(announced) > MAX_BODY:
            await _refuse(scope, receive, send)
            return
        size, answered = 0, False

        async def counted() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > MAX_BODY:
                raise TooLargeError(f"the body has more than {MAX_BODY} bytes; split the request")
            return message

        async def watched(message: Message) -> None:
            nonlocal answered
            answered = True
            await send(message)

        try:
            await self._app(scope, counted, watched)
        except TooLargeError:
            if answered:
                raise
            await _refuse(scope, receive, send)


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    error = TooLargeError(f"the body has more than {MAX_BODY} bytes; split the request")
    await render(error)(scope, receive, send)
