"""Calls over HTTP: each has a deadline, whoever makes it and whatever the other end does."""

import inspect
import re
import socket
import threading
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.client import Client, ServiceUnreachableError
from service.wire.calls import AddressError, Calls, NoAnswerError
from service.wire.protocol import Claim, Hello, Release, Report
from service.wire.retries import LONGEST_ASKED, TEXT_SECONDS, Backoff, Deadline, asked_wait
from service.wire.shares import ShareSpec
from worker.link import Link, UnreachableError

ROOT = Path(__file__).parents[3]
GIVEN: dict[str, Any] = {
    "claim": Claim(worker_id=1, lanes=1, wait_seconds=2),
    "cursor": None,
    "disabled": True,
    "digest": "0" * 64,
    "extension": {"trials": 9},
    "file_format": "png",
    "hello": Hello(name="w", device="cpu", device_name="cpu", lanes=1, version="0"),
    "name": "text",
    "number": 1,
    "priority": 1,
    "release": Release(worker_id=1, runs=[]),
    "role": "viewer",
    "report": Report(worker_id=1, updates_per_second=0, runs=[]),
    "run_id": 1,
    "schedule": {"type": "constant"},
    "share": ShareSpec(),
    "spec": {},
    "sweep_id": 1,
    "team": "red",
    "team_id": 1,
    "text": b"words",
    "token_id": 1,
    "user_id": 1,
}


def calls_of(owner: type) -> list[str]:
    own = [name for name, _ in inspect.getmembers(owner, inspect.isfunction) if not name.startswith("_")]
    endless = {"stream", "events"}  # they bound each silence
    return sorted(set(own) - {"close", "end_by", "send", "token_for", "patient"} - endless)


@pytest.mark.parametrize(("owner", "error"), [(Client, ServiceUnreachableError), (Link, UnreachableError)])
def test_every_call_has_a_deadline(owner: type, error: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    timeouts: list[dict[str, float | None]] = []

    def note(_transport: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
        timeouts.append(request.extensions["timeout"])
        raise httpx.ReadTimeout("nothing comes")

    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", note)
    names = calls_of(owner)
    with owner("http://service", "token") as line:
        for name in names:
            method = getattr(line, name)
            wanted = inspect.signature(method).parameters.values()
            given = {one.name: GIVEN[one.name] for one in wanted if one.default is inspect.Parameter.empty}
            with pytest.raises(error, match="nothing comes"):
                method(**given)
    assert len(timeouts) == len(names) >= 5
    for timeout in timeouts:
        assert set(timeout) == {"connect", "read", "write", "pool"}
        assert all(seconds is not None and 0 < seconds <= TEXT_SECONDS for seconds in timeout.values())


def test_http_is_spoken_in_the_places_that_the_deadlines_are_kept_and_nowhere_else() -> None:
    speaking = re.compile(r"^\s*(import|from) (httpx|requests|urllib(?!\.parse)|http|aiohttp|socket)\b", re.MULTILINE)
    found = {
        str(path.relative_to(ROOT))
        for package in ("rampline", "service", "worker", "schedules")
        for path in (ROOT / package).rglob("*.py")
        if speaking.search(path.read_text())
    }
    assert found == {
        "rampline/product.py",  # one probe, with a timeout; and whether ports are free
        "service/connections.py",  # an option of the sockets that the server has accepted
        "service/client.py",  # a type: it calls through service.wire.calls
        "service/door/upstream.py",  # passes on, within the deadlines of the door
        "service/following.py",  # a type
        "service/server.py",  # listens
        "service/member.py",  # serves on a socket that listens
        "service/processes.py",  # hands such sockets on
        "service/wire/calls.py",
        "worker/link.py",  # as the client
        "worker/tracking.py",  # an exception of the library that MLflow's client calls through
    }


@pytest.fixture
def dripping() -> Iterator[str]:
    """The address of a server that sends one byte of its answer after another, without an end."""
    over = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))

    def drip() -> None:
        connection = listener.accept()[0]
        with connection:
            connection.recv(1 << 16)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
            while not over.wait(0.02):
                try:
                    connection.sendall(b"x")
                except OSError:
                    return

    thread = threading.Thread(target=drip)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    over.set()
    thread.join()
    listener.close()


def test_an_answer_that_drips_ends_at_the_deadline(dripping: str) -> None:
    with Calls(dripping, None, seconds=0.3) as calls, pytest.raises(NoAnswerError, match="takes too long"):
        calls.send("GET", "/sweeps")


def test_after_an_end_is_set_no_call_lasts_beyond_it(dripping: str) -> None:
    with Calls(dripping, None, seconds=600) as calls:
        calls.end_by(Deadline(0.3))
        with pytest.raises(NoAnswerError):
            calls.send("GET", "/sweeps")


@pytest.mark.parametrize("url", ["", "service:8000", "ftp://service", "http://", "http://service:port", "not a url"])
@pytest.mark.parametrize("owner", [Client, Link])
def test_an_address_that_is_none_is_refused_with_an_example(owner: type, url: str) -> None:
    with pytest.raises(AddressError, match=r"http://127\.0\.0\.1:8000"):
        owner(url, "token")


