import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from schedules import build
from tests.unit.schedules.schedule_examples import ALL, D_MODEL, PEAK, TOTAL, WARMUP, example


def _z(n: int) -> float:
    return (n - WARMUP) / (TOTAL - WARMUP)


# Scalar formulae after warmup, written from the papers with Python's own math.
PLAIN: dict[str, Callable[[int], float]] = {
    "inverse_sqrt": lambda n: PEAK * math.sqrt(WARMUP / n),
    "constant": lambda n: PEAK,
    "linear": lambda n: PEAK * (1 - _z(n)),
    "cosine": lambda n: PEAK * (1 + math.cos(math.pi * _z(n))) / 2,
    "cosine_restarts": lambda n: 0.0 if n == TOTAL else PEAK * (1 + math.cos(math.pi * ((3 * _z(n)) % 1))) / 2,
    "polynomial": lambda n: PEAK * (1 - _z(n)) ** 2,
    "exponential": lambda n: PEAK * (1e-5 / PEAK) ** _z(n),
    "step": lambda n: PEAK * 0.1 ** ((n >= 80) + (n >= 150)),
    "wsd": lambda n: PEAK if n <= 160 else PEAK * (1 - math.sqrt((n - 160) / 40)),
    "rex": lambda n: PEAK * (1 - _z(n)) / (0.5 + (1 - _z(n)) / 2),
}


@pytest.mark.parametrize("family", PLAIN)
def test_a_family_follows_its_formula_after_warmup(family: str) -> None:
    rates = example(family).lrs()[WARMUP:]
    expected = [PLAIN[family](n) for n in range(WARMUP + 1, TOTAL + 1)]
    np.testing.assert_allclose(rates, expected, rtol=1e-12, atol=1e-18)


@pytest.mark.parametrize("family", PLAIN)
def test_linear_warmup_reaches_the_peak_exactly_at_update_w(family: str) -> None:
    rates = example(family).lrs()
    np.testing.assert_allclose(rates[:WARMUP], PEAK * np.arange(1, WARMUP + 1) / WARMUP, rtol=1e-15)
    assert rates[WARMUP - 1] == PEAK
    assert example(family).peak() == (WARMUP, PEAK)


def test_noam_is_the_formula_of_the_paper() -> None:
    expected = [D_MODEL**-0.5 * min(n**-0.5, n * WARMUP**-1.5) for n in range(1, TOTAL + 1)]
    np.testing.assert_allclose(example("noam").lrs(), expected, rtol=1e-15)
    assert example("noam").peak().step == WARMUP
    assert example("noam").peak().lr == pytest.approx((D_MODEL * WARMUP) ** -0.5, rel=1e-15)


@pytest.mark.parametrize("family", ["linear", "cosine", "polynomial", "rex", "wsd", "exponential", "cosine_restarts"])
def test_a_decay_reaches_the_final_rate_exactly_at_the_last_update(family: str) -> None:
    assert example(family, final_lr=1.1e-5).lr(TOTAL) == 1.1e-5


@pytest.mark.parametrize(
    ("shape", "share"),
    [
        ("linear", lambda z: 1 - z),
        ("cosine", lambda z: (1 + math.cos(math.pi * z)) / 2),
        ("1-sqrt", lambda z: 1 - math.sqrt(z)),
        ("exponential", lambda z: 2 * 0.5**z - 1),
    ],
)
def test_wsd_cools_down_in_the_shape_asked_for(shape: str, share: Callable[[float], float]) -> None:
    rates = example("wsd", shape=shape, decay_steps=50, final_lr=1e-4).lrs()
    assert set(rates[WARMUP : TOTAL - 50]) == {PEAK}
    expected = [1e-4 + (PEAK - 1e-4) * share(n / 50) for n in range(1, 51)]
    np.testing.assert_allclose(rates[-50:], expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("shape", "rate"),
    [
        ("linear", lambda z: 1e-5 + (PEAK - 1e-5) * z),
        ("cosine", lambda z: 1e-5 + (PEAK - 1e-5) * (1 - math.cos(math.pi * z)) / 2),
        ("exponential", lambda z: 1e-5 * (PEAK / 1e-5) ** z),
    ],
)
def test_warmup_climbs_in_the_shape_asked_for(shape: str, rate: Callable[[float], float]) -> None:
    rates = example("cosine", warmup_shape=shape, start_lr=1e-5).lrs()[:WARMUP]
    np.testing.assert_allclose(rates, [rate(n / WARMUP) for n in range(1, WARMUP + 1)], rtol=1e-12)
    assert rates[-1] == PEAK


def test_exponential_by_its_rate_stops_at_the_floor() -> None:
    rates = example("exponential", final_lr=None, decay_rate=0.05, floor=1e-4).lrs()
    expected = [max(1e-4, PEAK * math.exp(-0.05 * (n - WARMUP))) for n in range(WARMUP + 1, TOTAL + 1)]
    np.testing.assert_allclose(rates[WARMUP:], expected, rtol=1e-12)
    assert rates[-1] == 1e-4


def test_a_horizon_short_of_the_run_leaves_the_final_rate_for_the_rest() -> None:
    rates = example("cosine", horizon=100, final_lr=1e-5).lrs()
    assert rates[99] == 1e-5
    assert set(rates[99:]) == {1e-5}


@pytest.mark.parametrize("family", sorted(set(ALL) - {"noam", "inverse_sqrt", "one_cycle"}))
def test_without_warmup_the_decay_begins_with_the_first_update(family: str) -> None:
    rates = example(family, warmup_steps=0).lrs()
    assert 0.95 * PEAK < rates[0] <= PEAK
    assert np.isfinite(rates).all()


@pytest.mark.parametrize("family", ALL)
def test_one_update_at_a_time_is_the_same_as_all_at_once(family: str) -> None:
    schedule = example(family)
    assert [schedule.lr(n) for n in range(1, TOTAL + 1)] == schedule.lrs().tolist()


@pytest.mark.parametrize("step", [0, -1, TOTAL + 1])
def test_an_update_outside_the_run_is_refused(step: int) -> None:
    with pytest.raises(ValueError, match=f"update {step} is outside the run; ask for 1 to {TOTAL}"):
        example("cosine").lr(step)


@pytest.mark.parametrize(
    "mapping",
    [
        {"type": "constant", "warmup_shape": "exponential", "start_lr": 1e-12, "peak_lr": 1.0, "warmup_steps": 1},
        {"type": "exponential", "decay_rate": 5.0, "peak_lr": 1.0, "warmup_steps": 900},
        {"type": "polynomial", "power": 200.0, "peak_lr": 1.0, "warmup_steps": 999},
    ],
)
def test_what_lies_beyond_warmup_or_before_decay_does_not_overflow(mapping: dict[str, Any]) -> None:
    schedule = build({**mapping, "total_steps": 1000})
    with np.errstate(all="raise", under="ignore"):
        rates = schedule.lrs()
    assert np.isfinite(rates).all()
    assert rates.max() == rates[mapping["warmup_steps"] - 1] == 1.0
