import pytest

from schedules import alike, build, common_prefix, distinct_updates, same_rates
from tests.unit.schedules.schedule_examples import PEAK, TOTAL, WARMUP, example


def test_two_cooldowns_of_one_trunk_share_it() -> None:
    long, short = example("wsd", decay_steps=100), example("wsd", decay_steps=30)
    assert common_prefix(long, short) == TOTAL - 100
    assert same_rates(long, short, last=TOTAL - 100)
    assert not same_rates(long, short, last=TOTAL - 99)
    assert not same_rates(long, short)


def test_two_families_share_their_warmup() -> None:
    assert common_prefix(example("linear"), example("cosine")) == WARMUP


def test_equal_slopes_share_the_shorter_warmup() -> None:
    steep = example("constant")
    long = example("constant", warmup_steps=2 * WARMUP, peak_lr=2 * PEAK)
    assert common_prefix(steep, long) == WARMUP


def test_a_constant_run_is_the_beginning_of_a_longer_one() -> None:
    short = example("constant")
    assert common_prefix(short, short.with_total_steps(500)) == TOTAL
    assert not same_rates(short, short.with_total_steps(500))
    assert same_rates(short, short.with_total_steps(500), last=TOTAL)


def test_schedules_that_differ_from_the_start_share_nothing() -> None:
    assert common_prefix(example("constant"), example("noam")) == 0


def test_a_range_outside_a_run_is_refused() -> None:
    with pytest.raises(ValueError, match="updates 1 to 201 are not within both runs; stay within 1 to 200"):
        same_rates(example("linear"), example("linear"), last=TOTAL + 1)


def test_duplicates_are_grouped_whatever_they_are_called() -> None:
    assert alike([example("linear"), example("cosine"), example("polynomial", power=1.0)]) == [(0, 2), (1,)]


def test_each_shared_beginning_counts_once() -> None:
    curves = [
        example("wsd", decay_steps=100),
        example("wsd", decay_steps=30),
        example("wsd", decay_steps=30),
        example("linear"),
        example("constant", total_steps=300),
        example("noam"),
    ]
    nodes = {tuple(curve.lrs()[: update + 1]) for curve in curves for update in range(curve.total_steps)}
    assert distinct_updates(curves) == len(nodes)
    assert distinct_updates([]) == 0


def test_the_area_is_the_sum_of_the_rates() -> None:
    triangle = build({"type": "linear", "total_steps": 100, "peak_lr": 1.0, "warmup_steps": 50})
    assert triangle.area() == pytest.approx(50.0)


def test_the_first_update_below_a_rate_is_looked_for_after_the_peak() -> None:
    schedule = example("linear")
    first = schedule.first_below(PEAK / 2)
    assert first is not None
    assert schedule.lr(first) < PEAK / 2 <= schedule.lr(first - 1)
    assert example("constant").first_below(PEAK / 2) is None


def test_stretching_scales_every_count_of_updates() -> None:
    stretched = example("step").rescale(10 * TOTAL)
    assert stretched == example("step", total_steps=2000, warmup_steps=200, milestones=[800, 1500])
    assert example("wsd", decay_steps=40).rescale(100) == example(
        "wsd", total_steps=100, warmup_steps=10, decay_steps=20
    )


def test_stretching_keeps_the_rates_at_the_same_share_of_the_run() -> None:
    for family in ("cosine", "exponential", "one_cycle", "rex"):
        short, long = example(family), example(family).rescale(10 * TOTAL)
        for n in (WARMUP, 100, TOTAL):
            assert long.lr(10 * n) == pytest.approx(short.lr(n), rel=0.02, abs=1e-9)


def test_another_length_keeps_the_counts() -> None:
    assert example("cosine").with_total_steps(500) == example("cosine", total_steps=500)
