"""Clients that mean harm, over real sockets: they get a clear refusal, and others are served meanwhile."""

import asyncio
import contextlib
import resource
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.connections import Connection, ConnectionLimits
from service.store.tables import Worker
from service.wire.problem import Problem
from service.wire.protocol import Claim
from tests.integration.conftest import Database
from tests.integration.harness import GRID
from tests.integration.serving import TOKENS, Serving, hello, running
from tests.waiting import wait_until

IMPATIENT = ConnectionLimits(connections=40, head=1, body=1, least_rate=1000, answer=2, linger=0.5)
AUTHORIZED = f"Authorization: Bearer {TOKENS['member']}\r\nHost: x\r\n".encode()
POST = b"POST /api/v1/sweeps HTTP/1.1\r\nContent-Type: application/json\r\n" + AUTHORIZED
UPLOAD = b"POST /api/v1/corpora?name=x HTTP/1.1\r\n" + AUTHORIZED
SECONDS = 30.0


@pytest.fixture(params=["sqlite"])
def backend(request: pytest.FixtureRequest) -> str:
    kind: str = request.param
    return kind


@pytest.fixture
def serving(database: Database, tmp_path: Path) -> Iterator[Serving]:
    with running(database.url, database.optuna_url, tmp_path, IMPATIENT) as server:
        yield server


@contextlib.contextmanager
def connected(serving: Serving) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", int(serving.url.rsplit(":", 1)[1])), timeout=SECONDS) as opened:
        yield opened


def answer(connection: socket.socket) -> Problem:
    """The problem with which the server answers before it closes."""
    received = b""
    with contextlib.suppress(ConnectionError):
        while part := connection.recv(65536):
            received += part
    head, _, body = received.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head, received[:500]
    return Problem.model_validate_json(body)


