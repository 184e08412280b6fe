"""After an outage of the service or its database, workers that could not report keep their runs."""

import pytest

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


def test_without_an_outage_nothing_is_renewed(harness: Harness, grace: Grace, seconds: Seconds) -> None:
    held = hold_everything(harness, seconds=-1)
    for _ in range(60):
        seconds.now += 2
        grace.watch()
    assert len(harness.claim(harness.worker(), lanes=100)) == held
