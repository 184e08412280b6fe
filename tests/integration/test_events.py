"""A sweep's events: told live, each once, by whichever server process the follower comes to."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from service.client import ApiError
from service.domain import events
from service.domain.events import Cursor, Look
from service.following import messages
from service.wire.events import Event, StateChange, SweepEnd, TrialEnd
from service.wire.protocol import Claim
from tests.integration.conftest import Database
from tests.integration.harness import GRID, Harness
from tests.integration.serving import Serving, finished, hello, running
from tests.waiting import wait_until

# What is asked of HTTP, and not of the database, is asked on one.
on_one_database = pytest.mark.parametrize("backend", ["sqlite"])


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look more often than a server in use does."""
    monkeypatch.setattr("service.streams.POLL_SECONDS", 0.05)


@contextmanager
def following(serving: Serving, sweep_id: int, last: str | None = None) -> Iterator[Iterator[Event]]:
    """A follower of a sweep, who lets go at the end."""
    stream = serving["viewer"].events(sweep_id, last_event_id=last)
    yield stream
    stream.close()  # type: ignore[attr-defined]  # it is a generator


def trials(told: list[Event]) -> list[int]:
    """The numbers of the trials that ended."""
    return [event.news.number for event in told if isinstance(event.news, TrialEnd)]


def until_trials(stream: Iterator[Event], count: int) -> list[Event]:
    """Events, up to that of the `count`th trial that ended."""
    told: list[Event] = []
    for event in stream:
        told.append(event)
        if len(trials(told)) == count:
            return told
    raise AssertionError("the stream ended")


def test_a_follower_is_told_states_progress_trials_and_the_end(serving: Serving) -> None:
    worker, member = serving["worker"], serving["member"]
    sweep = member.submit(GRID)
    worker_id = worker.register(hello()).worker_id
    with following(serving, sweep.id) as stream:
        told = list(islice(stream, 2))
        assert told[0].news == StateChange(state="queued")
        assert told[1].news == sweep.progress
        leases = worker.claim(Claim(worker_id=worker_id, lanes=3)).leases
        worker.report(finished(worker_id, leases))
        told += until_trials(stream, 3)
        serving.train()
        told += stream
    assert sorted(trials(told)) == list(range(8))
    assert StateChange(state="running") in [event.news for event in told]
    ended = member.sweep(sweep.id)
    assert told[-1].news == SweepEnd(state="completed", progress=ended.progress)
    values = {event.news.number: event.news.value for event in told if isinstance(event.news, TrialEnd)}
    assert values == {trial.number: trial.value for trial in member.all_trials(sweep.id)}


def test_a_follower_who_comes_back_is_told_the_rest_and_nothing_twice(serving: Serving) -> None:
    worker, member = serving["worker"], serving["member"]
    sweep = member.submit(GRID)
    worker_id = worker.register(hello()).worker_id
    worker.report(finished(worker_id, worker.claim(Claim(worker_id=worker_id, lanes=3)).leases))
    with following(serving, sweep.id) as stream:
        told = until_trials(stream, 2)
    serving.train()
    with following(serving, sweep.id, told[-1].id) as stream:
        rest = list(stream)
    assert sorted(trials(told) + trials(rest)) == list(range(8))
    assert isinstance(rest[-1].news, SweepEnd)
    with following(serving, sweep.id, rest[-1].id) as stream:
        assert list(stream) == []


@on_one_database
def test_who_knows_the_end_is_not_to_come_back(serving: Serving) -> None:
    sweep = serving["member"].submit(GRID)
    serving["member"].cancel(sweep.id)
    path = f"/sweeps/{sweep.id}/events"
    with serving.http("viewer").stream("GET", path) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        found = list(messages(response.iter_lines()))
    assert [message.kind for message in found] == ["end"]
    again = serving.http("viewer").get(path, headers={"Last-Event-ID": found[-1].id})
    assert (again.status_code, again.content) == (204, b"")


