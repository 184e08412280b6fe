"""A lane that stops being finite ends there, and says so."""

from tests.unit.lanes.lane_examples import assert_same_state, plan, poisoned, shape
from worker.lanes.batch import LaneBatch


def test_the_log_ends_before_the_update_that_was_not_finite() -> None:
    batch = LaneBatch[str](shape(), 2)
    batch.admit("healthy", plan(0))
    batch.admit("poisoned", poisoned(1))
    logs = batch.advance(6)
    assert logs["healthy"].diverged_at is None
    assert len(logs["healthy"].lr) == 6
    log = logs["poisoned"]
    assert log.diverged_at == 2
    assert (log.first_update, log.last_update) == (1, 1)
    assert len(log.lr) == len(log.train_loss) == len(log.grad_norm) == 1
    assert batch.update_of("poisoned") == 1


def test_a_diverged_lane_stays_as_it_was_and_says_so_until_it_is_removed() -> None:
    batch = LaneBatch[str](shape(optimizer="adamw"), 2)
    batch.admit("healthy", plan(0))
    batch.admit("poisoned", poisoned(1))
    batch.advance(2)
    before = batch.state("poisoned")
    again = batch.advance(18)["poisoned"]
    assert again.diverged_at == 2
    assert len(again.lr) == 0
    assert_same_state(
        {name: tensor.nan_to_num() for name, tensor in batch.state("poisoned").items()},
        {name: tensor.nan_to_num() for name, tensor in before.items()},
    )


def test_a_diverged_lane_does_not_hold_the_others_back() -> None:
    batch = LaneBatch[str](shape(), 2)
    batch.admit("poisoned", poisoned(1, total_steps=4))
    batch.admit("healthy", plan(0))
    assert batch.remaining == 4
    batch.advance(4)
    assert batch.remaining == 16
    assert len(batch.advance(16)["healthy"].lr) == 16
    assert batch.remaining == 0


def test_a_run_admitted_into_the_row_of_a_diverged_one_trains() -> None:
    batch = LaneBatch[str](shape(), 1)
    batch.admit("poisoned", poisoned(1))
    batch.advance(3)
    batch.remove("poisoned")
    batch.admit("healthy", plan(0))
    log = batch.advance(20)["healthy"]
    assert log.diverged_at is None
    assert log.train_loss[-1] < log.train_loss[0]
