"""One schedule over REST: its numbers and its pictures."""

import numpy as np
import pytest

from schedules import build
from service.client import ApiError
from tests.integration.serving import Serving

COSINE = {"type": "cosine", "total_steps": 300, "warmup_steps": 40, "peak_lr": 3e-3}


def test_a_schedule_is_shown_as_its_rates_peak_and_findings(serving: Serving) -> None:
    shown = serving["viewer"].preview_schedule(COSINE)
    schedule = build(COSINE)
    np.testing.assert_array_equal(shown.lr, [schedule.lr(step) for step in shown.steps])
    assert (shown.steps[0], shown.steps[-1]) == (1, 300)
    assert (shown.peak.step, shown.peak.lr) == (40, 3e-3)
    assert shown.area == pytest.approx(schedule.lrs().sum())
    assert build(shown.schedule) == schedule
    doubtful = serving["viewer"].preview_schedule(COSINE | {"horizon": 600})
    assert [finding.code for finding in doubtful.findings]


def test_a_long_schedule_is_thinned_to_what_can_be_drawn(serving: Serving) -> None:
    shown = serving["viewer"].preview_schedule(COSINE | {"total_steps": 1_000_000})
    assert len(shown.steps) <= 400
    assert (shown.steps[0], shown.steps[-1]) == (1, 1_000_000)


def test_a_schedule_is_drawn(serving: Serving) -> None:
    assert serving["viewer"].draw_schedule(COSINE, "png").startswith(b"\x89PNG")
    assert b"<svg" in serving["viewer"].draw_schedule(COSINE, "svg")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"type": "cosinus"}, "type"),
        ({"warmup_steps": 301}, "warmup_steps"),
        ({"peak_lr": -1}, "peak_lr"),
        ({"total_steps": 10**9}, "total_steps"),
    ],
)
def test_what_is_no_schedule_is_refused_by_its_field(serving: Serving, change: dict[str, object], field: str) -> None:
    with pytest.raises(ApiError) as refused:
        serving["viewer"].preview_schedule(COSINE | change)
    assert [error.field for error in refused.value.problem.errors] == [field]
    assert refused.value.problem.errors[0].remedy
