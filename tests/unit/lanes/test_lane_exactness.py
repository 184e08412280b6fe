"""A lane computes the same bits as the same run alone in a batch of one, whatever happens around it."""

import numpy as np
import pytest
import torch

import schedules
from tests.unit.lanes.lane_examples import (
    assert_same_bits,
    assert_same_state,
    joined,
    plan,
    poisoned,
    shape,
    trained_alone,
)
from worker.lanes.batch import LaneBatch
from worker.lanes.log import StepLog
from worker.lanes.shape import Shape

SHAPES = {
    "pre-norm": shape(),
    "post-norm": shape(norm="post", positions="sinusoidal", activation="relu", tie_embeddings=False),
    "adamw": shape(optimizer="adamw"),
    "odd sizes": shape(d_model=18, n_heads=3, d_ff=23, batch_size=3, context=16),
    "bf16": shape(d_model=32, n_heads=4, precision="bf16"),
    "d_model 32": shape(d_model=32, n_heads=4, batch_size=8),
    "d_model 64": shape(d_model=64, n_heads=4, batch_size=8),
    "d_model 128": shape(d_model=128, n_heads=4, n_layers=1, batch_size=8),
}


@pytest.mark.parametrize("of", SHAPES.values(), ids=SHAPES.keys())
def test_a_lane_among_many_is_bit_equal_to_the_run_alone(of: Shape) -> None:
    plans = {"a": plan(0), "b": plan(1, total_steps=12), "nan": poisoned(2), "c": plan(3), "d": plan(4, total_steps=9)}
    batch = LaneBatch[str](of, 4)
    logs: dict[str, list[StepLog]] = {key: [] for key in plans}
    states: dict[str, dict[str, torch.Tensor]] = {}

    def advance(updates: int) -> None:
        for key, log in batch.advance(updates).items():
            if len(log.lr) or not logs[key]:
                logs[key].append(log)
            if batch.update_of(key) == plans[key].total_steps:
                states[key] = batch.state(key)

    batch.admit("a", plans["a"])
    batch.admit("b", plans["b"])
    advance(3)
    batch.admit("nan", plans["nan"])
    batch.admit("c", plans["c"])
    advance(9)
    batch.remove("b")  # the last lane moves into its row
    batch.admit("d", plans["d"])
    advance(8)
    batch.remove("a")
    advance(1)
    batch.remove("nan")
    batch.remove("d")
    advance(2)

    assert batch.keys == ("c",)
    for key, run in plans.items():
        expected_log, expected_state = trained_alone(of, run)
        assert_same_bits(joined(logs[key]), expected_log)
        if key != "nan":
            assert_same_state(states[key], expected_state)


@pytest.mark.parametrize("update", [0, 1, 7, 19, 20])
def test_a_run_restored_at_any_update_goes_on_as_if_undisturbed(update: int) -> None:
    of, run = SHAPES["adamw"], plan(1)
    expected_log, expected_state = trained_alone(of, run)
    first = LaneBatch[int](of, 1)
    first.admit(0, run)
    logs = [first.advance(update)[0]] if update else []

    second = LaneBatch[int](of, 3)
    second.admit(9, plan(2))
    second.restore(0, run, first.state(0))
    if update < run.total_steps:
        logs.append(second.advance(run.total_steps - update)[0])

    assert_same_bits(joined(logs), expected_log)
    assert_same_state(second.state(0), expected_state)


def test_an_advance_in_pieces_is_bit_equal_to_one_advance() -> None:
    run = plan(1)
    expected_log, expected_state = trained_alone(shape(), run)
    batch = LaneBatch[str](shape(), 2)
    batch.admit("run", run)
    logs = [batch.advance(updates)["run"] for updates in (1, 4, 1, 14)]
    assert_same_bits(joined(logs), expected_log)
    assert_same_state(batch.state("run"), expected_state)


def test_what_a_lane_computes_does_not_depend_on_its_group(monkeypatch: pytest.MonkeyPatch) -> None:
    of, plans = shape(), [plan(number) for number in range(5)]
    expected = [trained_alone(of, run) for run in plans]
    monkeypatch.setattr("worker.lanes.program._CACHED_FLOATS", 2 * of.tokens_per_update * of.d_model)
    batch = LaneBatch[int](of, 5)
    for number, run in enumerate(plans):
        batch.admit(number, run)
    logs = batch.advance(20)
    for number, (log, state) in enumerate(expected):
        assert_same_bits(logs[number], log)
        assert_same_state(batch.state(number), state)


def test_a_fork_is_bit_equal_to_the_run_that_never_shared() -> None:
    trunk, branch = (plan(1, schedule=_constant_then_cooldown(decay_steps)) for decay_steps in (4, 12))
    batch = LaneBatch[str](shape(), 2)
    batch.admit("trunk", trunk)
    shared = batch.advance(8)["trunk"]
    batch.fork("trunk", "branch", branch)
    logs = batch.advance(12)
    for key, run in {"trunk": trunk, "branch": branch}.items():
        expected_log, expected_state = trained_alone(shape(), run)
        assert_same_bits(joined([shared, logs[key]]), expected_log)
        assert_same_state(batch.state(key), expected_state)


def test_a_fork_from_rates_that_differed_already_is_refused() -> None:
    batch = LaneBatch[str](shape(), 2)
    batch.admit("trunk", plan(1, schedule=_constant_then_cooldown(4)))
    batch.advance(9)
    with pytest.raises(ValueError, match="schedule: the rates differ before update 9"):
        batch.fork("trunk", "branch", plan(1, schedule=_constant_then_cooldown(12)))
    with pytest.raises(ValueError, match="beta2"):
        batch.fork("trunk", "branch", plan(1, schedule=_constant_then_cooldown(4), beta2=0.5))
    assert batch.keys == ("trunk",)


def test_validation_losses_do_not_depend_on_the_neighbours() -> None:
    batch = LaneBatch[int](shape(), 3)
    for number in range(3):
        batch.admit(number, plan(number))
    batch.advance(5)
    together = batch.evaluate([2, 0, 1])
    assert list(together) == [2, 0, 1]
    assert together == {key: batch.evaluate([key])[key] for key in (2, 0, 1)}


def test_the_rates_logged_are_the_schedule_s() -> None:
    run = plan(1)
    log, _ = trained_alone(shape(), run)
    np.testing.assert_array_equal(log.lr, run.schedule.lrs())
    assert (log.first_update, log.last_update) == (1, 20)


def _constant_then_cooldown(decay_steps: int) -> schedules.Schedule:
    return schedules.build({"type": "wsd", "total_steps": 20, "peak_lr": 3e-3, "decay_steps": decay_steps})
