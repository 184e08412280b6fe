"""A server behind the door that notes what reaches it, and answers as a test wants."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio.to_thread
import uvicorn

SECONDS = 30.0


@dataclass
class Arrived:
    """A request as it reached the server; of a large body only its size is kept."""

    method: str
    target: str
    headers: dict[str, str]
    size: int = 0
    body: bytes = b""


@dataclass
class Behind:
    """What reached the server, and how it answers: with `status`, `headers` and `size` zeros.

    `began` is set when bytes of a body have arrived. An answer stops after its first part until `go_on` is set.
    """

    url: str
    arrived: list[Arrived] = field(default_factory=list)
    status: int = 200
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    size: int = 2
    began: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        """The server, as an ASGI app."""
        if scope["type"] != "http":
            return
        query = scope["query_string"].decode()
        target = scope["raw_path"].decode() + (f"?{query}" if query else "")
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        one = Arrived(scope["method"], target, headers)
        self.arrived.append(one)
        more = True
        while more:
            message = await receive()
            body, more = message.get("body", b""), message.get("more_body", False)
            one.size += len(body)
            one.body = (one.body + body)[:10_000]
            if body:
                self.began.set()
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        await send({"type": "http.response.body", "body": b"0" * min(self.size, 2), "more_body": self.size > 2})
        if self.size > 2:
            await anyio.to_thread.run_sync(self.go_on.wait, SECONDS)
            part = b"0" * 100_000
            for sent in range(2, self.size, len(part)):
                await send({"type": "http.response.body", "body": part[: self.size - sent], "more_body": True})
            await send({"type": "http.response.body", "body": b""})


@contextmanager
def behind() -> Iterator[Behind]:
    """A running server."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Behind(f"http://127.0.0.1:{listener.getsockname()[1]}")
        config = uvicorn.Config(server.app, log_config=None, access_log=False, lifespan="off", interface="asgi3")
        running = uvicorn.Server(config)
        thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield server
        finally:
            server.go_on.set()
            running.should_exit = True
            thread.join(SECONDS)
            assert not thread.is_alive()
