"""After an outage of the service or its database, workers that could not report keep their runs."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from service.dispatch import Dispatcher
from service.grace import Grace
from service.meters import Meters
from service.wire.protocol import Claim
from tests.integration.harness import LEASE_SECONDS, Harness


class Seconds:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def grace(harness: Harness, seconds: Seconds) -> Grace:
    """The grace of a service that has been up for a while."""
    made = Grace(harness.store, LEASE_SECONDS, monotonic=seconds)
    made.watch()
    return made


def hold_everything(harness: Harness, *, seconds: float) -> int:
    harness.submit()
    return len(harness.claim(harness.worker(), lanes=100, seconds=seconds))


def test_a_service_that_starts_gives_every_worker_the_time_of_a_lease(harness: Harness) -> None:
    hold_everything(harness, seconds=-1)
    dispatcher = Dispatcher(harness.store, harness.sampling, LEASE_SECONDS, Meters())
    assert dispatcher.claim(Claim(worker_id=harness.worker(), lanes=4)).leases == []


def test_leases_that_ran_out_in_an_outage_begin_anew(harness: Harness, grace: Grace, seconds: Seconds) -> None:
    hold_everything(harness, seconds=-100)
    seconds.now += 120
    grace.watch()
    assert harness.claim(harness.worker()) == []


def test_leases_that_had_run_out_before_the_outage_are_not_renewed(
    harness: Harness, grace: Grace, seconds: Seconds
) -> None:
    held = hold_everything(harness, seconds=-1000)
    seconds.now += 120
    grace.watch()
    assert len(harness.claim(harness.worker(), lanes=100)) == held


def test_looks_two_seconds_apart_are_no_outage_however_short_the_leases(harness: Harness, seconds: Seconds) -> None:
    grace = Grace(harness.store, 3, monotonic=seconds)
    grace.watch()
    held = hold_everything(harness, seconds=-1)
    for _ in range(10):
        seconds.now += 2
        grace.watch()
    assert len(harness.claim(harness.worker(), lanes=100)) == held


def test_a_look_that_failed_is_an_outage_however_short(
    harness: Harness, grace: Grace, seconds: Seconds, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold_everything(harness, seconds=-1)

    def away() -> None:
        raise OperationalError("BEGIN", {}, Exception("the database is away"))

    seconds.now += 2
    with monkeypatch.context() as outage:
        outage.setattr(harness.store, "write", away)
        with pytest.raises(OperationalError):
            grace.watch()
    seconds.now += 0.5
    grace.watch()
    assert harness.claim(harness.worker()) == []


def test_a_look_that_had_to_wait_for_half_a_lease_is_an_outage(
    harness: Harness, grace: Grace, seconds: Seconds, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold_everything(harness, seconds=-1)
    write = harness.store.write

    @contextmanager
    def hanging() -> Iterator[Session]:
        with write() as session:
            seconds.now += LEASE_SECONDS / 2 + 1
            yield session

    seconds.now += 2
    monkeypatch.setattr(harness.store, "write", hanging)
    grace.watch()
    assert harness.claim(harness.worker()) == []


def test_without_an_outage_nothing_is_renewed(harness: Harness, grace: Grace, seconds: Seconds) -> None:
    held = hold_everything(harness, seconds=-1)
    for _ in range(60):
        seconds.now += 2
        grace.watch()
    assert len(harness.claim(harness.worker(), lanes=100)) == held
