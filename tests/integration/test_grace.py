"""After an outage of the service or its database, workers that could not report keep their runs."""

from datetime import timedelta

import anyio
import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from service.courtesy import Courtesy
from service.dispatch import Dispatcher
from service.grace import NAME, Grace
from service.meters import Meters
from service.store import clock
from service.store.tables import Heartbeat
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
    """Let a worker take runs under leases of so many seconds."""
    harness.submit()
    return len(harness.claim(harness.worker(), lanes=100, seconds=seconds))


def heard(harness: Harness, seconds_ago: float) -> None:
    """Let the last look of any server process have been so long ago."""
    with harness.store.write() as session:
        session.merge(Heartbeat(name=NAME, at=clock.now(session) - timedelta(seconds=seconds_ago)))


def another_gets(harness: Harness) -> int:
    """How many runs another worker gets now."""
    return len(harness.claim(harness.worker(), lanes=100))


def test_a_service_that_nobody_knows_of_gives_every_worker_the_time_of_a_lease(harness: Harness) -> None:
    hold_everything(harness, seconds=-1)
    dispatcher = Dispatcher(harness.store, harness.sampling, LEASE_SECONDS, Meters(), Courtesy())
    claim = Claim(worker_id=harness.worker(), lanes=4)
    assert anyio.run(dispatcher.claim, claim).leases == []


def test_a_service_that_starts_after_an_outage_renews_what_ran_out_in_it(harness: Harness) -> None:
    hold_everything(harness, seconds=-100)
    heard(harness, seconds_ago=120)
    Grace(harness.store, LEASE_SECONDS).watch()
    assert another_gets(harness) == 0


def test_a_process_that_starts_beside_others_renews_nothing(harness: Harness) -> None:
    held = hold_everything(harness, seconds=-1)
    heard(harness, seconds_ago=2)
    Grace(harness.store, LEASE_SECONDS).watch()
    assert another_gets(harness) == held


def test_leases_that_ran_out_in_a_pause_begin_anew(harness: Harness, grace: Grace, seconds: Seconds) -> None:
    hold_everything(harness, seconds=-100)
    heard(harness, seconds_ago=120)
    seconds.now += 120
    grace.watch()
    assert another_gets(harness) == 0


def test_leases_that_had_run_out_before_the_outage_are_not_renewed(
    harness: Harness, grace: Grace, seconds: Seconds
) -> None:
    held = hold_everything(harness, seconds=-1000)
    heard(harness, seconds_ago=120)
    seconds.now += 120
    grace.watch()
    assert another_gets(harness) == held


def test_a_process_that_was_stopped_while_others_looked_renews_nothing(
    harness: Harness, grace: Grace, seconds: Seconds
) -> None:
    held = hold_everything(harness, seconds=-1)
    heard(harness, seconds_ago=2)
    seconds.now += 120
    grace.watch()
    assert another_gets(harness) == held


@pytest.mark.parametrize("beat", [None, 7200.0], ids=["never a lease", "no lease for hours"])
def test_a_process_that_looked_while_no_lease_was_held_renews_nothing(
    harness: Harness, grace: Grace, seconds: Seconds, beat: float | None
) -> None:
    held = hold_everything(harness, seconds=-1)
    if beat is not None:
        heard(harness, seconds_ago=beat)
    seconds.now += 2
    grace.watch()
    assert another_gets(harness) == held


def test_looks_two_seconds_apart_are_no_outage_however_short_the_leases(harness: Harness, seconds: Seconds) -> None:
    grace = Grace(harness.store, 3, monotonic=seconds)
    grace.watch()
    held = hold_everything(harness, seconds=-1)
    for _ in range(10):
        seconds.now += 2
        heard(harness, seconds_ago=2)
        grace.watch()
    assert another_gets(harness) == held


@pytest.mark.parametrize("others", [True, False])
def test_a_look_that_failed_is_an_outage_however_short_for_those_who_call_that_process(
    harness: Harness, grace: Grace, seconds: Seconds, monkeypatch: pytest.MonkeyPatch, *, others: bool
) -> None:
    hold_everything(harness, seconds=-1)
    heard(harness, seconds_ago=0 if others else 2.5)

    def away() -> None:
        raise OperationalError("BEGIN", {}, Exception("the database is away"))

    seconds.now += 2
    with monkeypatch.context() as outage:
        outage.setattr(harness.store, "write", away)
        with pytest.raises(OperationalError):
            grace.watch()
    seconds.now += 0.5
    grace.watch()
    assert another_gets(harness) == 0


def test_every_look_while_leases_are_held_is_known_to_all_processes(
    harness: Harness, grace: Grace, seconds: Seconds
) -> None:
    hold_everything(harness, seconds=LEASE_SECONDS)
    heard(harness, seconds_ago=2)
    seconds.now += 2
    with harness.store.read() as session:
        before = session.scalar(select(Heartbeat.at))
    grace.watch()
    with harness.store.read() as session:
        after = session.scalar(select(Heartbeat.at))
    assert before is not None
    assert after is not None
    assert after - before >= timedelta(seconds=2)


def test_a_service_without_leases_writes_nothing(harness: Harness, grace: Grace) -> None:
    with harness.store.read() as session:
        assert session.scalar(select(Heartbeat.at)) is None
