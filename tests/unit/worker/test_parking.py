"""Runs whose lane the service wants back: they go on elsewhere where they were, and nobody else is disturbed."""

from pathlib import Path

import pytest

from service.wire.protocol import Release
from tests.unit.worker.test_loop import FakeService, Worked, assert_same_record, lease
from tests.unit.worker.test_states import files, states
from worker.link import UnreachableError

LONG = [lease(1, 20, 120), lease(2, 40, 120), lease(3, 20, 120, seed=4)]


@pytest.mark.parametrize("lanes", [1, 3])
def test_a_parked_run_is_given_back_and_goes_on_where_it_was(tmp_path: Path, lanes: int) -> None:
    first = Worked(LONG, lanes, {1: "park"}, states=states(tmp_path))
    assert first.service.released == {1: 1}
    assert 1 not in first.service.outcomes
    ending = first.tracker.endings[1]
    assert (ending.status, ending.outcome) == ("SCHEDULED", "evicted")
    for one in LONG[1:]:
        assert_same_record(first, one)
    again = LONG[0].model_copy(update={"attempt": 2, "fence": 2})
    second = Worked([again], lanes, states=states(tmp_path))
    assert_same_record(second, again)
    resumed_from, note = second.service.notes[1]
    assert resumed_from >= len(first.tracker.sequence(1, "lr")) > 0, "from its own state, or from that of a sibling"
    assert note is None


def test_all_who_share_a_lane_can_be_parked_at_once(tmp_path: Path) -> None:
    first = Worked(LONG, 1, dict.fromkeys((1, 2, 3), "park"), states=states(tmp_path))
    assert first.service.released.keys() == {1, 2, 3}
    again = [one.model_copy(update={"attempt": 2, "fence": 2}) for one in LONG]
    second = Worked(again, 3, states=states(tmp_path))
    for one in again:
        assert_same_record(second, one)
        assert second.service.notes[one.run_id][0] == len(first.tracker.sequence(one.run_id, "lr")) > 0


def test_a_run_is_given_back_only_when_its_state_can_be_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[int] = []

    def look(service: FakeService, release: Release) -> None:
        found.append(len(files(tmp_path)))
        service.released |= {held.run_id: held.fence for held in release.runs}

    monkeypatch.setattr(FakeService, "release", look)
    Worked([LONG[0]], 1, {1: "park"}, states=states(tmp_path))
    assert found == [1]


def test_while_mlflow_is_away_nobody_waits_for_the_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.tracking.Tracker.away", True)
    monkeypatch.setattr("tests.unit.worker.test_loop.FakeTracker.finish", lambda *_: None)
    worked = Worked([LONG[0]], 1, {1: "park"}, states=states(tmp_path), settled=lambda: bool(files(tmp_path)))
    assert worked.tracker.forgotten == {1}


def test_a_release_that_was_not_answered_is_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def fail_once(service: FakeService, release: Release) -> None:
        calls.append(len(release.runs))
        if len(calls) == 1:
            raise UnreachableError("no answer")
        service.released |= {held.run_id: held.fence for held in release.runs}

    monkeypatch.setattr(FakeService, "release", fail_once)
    worked = Worked([LONG[0]], 1, {1: "park"}, states=states(tmp_path))
    assert worked.service.released == {1: 1}
    assert calls == [1, 1]