@on_one_database
def test_an_id_of_no_event_is_refused(serving: Serving) -> None:
    sweep = serving["member"].submit(GRID)
    for event_id in ("nonsense", "1", "-running", "9" * 30 + "-running"):
        answer = serving.http().get(f"/sweeps/{sweep.id}/events", headers={"Last-Event-ID": event_id})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == "Last-Event-ID"


@on_one_database
def test_other_teams_cannot_follow(serving: Serving) -> None:
    sweep = serving["member"].submit(GRID)
    with pytest.raises(ApiError, match="no sweep"):
        next(serving["stranger"].events(sweep.id))


@on_one_database
def test_streams_are_bounded_and_a_place_is_free_again(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep = serving["member"].submit(GRID)
    monkeypatch.setattr("service.streams.MOST_STREAMS", 1)
    with following(serving, sweep.id) as stream:
        next(stream)
        with pytest.raises(ApiError, match="1 streams of events open") as refused:
            next(serving["member"].events(sweep.id))
        assert refused.value.problem.status == 503
    serving["member"].cancel(sweep.id)
    path = f"/sweeps/{sweep.id}/events"
    wait_until(lambda: serving.http().get(path).status_code == 200, seconds=30)
    assert [message.kind for message in messages(serving.http().get(path).text.split("\n"))] == ["end"]


@on_one_database
def test_followers_of_one_sweep_share_a_look_at_it(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.streams.POLL_SECONDS", 60.0)
    looks: list[int] = []
    look = events.look

    def counted(session: Session, sweep_id: int) -> Look:
        looks.append(sweep_id)
        return look(session, sweep_id)

    monkeypatch.setattr("service.domain.events.look", counted)
    sweep, other = serving["member"].submit(GRID), serving["member"].submit(GRID)
    with (
        following(serving, sweep.id) as one,
        following(serving, sweep.id) as two,
        following(serving, other.id) as three,
    ):
        assert [next(stream).news for stream in (one, two, three)] == [StateChange(state="queued")] * 3
    assert sorted(looks) == [sweep.id, other.id]


@on_one_database
def test_a_server_that_ends_lets_go_of_its_followers(serving: Serving) -> None:
    sweep = serving["member"].submit(GRID)
    with serving.http("viewer").stream("GET", f"/sweeps/{sweep.id}/events") as response:
        found = messages(response.iter_lines())
        assert next(found).kind == "state"
        serving.parts.stop_waiting()
        assert "end" not in [message.kind for message in found]


def test_a_follower_goes_on_at_another_server_process(postgres_database: Database, tmp_path: Path) -> None:
    url, optuna_url = postgres_database.url, postgres_database.optuna_url
    with running(url, optuna_url, tmp_path) as first, running(url, optuna_url, tmp_path) as second:
        sweep = first["member"].submit(GRID)
        worker_id = first["worker"].register(hello()).worker_id
        first["worker"].report(finished(worker_id, first["worker"].claim(Claim(worker_id=worker_id, lanes=4)).leases))
        with following(second, sweep.id) as stream:
            told = until_trials(stream, 4)
        second.train()
        with following(first, sweep.id, told[-1].id) as stream:
            told += stream
    assert sorted(trials(told)) == list(range(8))


def test_the_ends_are_numbered_in_the_order_of_their_reports(harness: Harness) -> None:
    worker, sweep_id = harness.worker(), harness.submit(replicates=2)
    leases = sorted(harness.claim(worker, 16), key=lambda lease: (lease.replicate, -lease.trial))
    for lease in leases:
        harness.finish(worker, [lease])
    with harness.store.read() as session:
        told = events.ends(session, sweep_id, 2, 4)
        seen = events.look(session, sweep_id)
    assert [(number, end.number) for number, end in told] == [(3, 5), (4, 4), (5, 3), (6, 2)]
    assert (seen.state, seen.ends, seen.ended) == ("completed", 8, True)
    sweep = harness.sweep(sweep_id)
    assert events.is_over(sweep, Cursor.parse("8-completed"))
    assert not events.is_over(sweep, Cursor.parse("7-completed"))
