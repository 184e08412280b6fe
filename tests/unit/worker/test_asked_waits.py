"""A worker that is told to come back later does: its threads wait at least as long as the service asks."""

from types import SimpleNamespace
from typing import Any

import pytest

from service.wire.retries import Backoff
from tests.waiting import wait_until
from worker.bell import Bell
from worker.claiming import Claimer
from worker.link import UnreachableError
from worker.reporting import Reporter


class Busy:
    """A service that takes no call for seven seconds."""

    def __getattr__(self, name: str) -> Any:
        def refuse(*_given: object) -> None:
            raise UnreachableError("the service answered 429", wait=7.0)

        return refuse


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The least times for which threads were to wait; here they hardly do."""
    seconds: list[float] = []

    def wait(_self: Backoff, least: float = 0.0) -> float:
        seconds.append(least)
        return 0.01

    monkeypatch.setattr(Backoff, "wait", wait)
    return seconds


def test_the_reporter_waits_as_long_as_it_is_asked_to(asked: list[float]) -> None:
    link: Any = Busy()
    reporter = Reporter(link, 1, Bell(), interval_seconds=0.01)
    wait_until(lambda: 7.0 in asked)
    reporter.stop()
    assert set(asked) <= {0.0, 7.0}


def test_the_claimer_waits_as_long_as_it_is_asked_to(asked: list[float]) -> None:
    link: Any = Busy()
    reporter: Any = SimpleNamespace(away=False)
    claimer = Claimer(link, link, 1, reporter, Bell())
    claimer.want(1, None)
    wait_until(lambda: 7.0 in asked)
    claimer.stop()
    assert set(asked) <= {0.0, 7.0}
