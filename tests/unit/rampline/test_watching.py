"""Watching a sweep goes on where the service was away for a while."""

from typing import cast

import pytest

from rampline import display
from service.client import Client, ServiceUnreachableError
from service.wire.views import SweepView


class Flaky:
    """A client whose calls end as listed."""

    def __init__(self, answers: list[object]) -> None:
        self._answers = answers

    def sweep(self, _sweep_id: int) -> object:
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def test_a_service_that_is_away_is_waited_for_with_growing_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("time.sleep", pauses.append)
    client = Flaky([ServiceUnreachableError("away")] * 3 + ["the sweep"])
    assert display._look(cast("Client", client), 1) == cast("SweepView", "the sweep")
    assert [0.25 <= pauses[0] <= 0.5, 0.5 <= pauses[1] <= 1, 1 <= pauses[2] <= 2] == [True] * 3


def test_after_minutes_it_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("time.sleep", pauses.append)
    client = Flaky([ServiceUnreachableError("away")] * 1_000)
    with pytest.raises(ServiceUnreachableError):
        display._look(cast("Client", client), 1)
    assert display.AWAY_SECONDS <= sum(pauses) < display.AWAY_SECONDS + 11