def test_no_answer_waits_for_the_acknowledgement_of_its_head(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    begin, delays = Connection.connection_made, []

    def note(connection: Connection, transport: asyncio.Transport) -> None:
        begin(connection, transport)
        delays.append(transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

    monkeypatch.setattr(Connection, "connection_made", note)
    assert serving.http().get("/health/live").is_success
    assert delays == [1]


def test_a_worker_that_has_hung_up_is_granted_nothing(serving: Serving) -> None:
    worker = serving["worker"]
    dead, alive = (worker.register(hello(4)).worker_id for _ in range(2))
    claim = Claim(worker_id=dead, lanes=4, wait_seconds=25).model_dump_json().encode()
    head = f"POST /api/v1/leases/claim HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKENS['worker']}\r\n"
    with connected(serving) as connection:
        connection.sendall(f"{head}Content-Type: application/json\r\nContent-Length: {len(claim)}\r\n\r\n".encode())
        connection.sendall(claim)
        wait_until(lambda: worker_is_seen_since_it_registered(serving, dead))
    wait_until(lambda: claims_answered(serving) == 1, seconds=12)  # half of what it asked to wait
    serving["member"].submit(GRID)
    leases = worker.claim(Claim(worker_id=alive, lanes=100)).leases
    assert [lease.attempt for lease in leases] == [1] * 8


def worker_is_seen_since_it_registered(serving: Serving, worker_id: int) -> bool:
    with serving.parts.store.read() as session:
        worker = session.get_one(Worker, worker_id)
        return worker.last_seen_at > worker.registered_at


def claims_answered(serving: Serving) -> float:
    labels = {"method": "POST", "route": "/leases/claim", "status": "200"}
    return serving.parts.meters.registry.get_sample_value("rampline_request_seconds_count", labels) or 0.0


def test_what_is_not_http_is_refused(serving: Serving) -> None:
    flood = b"".join(b"X-%d: %s\r\n" % (number, b"y" * 100) for number in range(2000))
    for request, status in (
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a TLS greeting\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (b"GET /api/v1/sweeps HTTP/1.1\r\n" + AUTHORIZED + flood, 431),
        (b"GET /" + b"x" * 200_000, 431),
    ):
        with connected(serving) as connection:
            with contextlib.suppress(ConnectionError):
                connection.sendall(request)
            assert answer(connection).status == status, request[:60]
    assert serving["member"].sweeps().items == []


@pytest.mark.parametrize("kept", [False, True], ids=["a new connection", "one that was answered and idle"])
def test_a_request_byte_by_byte_ends_in_time(serving: Serving, monkeypatch: pytest.MonkeyPatch, kept: bool) -> None:
    begin, begun = Connection.connection_made, []

    def note(connection: Connection, transport: asyncio.Transport) -> None:
        begin(connection, transport)
        begun.append(connection)

    monkeypatch.setattr(Connection, "connection_made", note)
    for request in (b"GET /api/v1/sweeps HTTP/1.1\r\n", POST + b"Content-Length: 100000\r\n\r\n{", b""):
        with connected(serving) as connection:
            if kept:
                connection.sendall(b"GET /api/v1/health/live HTTP/1.1\r\nHost: x\r\n\r\n")
                received = b""
                while not received.endswith(b"}"):
                    received += connection.recv(65536)
                    assert received
                wait_until(lambda: begun[-1]._tick is None)  # nobody looks at it any more
            connection.sendall(request)
            connection.settimeout(0.2)
            began = time.monotonic()
            while not _readable(connection):
                assert time.monotonic() - began < SECONDS
                connection.sendall(b"x")
            connection.settimeout(SECONDS)
            assert answer(connection).code == "too_slow"


def test_a_body_without_end_is_refused_and_not_read_for_ever(serving: Serving) -> None:
    for head in (POST, UPLOAD + b"Content-Encoding: gzip\r\n", UPLOAD.replace(b"name=x", b"name=..")):
        with connected(serving) as connection:
            connection.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n")
            sent, chunk = 0, b"10000\r\n" + b" " * 65536 + b"\r\n"
            began = time.monotonic()
            with contextlib.suppress(ConnectionError):
                while True:
                    connection.sendall(chunk)
                    sent += 65536
                    assert time.monotonic() - began < SECONDS, f"it still takes bytes, {sent} so far"
    assert serving["member"].sweeps().items == []


def test_an_answer_that_nobody_reads_is_not_held_for_ever(serving: Serving) -> None:
    digest = serving["member"].upload_corpus("big", b"text " * 4_000_000).digest
    request = f"GET /api/v1/corpora/{digest}/content HTTP/1.1\r\nAuthorization: Bearer {TOKENS['worker']}\r\n"
    with connected(serving) as connection:
        connection.sendall(request.encode() + b"Host: x\r\n\r\n")
        began = time.monotonic()
        while _is_open(connection):
            assert time.monotonic() - began < SECONDS


def test_others_are_served_while_many_connections_are_held(serving: Serving) -> None:
    with contextlib.ExitStack() as stack:
        for number in range(100):
            connection = stack.enter_context(connected(serving))
            with contextlib.suppress(ConnectionError):
                connection.sendall(b"" if number % 3 else POST + b"Content-Length: 5000\r\n\r\n{" * (number % 2))
            if number % 10 == 0:
                assert serving.http("viewer").get("/sweeps").status_code == 200
        assert serving["member"].sweeps().items == []


def test_memory_is_bounded_by_chunks_not_by_texts(serving: Serving) -> None:
    serving["member"].upload_corpus("warm", b"text " * 200_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    size = 150_000_000

    def pieces() -> Iterator[bytes]:
        piece = b"text " * 20_000
        for _ in range(size // len(piece)):
            yield piece

    answered = serving.http().post("/corpora?name=large", content=pieces())
    assert (answered.status_code, answered.json()["size"]) == (201, size)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert grown < size / 3, f"{grown} bytes more for a text of {size}"


def _readable(connection: socket.socket) -> bool:
    """Whether the server has answered or closed."""
    try:
        connection.recv(1, socket.MSG_PEEK)
    except TimeoutError:
        return False
    except ConnectionError:
        pass
    return True


def _is_open(connection: socket.socket) -> bool:
    """Whether the server still holds its end, as the kernel knows it."""
    own = f"{connection.getsockname()[1]:04X}"
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return any(line[2].endswith(f":{own}") and line[3] == "01" for line in lines)
