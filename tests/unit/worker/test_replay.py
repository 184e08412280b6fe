"""A replay says how far a recorded run is from the same run in plain PyTorch."""

import dataclasses

import pytest

from tests.unit.lanes.lane_examples import plan, shape
from worker.history import History
from worker.lanes.alone import Alone
from worker.lanes.batch import LaneBatch
from worker.lanes.log import StepLog
from worker.lanes.plan import Plan
from worker.lanes.shape import Shape
from worker.replay import replay

RUN = plan(1, total_steps=120)


def recorded(of: Shape, run: Plan, updates: int = 120) -> History:
    batch = LaneBatch[str](of, 2)
    batch.admit("neighbour", plan(2, total_steps=120))
    batch.admit("run", run)
    history = History(total_steps=run.total_steps)
    history.add_updates(batch.advance(updates)["run"])
    return history


@pytest.mark.parametrize("optimizer", ["adam", "adamw"])
def test_a_lane_is_within_rounding_of_plain_pytorch_and_its_rates_are_equal(optimizer: str) -> None:
    of = shape(optimizer=optimizer)
    found = replay(of, RUN, recorded(of, RUN))
    assert (found.updates, found.same_rates, found.parts_at) == (120, True, None)
    assert found.loss_difference <= 1e-5
    assert found.norm_difference <= 1e-3


def test_a_run_that_ended_early_is_replayed_as_far_as_it_went() -> None:
    history = recorded(shape(), RUN, updates=70)
    assert replay(shape(), RUN, history).updates == 70
    assert replay(shape(), RUN, history, updates=5).updates == 5


def test_another_rate_is_found() -> None:
    history = recorded(shape(), RUN)
    history.lr[80] *= 1 + 1e-12
    assert not replay(shape(), RUN, history).same_rates


def test_another_run_is_found_where_it_parts() -> None:
    history = recorded(shape(), dataclasses.replace(RUN, grad_clip=0.01))
    found = replay(shape(), RUN, history)
    assert found.parts_at is not None
    assert found.parts_at > 1
    assert found.loss_difference > 1e-3
    assert replay(shape(), RUN, recorded(shape(), dataclasses.replace(RUN, seed=9))).parts_at == 1


def test_a_loss_that_is_not_a_number_differs() -> None:
    history = recorded(shape(), RUN)
    history.train_loss[9] = float("nan")
    found = replay(shape(), RUN, history)
    assert (found.parts_at, found.loss_difference_at, found.loss_difference) == (10, 10, float("inf"))


def test_progress_is_told_on_the_way_to_the_end() -> None:
    told: list[int] = []
    replay(shape(), RUN, recorded(shape(), RUN), on_progress=told.append)
    assert told == sorted(set(told))
    assert (told[-1], len(told) > 1) == (120, True)


def test_nothing_cannot_be_replayed() -> None:
    with pytest.raises(ValueError, match="updates: 0 cannot be replayed; the run has 1 to 120"):
        replay(shape(), RUN, History(total_steps=120))


def test_a_loss_that_is_infinite_on_both_sides_does_not_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    history = recorded(shape(), RUN)
    history.train_loss[9] = history.grad_norm[9] = float("nan")
    advance = Alone.advance

    def diverging(alone: Alone, updates: int) -> StepLog:
        log = advance(alone, updates)
        if log.first_update == 1:
            log.train_loss[9] = log.grad_norm[9] = float("inf")
        return log

    monkeypatch.setattr(Alone, "advance", diverging)
    found = replay(shape(), RUN, history)
    assert (found.parts_at, found.same_rates) == (None, True)
    assert found.loss_difference <= 1e-5
