"""When memory does not suffice the batch shrinks, and every run gets the bits that it gets alone."""

from typing import Any

import pytest
import torch
from torch import Tensor

from tests.unit.lanes.lane_examples import assert_same_bits, assert_same_state, joined, plan, shape, trained_alone
from tests.unit.worker.test_loop import BOUND, SIBLINGS, Worked, assert_same_record, lease
from worker.lanes.batch import LaneBatch
from worker.lanes.memory import is_out_of_memory
from worker.lanes.optimizer import RowAdam
from worker.lanes.program import Program
from worker.lanes.sharing import SharedLanes

ERRORS = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"),
    MemoryError("Unable to allocate 8 bytes"),
]


class Scarce:
    """Lets an update fail after it has changed the lanes, when there are more than fit; the third update at first."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, lanes: int, error: Exception) -> None:
        self.most = lanes
        self.calls = 0
        update = RowAdam.update

        def scarce(adam: RowAdam, *, p_KN: Tensor, **tensors: Any) -> None:
            update(adam, p_KN=p_KN, **tensors)
            self.calls += 1
            if self.calls >= 3 and len(p_KN) > self.most:
                raise type(error)(*error.args)

        monkeypatch.setattr(RowAdam, "update", scarce)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_update_that_fails_leaves_every_lane_as_it_was(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    assert is_out_of_memory(error)
    expected = [trained_alone(shape(), plan(number)) for number in range(3)]
    batch = LaneBatch[int](shape(), 3)
    for number in range(3):
        batch.admit(number, plan(number))
    first = batch.advance(7)
    before = [batch.state(number) for number in range(3)]
    scarce = Scarce(monkeypatch, 0, error)
    with pytest.raises(type(error)):
        batch.advance(5)
    assert scarce.calls == 3
    for number in range(3):
        assert_same_state(batch.state(number), before[number])
    monkeypatch.undo()
    second = batch.advance(13)
    for number, (log, state) in enumerate(expected):
        assert_same_bits(joined([first[number], second[number]]), log)
        assert_same_state(batch.state(number), state)


@pytest.mark.parametrize(("lanes", "fit", "left"), [(8, 2, 2), (3, 1, 1), (8, 1, 1)])
def test_the_batch_shrinks_until_it_fits_and_no_run_notices(
    monkeypatch: pytest.MonkeyPatch, lanes: int, fit: int, left: int
) -> None:
    Scarce(monkeypatch, fit, ERRORS[0])
    worked = Worked(SIBLINGS, lanes, first_claim=8)
    monkeypatch.undo()
    for one in SIBLINGS:
        assert_same_record(worked, one)
    assert worked.executed() == BOUND
    assert worked.service.lanes == left


def test_a_validation_that_does_not_fit_is_taken_by_fewer_lanes(monkeypatch: pytest.MonkeyPatch) -> None:
    evaluate = Program.evaluate

    def scarce(program: Program, p_KN: Tensor, windows: Tensor) -> Tensor:
        if len(p_KN) > 1:
            raise ERRORS[0]
        return evaluate(program, p_KN, windows)

    monkeypatch.setattr(Program, "evaluate", scarce)
    worked = Worked(SIBLINGS, 8, first_claim=8)
    monkeypatch.undo()
    for one in SIBLINGS:
        assert_same_record(worked, one)
    assert worked.service.lanes in {1, 2}


def test_a_run_that_does_not_fit_alone_fails_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    Scarce(monkeypatch, 0, ERRORS[0])
    worked = Worked([lease(1), lease(2, seed=4)], lanes=2)
    for run_id in (1, 2):
        outcome = worked.service.outcomes[run_id]
        assert outcome.state == "failed"
        assert str(outcome.error).startswith("out of memory on cpu with a single lane of this shape: ")
        assert "CUDA out of memory" in str(outcome.error)


def test_if_even_the_smaller_batch_cannot_be_made_its_runs_fail_and_the_worker_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(batch: LaneBatch[int], *_arguments: Any) -> None:
        monkeypatch.undo()
        raise MemoryError

    shrink = SharedLanes.shrink

    def shrink_in_vain(lanes: SharedLanes[int]) -> bool:
        monkeypatch.setattr(LaneBatch, "__init__", refuse)
        return shrink(lanes)

    Scarce(monkeypatch, 1, ERRORS[0])
    monkeypatch.setattr(SharedLanes, "shrink", shrink_in_vain)
    held = [lease(1), lease(2, seed=4)]
    worked = Worked([*held, lease(3, seed=5)], lanes=2)
    assert [worked.service.outcomes[run_id].state for run_id in (1, 2, 3)] == ["failed", "failed", "completed"]
    assert str(worked.service.outcomes[1].error).startswith("out of memory on cpu, also while the batch was to shrink")


def test_other_failures_do_not_shrink_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    error = RuntimeError("the product of the matrices went wrong")
    assert not is_out_of_memory(error)
    Scarce(monkeypatch, 1, error)
    worked = Worked([lease(1), lease(2, seed=4)], lanes=2)
    assert {outcome.state for outcome in worked.service.outcomes.values()} == {"failed"}
    assert worked.service.lanes == 2
