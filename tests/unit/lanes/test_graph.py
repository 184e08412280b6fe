"""Graphs on a CPU, where launching one is calling its update: buffers, padding, compaction and refills are the same."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from tests.unit.lanes.lane_examples import (
    assert_same_bits,
    assert_same_state,
    joined,
    plan,
    poisoned,
    shape,
    trained_alone,
)
from worker.lanes import graph
from worker.lanes.batch import LaneBatch
from worker.lanes.graph import Graphs, size_for
from worker.lanes.log import StepLog
from worker.lanes.program import Program
from worker.lanes.shape import Shape


class Captures:
    """Stands in for the capture: an update is called a few times, as warm-ups are, and launched as it is."""

    def __init__(self) -> None:
        self.updates: list[Callable[[], None]] = []
        self.launches = 0

    def __call__(self, update: Callable[[], None]) -> Callable[[], None]:
        for _ in range(4):
            update()
        self.updates.append(update)

        def launch() -> None:
            self.launches += 1
            update()

        return launch


@pytest.fixture(scope="module")
def alone() -> dict[int, tuple[StepLog, dict[str, torch.Tensor]]]:
    """What runs do without graphs: of a wider scope than `captures`, so that it is made first."""
    return {number: trained_alone(shape(), plan(number)) for number in range(3)}


@pytest.fixture
def captures(monkeypatch: pytest.MonkeyPatch) -> Captures:
    captures = Captures()

    def program_for(of: Shape, device: torch.device) -> Graphs:
        return Graphs(Program(of, device), captures)

    monkeypatch.setattr("worker.lanes.batch.program_for", program_for)
    return captures


def batch_of(count: int, capacity: int, *, total_steps: int = 20) -> LaneBatch[int]:
    batch = LaneBatch[int](shape(), capacity)
    for number in range(count):
        batch.admit(number, plan(number, total_steps=total_steps))
    return batch


@pytest.mark.parametrize(("lanes", "size"), [(1, 1), (2, 2), (3, 4), (4, 4), (5, 6), (6, 6)])
def test_the_smallest_graph_is_taken_that_holds_all_lanes(lanes: int, size: int) -> None:
    assert size_for(lanes, capacity=6) == size


def test_lanes_that_come_and_leave_have_the_bits_of_runs_alone(
    alone: dict[int, tuple[StepLog, dict[str, torch.Tensor]]], captures: Captures
) -> None:
    batch = batch_of(3, capacity=6)
    batch.admit(9, poisoned(4, total_steps=20))
    batch.admit(8, plan(0))  # leaves its row behind
    logs = [batch.advance(7)]
    batch.remove(9)
    batch.remove(8)
    logs.append(batch.advance(6))
    logs.append(batch.advance(7))
    assert logs[0][9].diverged_at == 2
    for number, (log, state) in alone.items():
        assert_same_bits(joined([part[number] for part in logs]), log)
        assert_same_state(batch.state(number), state)


def test_each_size_and_kind_is_captured_once_and_launched_once_for_each_update(captures: Captures) -> None:
    batch = batch_of(3, capacity=4)
    batch.advance(3)
    batch.advance(2)
    assert (len(captures.updates), captures.launches) == (1, 5)
    batch.remove(2)  # the last that drops anything is number 1
    batch.advance(2)
    batch.remove(1)
    batch.advance(2)
    batch.admit(3, plan(2))
    batch.advance(2)
    assert (len(captures.updates), captures.launches) == (3, 11)


def test_a_capture_leaves_the_rows_alone(captures: Captures) -> None:
    rows_3KN = torch.rand(3, 2, Program(shape(), torch.device("cpu")).layout.size)
    before = rows_3KN.clone()
    graph._Graph(Program(shape(), torch.device("cpu")), rows_3KN, True, captures)
    assert torch.equal(rows_3KN, before)


def test_a_stretch_longer_than_the_buffers_is_trained_in_parts(
    alone: dict[int, tuple[StepLog, dict[str, torch.Tensor]]], captures: Captures, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graph, "UPDATES", 6)
    assert_same_bits(batch_of(2, capacity=2).advance(20)[1], alone[1][0])
    assert captures.launches == 20


def test_rows_that_move_are_captured_anew(captures: Captures) -> None:
    program = Graphs(Program(shape(), torch.device("cpu")), captures)
    batch = batch_of(1, capacity=1)
    feed = batch._feed.stretch([batch._lanes[0].share(2)])
    rows_3KN, alive_K = batch._rows_3KN, torch.ones(1, dtype=torch.bool)
    moved_3KN = rows_3KN.clone()
    results = [program.advance(rows, alive_K, feed) for rows in (rows_3KN, moved_3KN)]
    assert torch.equal(rows_3KN, moved_3KN)
    assert torch.equal(*results)
    assert len(captures.updates) == 2


def test_a_lane_that_has_diverged_stays_so_through_graphs_of_other_sizes(captures: Captures) -> None:
    batch = batch_of(2, capacity=4)
    batch.admit(9, poisoned(5, total_steps=20))
    batch.advance(3)
    before = batch.state(9)
    batch.remove(0)
    log = batch.advance(4)[9]
    assert log.diverged_at == 2
    assert len(log.train_loss) == 0
    assert_same_state(batch.state(9), before)
    assert np.isfinite(batch.advance(2)[1].train_loss).all()
