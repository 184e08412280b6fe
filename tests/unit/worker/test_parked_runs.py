"""Runs that are parked: taken out of their lanes with their states, given back, and taken up bit for bit."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest

from service.wire.protocol import Command, Lease, Orders, Outcome, Release, Report, RunReport
from tests.unit.worker.test_loop import FakeService, FakeTracker, Worked, assert_same_record, lease
from tests.unit.worker.test_states import states, updates
from worker.history import Point
from worker.link import UnreachableError

AT = 30
RUNS = [lease(1, 10, 80), lease(2, 20, 80), lease(3, 35, 80)]


class Pausing(FakeService):
    """Has the first attempts at some runs parked from update AT on, and grants what comes back once more."""

    paused: ClassVar[set[int]] = {1, 2, 3}
    place: Path | None = None
    refuses = 0

    def __init__(self, leases: list[Lease]) -> None:
        super().__init__(leases)
        self.leases = {one.run_id: one for one in leases}
        self.ordered: dict[int, threading.Event] = {one.run_id: threading.Event() for one in leases}
        self.returned: list[int] = []
        self.kept_by_then: list[int] = []
        WAITING.service = self

    def report(self, report: Report) -> Orders:
        orders = super().report(report)
        return Orders(runs=[self._answer(run, told) for run, told in zip(report.runs, orders.runs, strict=True)])

    def _answer(self, run: RunReport, told: Command) -> Command:
        if run.run_id not in self.paused or run.fence > 1 or run.step < AT:
            return told
        self.ordered[run.run_id].set()
        return Command(run_id=run.run_id, command="park")

    def release(self, release: Release) -> None:
        if release.leaving:
            return
        if self.refuses:
            self.refuses -= 1
            raise UnreachableError("not now")
        self.kept_by_then += updates(self.place) if self.place is not None else []
        for held in release.runs:
            self.returned.append(held.run_id)
            self.vals.pop(held.run_id)  # the next attempt tells them again
            again = self.leases[held.run_id].model_copy(update={"fence": held.fence + 1, "attempt": held.fence + 1})
            with self._lock:
                self.queue.append(again)


class Waiting(FakeTracker):
    """Holds up training a little after AT until the order to park is there, and keeps how first attempts ended."""

    service: Pausing

    def start(self, lease: Lease, on_created: Callable[[str], None]) -> None:
        earlier = self.endings.pop(lease.run_id, None)
        if earlier is not None:
            assert (earlier.status, earlier.outcome) == ("SCHEDULED", "evicted")
            del self.points[lease.run_id]
        super().start(lease, on_created)

    def add(self, run_id: int, points: list[Point]) -> None:
        super().add(run_id, points)
        first = run_id in WAITING.service.paused and run_id not in WAITING.service.returned
        if first and any(point.step > 2 * AT for point in points):
            assert WAITING.service.ordered[run_id].wait(60)


class _Current:
    service: Pausing


WAITING = _Current()


@pytest.fixture(autouse=True)
def _pausing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.unit.worker.test_loop.FakeService", Pausing)
    monkeypatch.setattr("tests.unit.worker.test_loop.FakeTracker", Waiting)
    monkeypatch.setattr("worker.loop.GATHER_SECONDS", 1.0)


@pytest.mark.parametrize("lanes", [1, 3])
def test_parked_runs_go_on_where_they_were_bit_for_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lanes: int
) -> None:
    monkeypatch.setattr(Pausing, "place", tmp_path)
    monkeypatch.setattr(Pausing, "refuses", 1)
    worked = Worked(RUNS, lanes, states=states(tmp_path), first_claim=3)
    service = worked.service
    assert isinstance(service, Pausing)
    assert set(service.returned) <= {1, 2, 3}
    assert service.returned
    for one in RUNS:
        monkeypatch.undo()
        assert_same_record(worked, one)
    for run_id in service.returned:
        resumed_from, note = service.notes[run_id]
        assert resumed_from >= AT
        assert resumed_from in service.kept_by_then
        assert note is None


def test_the_lane_of_a_parked_run_goes_on_with_its_siblings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pausing, "paused", {1})
    worked = Worked(RUNS, lanes=3, states=states(tmp_path), first_claim=3)
    service = worked.service
    assert isinstance(service, Pausing)
    assert service.returned == [1]
    monkeypatch.undo()
    for one in RUNS:
        assert_same_record(worked, one)


def test_without_a_place_for_states_a_parked_run_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pausing, "paused", {1})
    worked = Worked(RUNS[:1], lanes=1)
    service: Any = worked.service
    assert service.returned == [1]
    monkeypatch.undo()
    assert service.notes[1][0] == 0
    assert_same_record(worked, RUNS[0])
    assert service.outcomes[1] == Outcome(state="completed", value=service.outcomes[1].value)
