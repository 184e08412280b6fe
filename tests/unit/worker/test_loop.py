"""The training loop with real lanes: runs that share have records of their own, bit for bit those of runs alone."""

import threading
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

from service.wire.protocol import Claim, Command, Granted, Lease, Orders, Outcome, Release, Report, ValPoint
from service.wire.sweep import Model, Optimizer
from tests.unit.lanes.lane_examples import TEXT
from worker.bell import Bell
from worker.calibration import Capacity
from worker.claiming import Claimer
from worker.corpora import Corpora
from worker.history import Point
from worker.lanes.data import Corpus
from worker.lanes.shape import Shape
from worker.lanes.sharing import SharedLanes
from worker.link import Link
from worker.loop import Loop
from worker.metering import Meter
from worker.replay import replay_run
from worker.reporting import Reporter
from worker.states import States
from worker.tracking import Ending, Tracker

torch.set_num_threads(1)


def lease(run_id: int, decay_steps: int = 10, total_steps: int = 40, **fields: Any) -> Lease:
    schedule = {"type": "wsd", "total_steps": total_steps, "peak_lr": 3e-3, "decay_steps": decay_steps}
    given: dict[str, Any] = {
        "run_id": run_id,
        "fence": 1,
        "attempt": 1,
        "shape": "tiny",
        "experiment": "team/sweep #1",
        "team": "team",
        "user": "ann",
        "sweep_id": 1,
        "sweep_name": "sweep",
        "trial": run_id,
        "replicate": 0,
        "seed": 3,
        "schedule": schedule,
        "model": Model(d_model=16, n_layers=1, n_heads=2, context=16),
        "optimizer": Optimizer(),
        "corpus": "text",
        "corpus_name": "text",
        "batch_size": 2,
        "val_windows": 4,
        "eval_every": 10,
    }
    return Lease(**{**given, **fields})


class FakeService(Link):
    """Grants the given leases in their order, those of one seed as siblings, and orders what a test says."""

    def __init__(self, leases: list[Lease]) -> None:
        self.queue = list(leases)
        self.outcomes: dict[int, Outcome] = {}
        self.vals: dict[int, list[ValPoint]] = {}
        self.notes: dict[int, tuple[int, str | None]] = {}
        self.lanes: int | None = None
        self.orders: dict[int, str] = {}
        self.released: dict[int, int] = {}
        self.most_held = self.most_unended = 0
        self._lock = threading.Lock()

    def claim(self, claim: Claim) -> Granted:
        with self._lock:
            granted, self.queue = self.queue[: claim.lanes], self.queue[claim.lanes :]
            siblings = [one for one in self.queue if one.seed in {lease.seed for lease in granted}][: claim.siblings]
            self.queue = [one for one in self.queue if one not in siblings]
            granted += siblings
        if not granted:
            time.sleep(0.01)
        return Granted(leases=granted)

    def report(self, report: Report) -> Orders:
        self.most_held = max(self.most_held, len(report.runs))
        self.lanes = report.lanes
        unended = [run for run in report.runs if run.outcome is None]
        self.most_unended = max(self.most_unended, len(unended))
        for run in report.runs:
            self.notes[run.run_id] = (run.resumed_from, run.note)
            self.vals.setdefault(run.run_id, []).extend(run.val)
            if run.outcome is not None:
                self.outcomes[run.run_id] = run.outcome
        commands = [Command.model_validate({"run_id": run.run_id, "command": self._order(run)}) for run in report.runs]
        return Orders(runs=commands)

    def _order(self, run: Any) -> str:
        return self.orders.get(run.run_id, "continue") if run.step > 0 else "continue"

    def release(self, release: Release) -> None:
        self.released |= {held.run_id: held.fence for held in release.runs}


class FakeCorpora(Corpora):
    def __init__(self) -> None:
        self._text = Corpus(TEXT, context=16, val_windows=4)

    def load(self, digest: str, *, context: int, val_windows: int) -> Corpus:
        return self._text


