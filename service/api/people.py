"""Which requests are people's pages: others step aside while one of them is being made."""

from contextlib import ExitStack

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.courtesy import Courtesy, Rank

_PREFIX = "/api/v1/"
# Asked for by machines; the files of states may take long to send.
_NOBODY = ("/api/v1/health", "/api/v1/states")


class PeopleFirst:
    """ASGI middleware: a page is being made from its request until its answer begins, which a stream's does at once."""

    def __init__(self, app: ASGIApp, courtesy: Courtesy) -> None:
        self._app = app
        self._courtesy = courtesy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        path = scope.get("path", "")
        if scope.get("method") != "GET" or not path.startswith(_PREFIX) or path.startswith(_NOBODY):
            await self._app(scope, receive, send)
            return
        with ExitStack() as page:
            page.enter_context(self._courtesy.answering(Rank.PAGE))

            async def answered(message: Message) -> None:
                page.close()
                await send(message)

            await self._app(scope, receive, answered)