def test_an_answer_that_means_nothing_is_as_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    nonsense = httpx.Response(200, content=b'{"surprise": true}')
    monkeypatch.setattr(httpx.Client, "send", lambda *_args, **_options: nonsense)
    with Link("http://service", "token") as link, pytest.raises(UnreachableError, match="is http://service Rampline"):
        link.register(GIVEN["hello"])
    with Client("http://service", None) as client, pytest.raises(ServiceUnreachableError, match="of this version"):
        client.queue()


def test_waiting_doubles_up_to_its_ceiling_spreads_and_ends_with_its_budget() -> None:
    backoff = Backoff(1.0, 8.0, budget=30.0)
    waits = []
    while not backoff.spent:
        waits.append(backoff.wait())
    for wait, longest in zip(waits, [1, 2, 4, 8, *[8] * len(waits)], strict=False):
        assert longest / 2 <= wait <= longest
    assert 30 <= sum(waits) < 38
    assert len(set(waits)) == len(waits)
    backoff.reset()
    assert not backoff.spent
    assert backoff.wait() <= 1


def test_waiting_is_at_least_what_the_other_end_asked_for_but_never_for_ever() -> None:
    backoff = Backoff(1.0, 8.0)
    assert backoff.wait(5.0) == 5.0
    assert backoff.wait() <= 2
    assert backoff.wait(1e9) == LONGEST_ASKED


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 0),
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": " 0 "}, 0),
        ({"Retry-After": "soon"}, 0),
        ({"Retry-After": "-3"}, 0),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:30 GMT", "Date": "Wed, 21 Oct 2026 07:28:00 GMT"}, 30),
        ({"Retry-After": "Wed, 21 Oct 2026 07:27:00 GMT", "Date": "Wed, 21 Oct 2026 07:28:00 GMT"}, 0),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:30 GMT"}, 0),
    ],
)
def test_how_long_to_wait_is_read_from_the_answer_alone(headers: dict[str, str], seconds: float) -> None:
    assert asked_wait(httpx.Headers(headers)) == seconds


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """For how long calls slept, which takes no time here."""
    seconds: list[float] = []
    monkeypatch.setattr("service.wire.calls.time.sleep", seconds.append)
    return seconds


def answers(monkeypatch: pytest.MonkeyPatch, *responses: httpx.Response) -> list[bytes]:
    """Let the transport give these answers, one after another; returns the bodies that it is sent."""
    bodies: list[bytes] = []
    given = iter(responses)

    def answer(_transport: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
        bodies.append(request.read())
        return next(given)

    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", answer)
    return bodies


def too_many(seconds: int) -> httpx.Response:
    return httpx.Response(429, headers={"Retry-After": str(seconds)}, content=b"too many")


def test_a_call_that_came_too_early_is_made_again_when_the_answer_says(
    monkeypatch: pytest.MonkeyPatch, slept: list[float]
) -> None:
    bodies = answers(monkeypatch, too_many(3), too_many(2), httpx.Response(200, content=b"done"))
    with Calls("http://service", None, seconds=60) as calls:
        assert calls.patient("POST", "/sweeps", content="body").content == b"done"
    assert (slept, bodies) == ([3.0, 2.0], [b"body"] * 3)


def test_a_call_waits_no_longer_than_its_deadline_and_sends_no_file_twice(
    monkeypatch: pytest.MonkeyPatch, slept: list[float]
) -> None:
    answers(monkeypatch, too_many(61), too_many(1))
    with Calls("http://service", None, seconds=60) as calls:
        assert calls.patient("GET", "/sweeps").status_code == 429
        assert calls.patient("POST", "/corpora", content=BytesIO(b"words")).status_code == 429
    assert slept == []


def test_a_worker_is_told_for_how_long_to_leave_the_service_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, too_many(4), httpx.Response(503))
    with Link("http://service", "token") as link:
        for wait in (4.0, 0.0):
            with pytest.raises(UnreachableError) as refused:
                link.report(GIVEN["report"])
            assert refused.value.wait == wait


def test_a_deadline_keeps_what_is_reserved_for_later() -> None:
    deadline = Deadline(10)
    assert 3 < deadline.left(reserve=5) <= 5
    assert deadline.left(reserve=20) == 0
    assert Deadline(0).left() == 0


def test_no_clock_but_the_databases_decides_about_leases() -> None:
    wall = re.compile(r"time\.time\b|time_ns|datetime\.(now|utcnow|today)|(?<!\.)\btime\(\)")
    found = {
        str(path.relative_to(ROOT))
        for package in ("service", "worker")
        for path in (ROOT / package).rglob("*.py")
        if wall.search(path.read_text())
    }
    assert found == {
        "service/backup.py",  # when a copy was made, for people
        "service/domain/corpora.py",  # this and the next two: the age of files, on the clock that dates them
        "service/domain/states.py",
        "service/domain/uploads.py",
        "worker/history.py",  # timestamps of points for MLflow; nothing is compared with them
        "worker/stores.py",  # the age of files
    }
