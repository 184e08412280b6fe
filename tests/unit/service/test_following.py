"""The client's side of a stream of events: how it is read, and what happens where it breaks off."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from service.following import MOST_BREAKS, BrokenError, Message, follow, messages
from service.wire.events import StateChange, SweepEnd, TrialEnd
from service.wire.views import Progress

TRIAL = TrialEnd(number=3, state="completed", value=2.5, spread=None, schedule={"type": "noam"})
PROGRESS = Progress(
    trials_done=1,
    trials_total=1,
    runs={},
    lanes_in_use=0,
    updates_done=2,
    updates_total=2,
    best_value=2.5,
    best_trial=3,
)
END = SweepEnd(state="completed", progress=PROGRESS)


@pytest.fixture(autouse=True)
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were made, none of which takes time."""
    taken: list[float] = []
    monkeypatch.setattr("service.following.time.sleep", taken.append)
    return taken


class Service:
    """Answers each opening of the stream with the next of its parts; a part that is an error is raised."""

    def __init__(self, *parts: str | int | BrokenError) -> None:
        self._parts = list(parts)
        self.asked: list[str | None] = []

    @contextmanager
    def opened(self, after: str | None) -> Iterator[httpx.Response]:
        """The next part."""
        self.asked.append(after)
        part = self._parts.pop(0)
        if isinstance(part, BrokenError):
            raise part
        yield httpx.Response(part) if isinstance(part, int) else httpx.Response(200, text=part)


def test_the_examples_of_the_specification_are_read_as_it_says() -> None:
    first = ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n"
    assert list(messages(first.split("\n"))) == [
        Message("message", "1", "first event"),
        Message("message", "", "second event"),
        Message("message", "", " third event"),
    ]
    stocks = "data: YHOO\ndata: +2\ndata: 10\n\n"
    assert list(messages(stocks.split("\n"))) == [Message("message", "", "YHOO\n+2\n10")]
    assert list(messages(["event: add", "data: 73857293", "", "event: remove", "", "data: cut off"])) == [
        Message("add", "", "73857293")
    ]


def test_a_stream_that_breaks_off_is_taken_up_after_its_last_event() -> None:
    service = Service(
        f"event: state\nid: 0-running\ndata: {StateChange(state='running').model_dump_json()}\n\n: ping\n\n",
        BrokenError("reset"),
        f"event: trial\nid: 1-running\ndata: {TRIAL.model_dump_json()}\n\nevent: trial\nid: 2-r",
        f"event: end\nid: 1-completed\ndata: {END.model_dump_json()}\n\n",
    )
    assert [event.news for event in follow(service.opened, None)] == [StateChange(state="running"), TRIAL, END]
    assert service.asked == [None, "0-running", "0-running", "1-running"]


def test_an_end_that_is_known_is_not_waited_for() -> None:
    service = Service(204)
    assert list(follow(service.opened, "1-completed")) == []
    assert service.asked == ["1-completed"]


def test_a_kind_of_a_later_version_is_passed_over() -> None:
    service = Service(f"event: news\nid: 7-x\ndata: 1\n\nevent: end\nid: 1-c\ndata: {END.model_dump_json()}\n\n")
    assert [event.id for event in follow(service.opened, None)] == ["1-c"]


def test_a_stream_that_cannot_be_opened_is_said_at_once() -> None:
    with pytest.raises(BrokenError, match="refused"):
        next(follow(Service(BrokenError("refused")).opened, None))


def test_a_service_that_stays_away_is_given_up_after_a_while(naps: list[float]) -> None:
    service = Service(": ping\n\n", *[BrokenError("away")] * MOST_BREAKS)
    with pytest.raises(BrokenError, match="away"):
        list(follow(service.opened, None))
    assert 60 < sum(naps) < 180
