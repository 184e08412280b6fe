"""A finite loss that stays far above its initial value is divergence; noise, plateaus and spikes are not."""

import numpy as np
import pytest

from worker.divergence import Watch
from worker.lanes.log import StepLog

INITIAL = 5.5


def log_of(losses: list[float], first: int = 1) -> StepLog:
    numbers = np.array(losses)
    return StepLog(first_update=first, lr=numbers, train_loss=numbers.astype(np.float32), grad_norm=numbers)


def verdict(losses: list[float], total_steps: int = 300) -> int | None:
    return Watch(total_steps=total_steps).diverged_at(log_of(losses), INITIAL)


@pytest.mark.parametrize(("total_steps", "window"), [(1, 20), (300, 20), (1_000, 20), (1_001, 21), (50_000, 1_000)])
def test_the_window_is_two_percent_of_the_run_and_at_least_twenty_updates(total_steps: int, window: int) -> None:
    assert Watch(total_steps=total_steps).window == window
    assert verdict([INITIAL, 4.0] + [50.0] * window, total_steps) == 2 + window
    assert verdict([INITIAL, 4.0] + [50.0] * (window - 1), total_steps) is None


def test_one_update_below_the_limit_starts_the_window_anew() -> None:
    assert verdict([INITIAL] + [50.0] * 19 + [6.0] + [50.0] * 19) is None
    assert verdict([INITIAL] + [50.0] * 19 + [6.0] + [50.0] * 20) == 41


def test_a_run_that_learns_nothing_has_not_diverged() -> None:
    noise = np.random.default_rng(0).normal(scale=0.2, size=100_000)
    assert verdict((INITIAL + 0.5 + noise).tolist(), 1_000) is None


def test_the_harder_of_the_two_texts_sets_the_limit() -> None:
    assert verdict([6.5] + [7.5] * 40) is None
    assert verdict([5.0] + [7.5] * 40) == 21


@pytest.mark.parametrize("portion", [1, 7, 19, 20, 64])
def test_the_verdict_does_not_depend_on_how_updates_are_portioned(portion: int) -> None:
    losses = [INITIAL] + [50.0] * 10 + [5.0] + [50.0] * 52
    watch = Watch(total_steps=300)
    logs = [log_of(losses[start : start + portion], start + 1) for start in range(0, len(losses), portion)]
    found = [watch.diverged_at(log, INITIAL) for log in logs]
    assert [update for update in found if update is not None] == [32]


def test_a_log_is_cut_after_an_update() -> None:
    cut = log_of([1.0, 2.0, 3.0], first=5).until(6)
    assert (cut.first_update, cut.last_update) == (5, 6)
    assert cut.train_loss.tolist() == cut.grad_norm.tolist() == [1.0, 2.0]
