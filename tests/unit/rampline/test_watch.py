"""Watching a sweep: as the service tells it, and by asking where it tells nothing."""

from collections.abc import Iterator
from datetime import UTC, datetime
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from rampline import display
from service.client import ApiError, Client, ServiceUnreachableError
from service.wire.events import Event, News, StateChange, SweepEnd, TrialEnd
from service.wire.problem import Problem
from service.wire.sweep import SweepSpec
from service.wire.views import Progress, SweepState, SweepView

SPEC = SweepSpec.model_validate({"space": {"schedule": ["noam"]}, "sampler": {"type": "grid"}, "total_steps": 10})
FULL = Problem(type="x", title="busy", status=503, code="unavailable", detail="too many streams")


def progress(updates: int) -> Progress:
    """So many updates of twenty."""
    return Progress(
        trials_done=updates // 10,
        trials_total=2,
        runs={},
        lanes_in_use=1,
        updates_done=updates,
        updates_total=20,
        best_value=None,
        best_trial=None,
    )


def view(state: SweepState, updates: int) -> SweepView:
    """A sweep."""
    return SweepView(
        id=7,
        name="s",
        state=state,
        team="red",
        user="ada",
        priority=0,
        created_at=datetime.now(UTC),
        finished_at=None,
        spec=SPEC,
        progress=progress(updates),
        findings=[],
        mlflow_url=None,
    )


class Told(Client):
    """A client whose service gives these views, one after another, and these events; an error is raised."""

    def __init__(self, views: list[SweepView], *told: News | Exception) -> None:
        self.views = views
        self.told = told

    def sweep(self, sweep_id: int) -> SweepView:
        """The next view."""
        return self.views.pop(0)

    def events(self, sweep_id: int, *, last_event_id: str | None = None) -> Iterator[Event]:
        """The events."""
        for news in self.told:
            if isinstance(news, Exception):
                raise news
            yield Event("1-x", news)


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """No line is left out, and nobody waits."""
    monkeypatch.setattr(display, "PLAIN_LINE_SECONDS", 0.0)
    monkeypatch.setattr(display, "POLL_SECONDS", 0.0)


def watched(client: Client, **options: Any) -> tuple[SweepView, list[str]]:
    """What is left at the end, and the lines that were written."""
    console = Console(file=StringIO(), width=200, **options)
    last = display.watch(client, 7, console)
    assert isinstance(console.file, StringIO)
    return last, [line.partition(",")[0] for line in console.file.getvalue().splitlines()]


def test_a_sweep_is_watched_as_the_service_tells_it() -> None:
    trial = TrialEnd(number=0, state="completed", value=1.0, spread=None, schedule={})
    client = Told(
        [view("queued", 0), view("completed", 20)],
        StateChange(state="running"),
        progress(10),
        trial,
        SweepEnd(state="completed", progress=progress(20)),
    )
    last, lines = watched(client)
    assert lines == ["queued: 0/2 trials", "running: 0/2 trials", "running: 1/2 trials", "completed: 2/2 trials"]
    assert (last.state, client.views) == ("completed", [])


@pytest.mark.parametrize("error", [ApiError(FULL), ServiceUnreachableError("away")], ids=["full", "away"])
def test_where_the_service_tells_nothing_it_is_asked(error: Exception) -> None:
    client = Told([view("running", 0), view("running", 10), view("completed", 20)], error)
    last, lines = watched(client)
    assert lines == ["running: 0/2 trials", "running: 1/2 trials", "completed: 2/2 trials"]
    assert last.state == "completed"


def test_a_sweep_that_has_ended_is_shown_once() -> None:
    assert watched(Told([view("cancelled", 5)]))[1] == ["cancelled: 0/2 trials"]


def test_a_terminal_shows_the_same_to_the_end() -> None:
    client = Told(
        [view("running", 0), view("completed", 20)], progress(10), SweepEnd(state="completed", progress=progress(20))
    )
    last, _ = watched(client, force_terminal=True)
    assert last.state == "completed"
