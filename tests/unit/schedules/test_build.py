import json
import pickle
from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from schedules import FAMILIES, Schedule, ScheduleError, build
from tests.unit.schedules.schedule_examples import ALL, example, mapping

MINIMAL = {"type": "cosine", "total_steps": 100, "peak_lr": 1e-3}


@pytest.mark.parametrize("family", ALL)
def test_a_schedule_goes_through_json_and_comes_back_equal(family: str) -> None:
    schedule = example(family)
    again = build(json.loads(json.dumps(schedule.to_dict())))
    assert again == schedule
    assert hash(again) == hash(schedule)
    assert again.to_dict() == schedule.to_dict()


def test_whole_numbers_for_rates_make_an_equal_schedule() -> None:
    assert build({**MINIMAL, "peak_lr": 1}) == build({**MINIMAL, "peak_lr": 1.0})


def test_schedules_of_different_families_differ() -> None:
    assert build(MINIMAL) != build({**MINIMAL, "type": "linear"})


def test_a_schedule_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        build(MINIMAL).total_steps = 5  # type: ignore[misc]  # the point of the test


@pytest.mark.parametrize(
    ("given", "field", "problem", "remedy"),
    [
        ({}, "type", "missing", "one of noam"),
        ({"type": "cosin"}, "type", "'cosin' is not a schedule", "cosine"),
        ({"type": ["cosine"]}, "type", "is not a schedule", "cosine"),
        ({"type": "cosine", "total_steps": 9}, "peak_lr", "missing", "largest rate"),
        ({**MINIMAL, "peak": 1}, "peak", "no such parameter", "peak_lr"),
        ({**MINIMAL, "total_steps": 0}, "total_steps", "too small", ">= 1"),
        ({**MINIMAL, "total_steps": True}, "total_steps", "not a whole number", "integer"),
        ({**MINIMAL, "total_steps": 10.0}, "total_steps", "not a whole number", "integer"),
        ({**MINIMAL, "peak_lr": -1e-3}, "peak_lr", "out of range", ">= 0"),
        ({**MINIMAL, "peak_lr": float("nan")}, "peak_lr", "not finite", "finite"),
        ({**MINIMAL, "peak_lr": float("inf")}, "peak_lr", "not finite", "finite"),
        ({**MINIMAL, "peak_lr": "1e-3"}, "peak_lr", "not a number", "number"),
        ({**MINIMAL, "warmup_steps": 101}, "warmup_steps", "longer than the run of 100", "at most 100"),
        ({**MINIMAL, "start_lr": 1.0}, "start_lr", "exceeds peak_lr", "below the peak"),
        ({**MINIMAL, "final_lr": 1.0}, "final_lr", "exceeds peak_lr", "below the peak"),
        ({**MINIMAL, "horizon": 5, "warmup_steps": 6}, "warmup_steps", "past the horizon", "at most 5"),
        ({**MINIMAL, "warmup_shape": "cubic"}, "warmup_shape", "not known", "linear, cosine, exponential"),
        ({**MINIMAL, "warmup_shape": "exponential"}, "start_lr", "cannot start at zero", "start_lr > 0"),
        ({**MINIMAL, "mode": "keras"}, "mode", "not known", "native"),
        (mapping("noam", peak_lr=1e-3), "peak_lr", "no such parameter", "d_model"),
        (mapping("noam", warmup_steps=0), "warmup_steps", "too small", ">= 1"),
        (mapping("noam", warmup_steps=4000), "warmup_steps", "longer than the run", "at most 200"),
        (mapping("inverse_sqrt", warmup_steps=0), "timescale", "nothing to take it from", "timescale"),
        (mapping("exponential", final_lr=None), "decay_rate", "neither", "decay_rate"),
        (mapping("exponential", decay_rate=0.1), "decay_rate", "both", "final_lr"),
        (mapping("exponential", floor=1.0), "floor", "exceeds peak_lr", "below the peak"),
        (mapping("step", milestones=[50, 50]), "milestones", "does not increase", "increasing"),
        (mapping("step", milestones=[10]), "milestones", "within the warmup", "after update 20"),
        (mapping("step", milestones=7), "milestones", "not a list", "[100, 200]"),
        (mapping("wsd", decay_steps=181), "decay_steps", "longer than the 180 left", "at most 180"),
        (mapping("wsd", decay_fraction=0.95), "decay_fraction", "longer than the 180 left", "at most 0.9"),
        (mapping("wsd", decay_fraction=0.1, decay_steps=5), "decay_fraction", "given as well", "one of the two"),
        (mapping("wsd", shape="sqrt"), "shape", "not known", "1-sqrt"),
        (mapping("wsd", final_lr=1.0), "final_lr", "exceeds peak_lr", "below the peak"),
        (mapping("one_cycle", pct_start=0.3), "pct_start", "given as well", "one of the two"),
        (mapping("one_cycle", warmup_steps=150, three_phase=True), "warmup_steps", "no room", "inside the run"),
        (mapping("one_cycle", three_phase=1), "three_phase", "not a truth value", "true or false"),
    ],
)
def test_what_does_not_fit_is_refused_with_field_problem_and_remedy(
    given: dict[str, Any], field: str, problem: str, remedy: str
) -> None:
    with pytest.raises(ScheduleError) as caught:
        build(given)
    assert caught.value.field == field
    assert problem in caught.value.problem
    assert remedy in caught.value.remedy
    assert str(caught.value) == f"{field}: {caught.value.problem}; {caught.value.remedy}"


def test_an_error_keeps_its_parts_across_processes() -> None:
    error = pickle.loads(pickle.dumps(ScheduleError("peak_lr", "bad", "better", "negative")))
    assert (error.field, error.problem, error.remedy, error.code) == ("peak_lr", "bad", "better", "negative")


def test_a_wsd_with_no_cooldown_given_takes_a_fifth_of_the_run() -> None:
    assert example("wsd").to_dict()["decay_fraction"] == 0.2
    assert example("wsd") == example("wsd", decay_fraction=0.2)


@pytest.mark.parametrize("family", FAMILIES.values(), ids=list(FAMILIES))
def test_a_family_lists_what_it_takes(family: type[Schedule]) -> None:
    parameters = {parameter.name: parameter for parameter in family.parameters()}
    assert parameters["total_steps"].required
    assert parameters["mode"].default == "native"
    assert "native" in parameters["mode"].choices
    assert all(parameter.doc for parameter in parameters.values())
    assert json.loads(json.dumps([parameter.to_dict() for parameter in parameters.values()]))


def test_only_noam_has_no_peak_rate_of_its_own() -> None:
    without = [name for name, family in FAMILIES.items() if "peak_lr" not in {p.name for p in family.parameters()}]
    assert without == ["noam"]