class FakeTracker(Tracker):
    """Keeps the points and the ending of each run; tells the worker to leave when it hears of an update."""

    def __init__(self, bell: Bell, leave_at: int | None = None) -> None:
        self._bell = bell
        self._leave_at = leave_at
        self.points: dict[int, list[Point]] = {}
        self.endings: dict[int, Ending] = {}
        self.forgotten: set[int] = set()

    def start(self, lease: Lease, on_created: Callable[[str], None]) -> None:
        assert lease.run_id not in self.points
        self.points[lease.run_id] = []
        on_created(f"mlflow {lease.run_id}")

    def add(self, run_id: int, points: list[Point]) -> None:
        self.points[run_id] += points
        if self._leave_at is not None and any(point.step >= self._leave_at for point in points):
            self._bell.leave()

    def finish(self, run_id: int, ending: Ending) -> None:
        self.endings[run_id] = ending
        ending.on_closed()

    def forget(self, lease: Lease, mlflow_run_id: str | None = None) -> None:
        self.forgotten.add(lease.run_id)

    def sequence(self, run_id: int, key: str) -> list[tuple[int, float]]:
        return [(point.step, point.value) for point in self.points[run_id] if point.key == key]


class Worked:
    """What came of some leases in the hands of one worker, which leaves when all have ended, or after an update."""

    def __init__(
        self,
        leases: list[Lease],
        lanes: int,
        orders: dict[int, str] | None = None,
        *,
        states: States | None = None,
        leave_at: int | None = None,
        first_claim: int | None = None,
        meter: Meter | None = None,
        settled: Callable[[], bool] = lambda: True,
    ) -> None:
        self.service = FakeService(leases)
        self.service.orders = orders or {}
        self.bell = bell = Bell()
        self.tracker = FakeTracker(bell, leave_at)
        reporter = Reporter(self.service, 1, bell, interval_seconds=0.01)
        claimer = Claimer(self.service, FakeCorpora(), 1, reporter, bell, states=states)
        device = torch.device("cpu")
        capacity = Capacity(device, "processor", Path(), given=lanes)
        loop = Loop(
            device,
            capacity,
            first_claim=first_claim or lanes,
            bell=bell,
            claimer=claimer,
            reporter=reporter,
            tracker=self.tracker,
            states=states,
            meter=meter,
        )
        thread = threading.Thread(target=loop.run)
        thread.start()
        deadline = time.monotonic() + 120
        left = {one.run_id for one in leases}
        while left - self.gone() or not settled():
            if bell.leaving:
                break
            assert thread.is_alive()
            assert time.monotonic() < deadline, "waited in vain"
            time.sleep(0.01)
        bell.leave()
        thread.join()
        claimer.stop()
        if states is not None:
            assert states.close(60)
        reporter.stop()

    def gone(self) -> set[int]:
        service = self.service
        return service.outcomes.keys() | service.released.keys() | self.tracker.forgotten | self.killed()

    def killed(self) -> set[int]:
        return {run_id for run_id, ending in self.tracker.endings.items() if ending.status == "KILLED"}

    def executed(self) -> int:
        return sum(ending.history.executed for ending in self.tracker.endings.values())


