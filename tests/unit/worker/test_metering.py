"""What runs cost: the time and the energy of a device, divided among those that trained."""

from pathlib import Path

import pytest
import torch

from service.wire.protocol import Orders, Report
from tests.unit.worker.test_loop import FakeCorpora, FakeService, Worked, lease
from tests.unit.worker.test_states import states
from worker.energy import Rapl, counter_of, nothing
from worker.lanes.log import StepLog
from worker.lanes.sharing import SharedLanes
from worker.metering import Meter
from worker.training import Training


class Clock:
    """A device whose time and energy go on as a test says."""

    def __init__(self) -> None:
        self.seconds = self.joules = 0.0

    def work(self, seconds: float, joules: float) -> None:
        self.seconds += seconds
        self.joules += joules


def trainings(*numbers: int) -> dict[int, Training]:
    return {number: Training.of(lease(number), FakeCorpora()) for number in numbers}


def test_each_lane_bears_an_equal_part_and_those_in_it_equal_parts_of_that() -> None:
    clock, runs = Clock(), trainings(1, 2, 3)
    meter = Meter(lambda: clock.joules, lambda: clock.seconds)
    clock.work(100, 5000)
    meter.begin()
    clock.work(8, 80)
    meter.charge(runs, {1: 1.0, 2: 0.5, 3: 0.5})
    clock.work(2, 10)
    meter.charge(runs, {3: 1.0})
    assert {number: (run.device_seconds, run.joules) for number, run in runs.items()} == {
        1: (4.0, 40.0),
        2: (2.0, 20.0),
        3: (4.0, 30.0),
    }


def test_what_a_device_does_not_tell_is_not_known() -> None:
    clock, runs = Clock(), trainings(1)
    meter = Meter(nothing, lambda: clock.seconds)
    clock.work(1, 5)
    meter.charge(runs, {1: 1.0})
    assert (runs[1].device_seconds, runs[1].joules) == (1.0, None)


def test_time_in_which_nobody_trains_is_charged_to_nobody() -> None:
    clock, runs = Clock(), trainings(1)
    meter = Meter(nothing, lambda: clock.seconds)
    clock.work(5, 0)
    meter.charge(runs, {})
    clock.work(1, 0)
    meter.charge(runs, {1: 1.0})
    assert runs[1].device_seconds == 1.0


def test_what_a_worker_reports_of_its_runs_grows_and_adds_up_to_the_time_it_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: dict[int, list[float]] = {}
    clock = Clock()
    report, advance = FakeService.report, SharedLanes.advance

    def noted(service: FakeService, request: Report) -> Orders:
        for run in request.runs:
            told.setdefault(run.run_id, []).append(run.device_seconds)
        return report(service, request)

    def timed(lanes: SharedLanes[int], updates: int) -> dict[int, StepLog]:
        clock.work(updates, 0)
        return advance(lanes, updates)

    monkeypatch.setattr(FakeService, "report", noted)
    monkeypatch.setattr(SharedLanes, "advance", timed)
    meter = Meter(nothing, lambda: clock.seconds)
    worked = Worked([lease(1, 10), lease(2, 20), lease(3, seed=4)], 4, states=states(tmp_path), meter=meter)
    assert {outcome.state for outcome in worked.service.outcomes.values()} == {"completed"}
    assert all(costs == sorted(costs) for costs in told.values())
    assert sum(costs[-1] for costs in told.values()) == pytest.approx(clock.seconds)
    assert told[3][-1] > told[1][-1] > 0, "runs that share a lane divide its cost"


def counter_files(directory: Path, *joules: float, most: int = 1_000_000_000) -> Path:
    for number, value in enumerate(joules):
        package = directory / f"intel-rapl:{number}"
        package.mkdir(exist_ok=True, parents=True)
        (package / "energy_uj").write_text(f"{round(value * 1e6) % (most + 1)}\n")
        (package / "max_energy_range_uj").write_text(f"{most}\n")
    return directory


def test_the_energy_of_a_processor_is_divided_by_threads_and_its_counters_begin_again(tmp_path: Path) -> None:
    counter = Rapl(sorted(counter_files(tmp_path, 990.0, 10.0).glob("*")), part=0.5)
    assert counter() == 0
    counter_files(tmp_path, 1010.0, 14.0)
    assert counter() == pytest.approx(12, rel=1e-6)
    (tmp_path / "intel-rapl:1" / "energy_uj").unlink()
    assert counter() is None


def test_a_machine_without_counters_tells_nothing(tmp_path: Path) -> None:
    assert Rapl.found(tmp_path / "nowhere") is None
    assert Rapl.found(tmp_path) is None


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_whose_driver_is_away_tells_nothing() -> None:
    """With the real NVML library for Python: it finds no driver here."""
    assert counter_of(torch.device("cuda", 0)) is nothing
