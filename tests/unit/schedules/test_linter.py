from typing import Any

import pytest

from schedules import lint
from tests.unit.schedules.schedule_examples import ALL, example, mapping


def _codes(given: Any, **options: Any) -> list[str]:
    return [finding.code for finding in lint(given, **options)]


@pytest.mark.parametrize("family", ALL)
def test_a_plain_schedule_is_clean(family: str) -> None:
    assert lint(example(family)) == []


@pytest.mark.parametrize(
    ("given", "code", "severity", "field"),
    [
        (mapping("linear", warmup_steps=300), "warmup-too-long", "error", "warmup_steps"),
        (mapping("wsd", decay_steps=190), "cooldown-too-long", "error", "decay_steps"),
        (mapping("linear", peak_lr=-1.0), "negative", "error", "peak_lr"),
        (mapping("linear", peak_lr=float("inf")), "not-finite", "error", "peak_lr"),
        (mapping("linear", peak_lr=0.0), "zero-rate", "error", "peak_lr"),
        (mapping("noam", factor=0.0), "zero-rate", "error", "factor"),
        (mapping("linear", total_steps="ten"), "invalid-parameter", "error", "total_steps"),
        (mapping("constant", warmup_steps=300), "peak-never-reached", "warning", "peak_lr"),
        (mapping("exponential", final_lr=None, decay_rate=1e-4), "never-anneals", "warning", "total_steps"),
        (mapping("step", milestones=[500]), "never-anneals", "warning", "total_steps"),
        (mapping("cosine", horizon=150), "horizon-mismatch", "warning", "horizon"),
        (mapping("noam", peak_lr=1e-3), "ignored-parameter", "warning", "peak_lr"),
        (mapping("cosine", warmup_steps=0, start_lr=1e-4), "ignored-parameter", "warning", "start_lr"),
    ],
)
def test_it_finds_what_is_wrong(given: dict[str, Any], code: str, severity: str, field: str) -> None:
    found = {finding.code: finding for finding in lint(given)}
    assert code in found
    assert (found[code].severity, found[code].field) == (severity, field)
    assert found[code].message
    assert found[code].suggestion


def test_a_horizon_past_the_run_is_found_twice_over() -> None:
    assert _codes(mapping("linear", horizon=2000)) == ["never-anneals", "horizon-mismatch"]


def test_a_warmup_too_short_for_beta2_is_found_only_where_beta2_is_told() -> None:
    schedule = example("cosine", warmup_steps=99)
    assert _codes(schedule) == []
    assert _codes(schedule, beta2=0.98) == ["warmup-short-for-beta2"]
    assert _codes(example("cosine", warmup_steps=100), beta2=0.98) == []


def test_schedules_with_one_curve_are_found_together() -> None:
    same = example("polynomial", power=1.0)
    findings = lint([example("linear"), example("cosine"), same])
    assert [(finding.code, finding.positions) for finding in findings] == [("duplicate-curve", (0, 2))]


def test_a_finding_among_many_says_whose_it_is() -> None:
    findings = lint([example("linear"), mapping("linear", peak_lr=0.0)])
    assert [(finding.code, finding.positions) for finding in findings] == [("zero-rate", (1,))]
    assert findings[0].to_dict()["positions"] == [1]