@pytest.fixture(autouse=True)
def _ample_time_to_gather(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine delays threads; what is tested is not how long the loop waits."""
    monkeypatch.setattr("worker.loop.GATHER_SECONDS", 1.0)


def alone(one: Lease) -> Worked:
    return _alone(one.model_copy(update={"attempt": 1, "fence": 1}).model_dump_json())


@cache
def _alone(one: str) -> Worked:
    return Worked([Lease.model_validate_json(one)], lanes=1)


def assert_same_record(worked: Worked, one: Lease) -> None:
    expected, run_id = alone(one), one.run_id
    assert worked.service.outcomes[run_id] == expected.service.outcomes[run_id]
    assert worked.service.vals[run_id] == expected.service.vals[run_id]
    for key in ("lr", "train_loss", "grad_norm", "val_loss"):
        assert worked.tracker.sequence(run_id, key) == expected.tracker.sequence(run_id, key)
    steps = [step for step, _ in worked.tracker.sequence(run_id, "lr")]
    assert steps == list(range(1, len(steps) + 1))
    history, lonely = worked.tracker.endings[run_id].history, expected.tracker.endings[run_id].history
    assert (history.lr, history.train_loss, history.grad_norm) == (lonely.lr, lonely.train_loss, lonely.grad_norm)
    assert history.val_loss == lonely.val_loss


SIBLINGS = [lease(1, 10), lease(2, 20), lease(3, 35), lease(4, 20), lease(5, 10, 50, eval_every=10)]
BOUND = 40 + 20 + 35 + 0 + 20


@pytest.mark.parametrize("lanes", [1, 2, 8])
def test_siblings_have_complete_records_and_each_update_is_executed_once(lanes: int) -> None:
    worked = Worked(SIBLINGS, lanes)
    for one in SIBLINGS:
        assert_same_record(worked, one)
    assert worked.executed() == BOUND
    assert worked.service.most_held == len(SIBLINGS)


@pytest.mark.parametrize("lanes", [1, 2])
def test_runs_that_do_not_share_are_not_hoarded(lanes: int) -> None:
    strangers = [lease(number, seed=number) for number in range(1, 6)]
    worked = Worked(strangers, lanes)
    assert worked.executed() == 5 * 40
    # One that has ended is held until the service has confirmed its end; the next is claimed before that.
    assert worked.service.most_unended <= lanes
    assert {outcome.state for outcome in worked.service.outcomes.values()} == {"completed"}


@pytest.mark.parametrize(("order", "lanes"), [("stop", 2), ("lost", 2), ("stop", 1), ("lost", 1)])
def test_the_first_of_siblings_is_ordered_away_and_the_others_go_on(order: str, lanes: int) -> None:
    worked = Worked(SIBLINGS, lanes, {1: order})
    for one in SIBLINGS[1:]:
        assert_same_record(worked, one)
    assert 1 not in worked.service.outcomes
    assert (1 in worked.killed()) == (order == "stop")


@pytest.mark.parametrize("lanes", [1, 2])
def test_a_pruned_sibling_ends_with_a_complete_record_and_the_others_go_on(lanes: int) -> None:
    worked = Worked(SIBLINGS, lanes, {1: "prune"})
    for one in SIBLINGS[1:]:
        assert_same_record(worked, one)
    outcome, ending = worked.service.outcomes[1], worked.tracker.endings[1]
    assert (outcome.state, ending.status, ending.outcome) == ("pruned", "FINISHED", "pruned")
    steps = [step for step, _ in worked.tracker.sequence(1, "lr")]
    assert steps == list(range(1, len(steps) + 1))
    assert 0 < len(steps) < 40
    for key in ("lr", "train_loss", "val_loss"):
        whole = alone(SIBLINGS[0]).tracker.sequence(1, key)
        assert worked.tracker.sequence(1, key) == [pair for pair in whole if pair[0] <= steps[-1]]
    assert outcome.value == ending.history.val_loss[-1][1]
    replayed = replay_run(SIBLINGS[0], FakeCorpora(), ending.history.compressed())
    assert (replayed.updates, replayed.same_rates, replayed.parts_at) == (len(steps), True, None)


def test_siblings_diverge_each_by_the_window_of_its_own_length() -> None:
    wild = {"type": "constant", "peak_lr": 30.0}
    short, long = (lease(number, schedule={**wild, "total_steps": T}) for number, T in ((1, 60), (2, 1_500)))
    worked = Worked([short, long], lanes=1)
    assert {run_id: outcome.state for run_id, outcome in worked.service.outcomes.items()} == dict.fromkeys(
        (1, 2), "diverged"
    )
    first, second = (worked.service.outcomes[run_id].diverged_at for run_id in (1, 2))
    assert first is not None
    assert second is not None
    assert second - first == 10
    for run_id, at in ((1, first), (2, second)):
        ending = worked.tracker.endings[run_id]
        assert len(ending.history.train_loss) == at
        assert worked.service.outcomes[run_id].value == ending.history.val_loss[0][1]
    assert_same_record(worked, short)
    assert_same_record(worked, long)


def test_a_shape_for_which_there_is_no_memory_fails_its_own_runs_only(monkeypatch: pytest.MonkeyPatch) -> None:
    def of_device(shape: Shape, lanes: int, device: torch.device) -> SharedLanes[int]:
        if shape.d_model > 16:
            raise torch.OutOfMemoryError("not enough memory")
        return SharedLanes[int](shape, lanes, device)

    monkeypatch.setattr("worker.loop.SharedLanes", Refusing(of_device))
    huge = lease(1, shape="huge", model=Model(d_model=32, n_layers=1, n_heads=2, context=16))
    worked = Worked([huge, lease(2)], lanes=1)
    assert worked.service.outcomes[1].state == "failed"
    assert "no room" in str(worked.service.outcomes[1].error)
    assert worked.service.outcomes[2].state == "completed"


class Refusing:
    """Stands in for a generic class: made through a function."""

    def __init__(self, make: Callable[..., SharedLanes[int]]) -> None:
        self._make = make

    def __getitem__(self, _key: type) -> Callable[..., SharedLanes[int]]:
        return self._make
