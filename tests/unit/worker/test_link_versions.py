"""A worker's line to services of several versions, also where two of them answer in turn."""

import json
from collections.abc import Callable
from itertools import cycle
from typing import Annotated

import httpx
import jsonschema_rs
import pytest

from service.wire.protocol import Claim, Hello
from service.wire.versions import HEADER, NEWEST, OLDEST, Since
from tests import protocols
from worker.link import Link, RefusedError, UnreachableError

WELCOME = {"worker_id": 7, "lease_seconds": 60, "report_seconds": 2, "tracking_url": None}
Answering = Callable[[httpx.Request], httpx.Response]


class NewerHello(Hello):
    """What a worker of the newest version may say of itself."""

    memory: Annotated[int, Since(2)] = 0


HELLO = NewerHello(name="w", device="cpu", device_name="cpu", lanes=1, version="0", memory=5)


def problem(status: int, code: str, detail: str, **headers: str) -> httpx.Response:
    document = {"type": f"urn:{code}", "title": "No", "status": status, "code": code, "detail": detail}
    return httpx.Response(status, json=document, headers=headers)


class Service:
    """Answers registrations; notes in which versions it was called."""

    def __init__(self, answering: Answering) -> None:
        self._answering = answering
        self.heard: list[int] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.heard.append(int(request.headers[HEADER]))
        return self._answering(request)


def of_version_1(request: httpx.Request) -> httpx.Response:
    """As version 1 answered: unknown fields are refused, headers not looked at."""
    frozen = jsonschema_rs.validator_for(protocols.kept(1)["Hello"])
    if not frozen.is_valid(json.loads(request.content)):
        return problem(422, "invalid", "there is no such field")
    return httpx.Response(201, json=WELCOME)


def of_this_version(request: httpx.Request) -> httpx.Response:
    assert ("memory" in json.loads(request.content)) == (int(request.headers[HEADER]) >= 2)
    return httpx.Response(201, json=WELCOME | {"of_a_later_version": 1}, headers={HEADER: f"{OLDEST}-{NEWEST}"})


def of_a_later_version(request: httpx.Request) -> httpx.Response:
    header = f"{NEWEST + 1}-{NEWEST + 2}"
    return problem(409, "protocol", "install Rampline 9 where the worker runs", **{HEADER: header})


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Callable[[Answering], Service]:
    def begin(answering: Answering) -> Service:
        service = Service(answering)
        monkeypatch.setattr(httpx.HTTPTransport, "handle_request", service)
        return service

    return begin


Serve = Callable[[Answering], Service]


def registered(link: Link, times: int = 1) -> None:
    for _ in range(times):
        assert link.register(HELLO).worker_id == 7


def test_a_service_of_this_version_is_told_everything_and_may_answer_more(serve: Serve) -> None:
    service = serve(of_this_version)
    with Link("http://service", "token") as link:
        registered(link, 2)
    assert service.heard == [NEWEST, NEWEST]


def test_an_old_service_is_found_out_once_and_then_called_in_its_version(serve: Serve) -> None:
    service = serve(of_version_1)
    with Link("http://service", "token") as link:
        registered(link, 3)
    assert service.heard == [NEWEST, 1, 1, 1]


def test_while_services_of_two_versions_answer_in_turn_every_call_succeeds(serve: Serve) -> None:
    turns = cycle([of_this_version, of_version_1])

    def either(request: httpx.Request) -> httpx.Response:
        return next(turns)(request)

    service = serve(either)
    with Link("http://service", "token") as link:
        registered(link, 10)
    assert set(service.heard) == {1, NEWEST}
    assert len(service.heard) <= 20


def test_a_worker_that_is_too_old_passes_on_what_to_upgrade(serve: Serve) -> None:
    service = serve(of_a_later_version)
    with Link("http://service", "token") as link, pytest.raises(RefusedError, match="install Rampline 9 where"):
        link.register(HELLO)
    assert service.heard == [NEWEST]


@pytest.mark.parametrize("status", [502, 429, 404])
def test_the_answer_of_a_proxy_says_nothing_of_the_service(serve: Serve, status: int) -> None:
    proxy = iter([problem(status, "gateway", "away")])

    def behind_a_proxy(request: httpx.Request) -> httpx.Response:
        return next(proxy, None) or of_this_version(request)

    service = serve(behind_a_proxy)
    with Link("http://service", "token") as link:
        with pytest.raises((UnreachableError, RefusedError)):
            link.claim(Claim(worker_id=1, lanes=1))
        registered(link)
    assert service.heard == [NEWEST, NEWEST]
