"""Connections that nobody can hold for nothing: every wait for a client ends, and the idlest make room for new ones.

Uvicorn itself ends only connections that are idle between two requests. A client that sends its request byte by byte,
goes on sending after it was answered, or never reads its answer would hold one for ever.
"""

import asyncio
import socket
import sys
from dataclasses import dataclass
from typing import ClassVar, Literal, cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from service.api.errors import render
from service.errors import BadRequestError, HeadTooLargeError, ServiceError, SlowError

Phase = Literal["idle", "head", "body", "answer", "linger"]


@dataclass(frozen=True, kw_only=True)
class ConnectionLimits:
    """How long a connection may take in each phase, in seconds, and how many connections are held.

    A body may take as long as it likes if at least `least_rate` bytes arrive in a second.
    """

    connections: int = 1024
    head: float = 10
    body: float = 20
    least_rate: float = 1000
    answer: float = 60
    linger: float = 3


def _send_at_once(transport: asyncio.Transport) -> None:
    """Let no answer wait for the acknowledgement of its own head, which a kernel delays by 40 ms.

    asyncio sees to that itself only for sockets that it made, or whose `proto` says TCP.
    """
    connection = transport.get_extra_info("socket")
    if connection is not None and connection.family in (socket.AF_INET, socket.AF_INET6):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class Connection(H11Protocol):
    """A connection under `limits`, which a subclass sets (see `limited`)."""

    limits: ClassVar[ConnectionLimits] = ConnectionLimits()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begin; when there are too many, the idlest connection ends, or else this one."""
        super().connection_made(transport)
        _send_at_once(transport)
        self._received = 0
        self.heard = self.loop.time()
        self._watch()
        if len(self.connections) > self.limits.connections:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        if self._tick is not None:
            self._tick.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes."""
        self._received += len(data)
        self.heard = self.loop.time()
        if self._tick is None:
            self._watch()
        super().data_received(data)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's signature
        """Answer what is not HTTP with a problem document; uvicorn calls this where h11 refused the bytes."""
        error = sys.exception()
        if isinstance(error, h11.RemoteProtocolError) and error.error_status_hint == 431:
            self._refuse(HeadTooLargeError("the head of the request is too large; send fewer or shorter headers"))
        else:
            self._refuse(BadRequestError("this is not HTTP/1.1 as RFC 9112 has it"))

    @property
    def phase(self) -> Phase:
        """What the connection waits for."""
        theirs = self.conn.their_state
        if self.cycle is None or self.cycle.response_complete:
            if theirs is h11.SEND_BODY:
                return "linger"
            return "head" if self.cycle is None or self.conn.trailing_data[0] else "idle"
        return "body" if theirs is h11.SEND_BODY and not self.flow.read_paused else "answer"

    @property
    def _pause(self) -> float:
        limits = self.limits
        return min(1.0, limits.head / 4, limits.body / 4, limits.answer / 4, limits.linger / 4)

    def _watch(self) -> None:
        self._enter("head")
        self._tick: asyncio.TimerHandle | None = self.loop.call_later(self._pause, self._check)

    def _enter(self, phase: Phase) -> None:
        self._entered, self._since, self._before = phase, self.loop.time(), self._received
        self._unsent = self.transport.get_write_buffer_size()

    def _check(self) -> None:
        phase, limits = self.phase, self.limits
        if phase == "idle":  # uvicorn's own limit holds; most connections are idle at most times
            self._tick = None
            return
        self._tick = self.loop.call_later(self._pause, self._check)
        unsent = self.transport.get_write_buffer_size()
        moved = phase == "answer" and (unsent == 0 or unsent != self._unsent)
        if phase != self._entered or moved:
            self._enter(phase)
            return
        waited = self.loop.time() - self._since
        if phase == "head" and waited > limits.head:
            self._refuse(SlowError(f"the request's head did not arrive in {limits.head:g} seconds; send it at once"))
        elif phase == "body" and waited > limits.body:
            if self._received - self._before < limits.least_rate * waited:
                self._refuse(SlowError(f"fewer than {limits.least_rate:g} bytes a second arrived; send it faster"))
            else:
                self._enter(phase)
        elif (phase == "linger" and waited > limits.linger) or (phase == "answer" and waited > limits.answer):
            self.transport.abort()

    def _refuse(self, error: ServiceError) -> None:
        """Answer with a problem, if nothing was answered yet, and close."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            response = render(error)
            headers = [*response.raw_headers, (b"connection", b"close")]
            events: list[h11.Event] = [
                h11.Response(status_code=response.status_code, headers=headers),
                h11.Data(data=bytes(response.body)),
                h11.EndOfMessage(),
            ]
            for event in events:
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _make_room(self) -> None:
        others = [one for one in cast("set[Connection]", self.connections) if one is not self]
        for phases in (("linger", "idle", "head"), ("body",)):
            waiting = [one for one in others if one.phase in phases]
            if waiting:
                min(waiting, key=lambda one: one.heard).transport.abort()
                return
        self.transport.abort()


def limited(limits: ConnectionLimits) -> type[Connection]:
    """The class of connections under some limits, for uvicorn's setting `http`."""
    return type("LimitedConnection", (Connection,), {"limits": limits})
