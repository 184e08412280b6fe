"""One connection of a simulated caller: cheap, so that a benchmark measures the service and not the one who asks."""

import asyncio
import json
from typing import Any

from service.wire.versions import HEADER, NEWEST


class Line:
    """A connection to a server on this machine, kept open; one call at a time."""

    def __init__(self, port: int, token: str) -> None:
        self._port = port
        self._head = f"Host: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n{HEADER}: {NEWEST}\r\n"
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def get(self, path: str) -> bytes:
        """What a page answers; it has to be a success."""
        return await self._call("GET", path, None)

    async def post(self, path: str, body: dict[str, Any]) -> Any:
        """Call; returns the answer, which has to be a success."""
        answer = await self._call("POST", path, json.dumps(body).encode())
        return json.loads(answer) if answer else None

    def close(self) -> None:
        """Hang up; the next call opens the connection again."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    async def _call(self, method: str, path: str, content: bytes | None) -> bytes:
        head = f"{method} /api/v1{path} HTTP/1.1\r\n{self._head}"
        if content is not None:
            head += f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n"
        message = f"{head}\r\n".encode() + (content or b"")
        try:
            reader, answered = await self._say(message)
        except (asyncio.IncompleteReadError, ConnectionError):  # the server had closed it: it was idle for too long
            self.close()
            reader, answered = await self._say(message)
        status, *headers = answered.decode().split("\r\n")
        length = next((int(one[15:]) for one in headers if one.lower().startswith("content-length:")), 0)
        answer = await reader.readexactly(length)
        if status.split()[1][0] != "2":
            raise RuntimeError(f"{path}: {status} {answer.decode()[:500]}")
        return answer

    async def _say(self, message: bytes) -> tuple[asyncio.StreamReader, bytes]:
        """Send a request; returns the head of the answer."""
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        writer.write(message)
        return reader, await reader.readuntil(b"\r\n\r\n")
