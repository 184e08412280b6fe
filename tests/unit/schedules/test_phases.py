"""Phases: where the warmup ends, where the peak is left, and equal places in schedules of other lengths."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schedules import build
from schedules.phases import Phase, phase, update_at
from tests.unit.schedules.schedule_examples import ALL, example

WSD = {"type": "wsd", "total_steps": 100, "warmup_steps": 10, "peak_lr": 0.1, "decay_steps": 20}


@pytest.mark.parametrize(
    ("schedule", "step", "expected"),
    [
        (WSD, 0, Phase("warmup", 0.0)),
        (WSD, 10, Phase("warmup", 1.0)),
        (WSD, 11, Phase("stable", 1 / 70)),
        (WSD, 80, Phase("stable", 1.0)),
        (WSD, 81, Phase("decay", 1 / 20)),
        (WSD, 100, Phase("decay", 1.0)),
        ({"type": "cosine", "total_steps": 50, "warmup_steps": 10, "peak_lr": 0.1}, 30, Phase("decay", 0.5)),
        ({"type": "constant", "total_steps": 50, "warmup_steps": 10, "peak_lr": 0.1}, 30, Phase("stable", 0.5)),
        ({"type": "linear", "total_steps": 50, "peak_lr": 0.1, "warmup_steps": 0}, 1, Phase("warmup", 1.0)),
        ({"type": "noam", "total_steps": 8, "warmup_steps": 8, "d_model": 8}, 4, Phase("warmup", 0.5)),
    ],
)
def test_a_phase_is_a_part_and_how_much_of_it_is_done(schedule: dict[str, object], step: int, expected: Phase) -> None:
    found = phase(build(schedule), step)
    assert found.part == expected.part
    assert found.share == pytest.approx(expected.share, rel=1e-12)


@pytest.mark.parametrize("family", ALL)
def test_the_parts_are_those_before_at_and_after_the_peak(family: str) -> None:
    schedule = example(family)
    rates, peak = schedule.lrs(), schedule.peak()
    for step in range(1, schedule.total_steps + 1):
        at = phase(schedule, step)
        left = not any(rate >= peak.lr * (1 - 1e-9) for rate in rates[step - 1 :])
        assert at.part == ("warmup" if step <= peak.step else "decay" if left else "stable")
        assert update_at(schedule, at) == pytest.approx(step, rel=1e-9)


@given(st.integers(30, 200), st.integers(1, 10), st.integers(1, 15), st.floats(0.01, 1))
def test_equal_phases_are_equal_shares_whatever_the_length(total: int, warmup: int, decay: int, share: float) -> None:
    schedule = build(WSD | {"total_steps": total, "warmup_steps": warmup, "decay_steps": decay})
    cooldown = total - decay
    assert update_at(schedule, Phase("stable", share)) == pytest.approx(warmup + share * (cooldown - warmup))
    assert update_at(schedule, Phase("decay", share)) == pytest.approx(cooldown + share * decay)


def test_a_part_that_a_schedule_does_not_have_is_nowhere() -> None:
    cosine = build({"type": "cosine", "total_steps": 50, "warmup_steps": 10, "peak_lr": 0.1})
    assert update_at(cosine, Phase("stable", 0.5)) is None
