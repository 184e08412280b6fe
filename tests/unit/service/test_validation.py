"""What is said of a field that pydantic refuses: its path, what was wrong, what would be right."""

from typing import Any

import pytest
from pydantic import ValidationError

from service.api.validation import field_problems
from service.wire.protocol import Report
from service.wire.sweep import SweepSpec

SPEC: dict[str, Any] = {"space": {"schedule": ["linear"], "peak_lr": [0.1]}, "total_steps": 10}


def problems(body: Any, model: type = SweepSpec) -> dict[str, str]:
    """The problems of a body, by field."""
    with pytest.raises(ValidationError) as error:
        model.model_validate(body)  # type: ignore[attr-defined]  # any model of the wire
    located = [dict(found) | {"loc": ("body", *found["loc"])} for found in error.value.errors()]
    return {found.field: f"{found.problem}; {found.remedy}" for found in field_problems(located)}


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"spce": 1}, "spce", "no such field; did you mean space?"),
        ({"sampler": {"typ": "tpe"}}, "sampler.typ", "did you mean type?"),
        ({"model": {"dmodel": 64}}, "model.dmodel", "did you mean d_model?"),
        ({"space": SPEC["space"] | {"optimizer.beta": 1}}, "space.optimizer.beta", "did you mean optimizer.betas?"),
        ({"space": SPEC["space"] | {"peak_lr": {"lo": 1}}}, "space.peak_lr.lo", "no such field"),
        ({"space": {"peak_lr": [0.1]}}, "space.schedule", "it is missing; give it"),
        ({"space": {"schedule": []}}, "space.schedule", "at least 1"),
        ({"space": {"schedule": [3]}}, "space.schedule.0", "give a text or an object"),
        ({"space": SPEC["space"] | {"peak_lr": "3e-4"}}, "space.peak_lr", "{low, high, log}"),
        ({"space": SPEC["space"] | {"peak_lr": ["x"]}}, "space.peak_lr.values.0", "3.0e-4"),
        ({"space": SPEC["space"] | {"peak_lr": {"low": 2.0, "high": 1.0}}}, "space.peak_lr", "give low < high"),
        ({"space": SPEC["space"] | {"peak_lr": [0.1, 0.1]}}, "space.peak_lr", "list each value once"),
        ({"space": SPEC["space"] | {"warmup_steps": [1.5]}}, "space.warmup_steps.values.0", "whole number"),
        ({"total_steps": 0}, "total_steps.values.0", ">= 1"),
        ({"total_steps": "many"}, "total_steps", "a number of updates, or a list"),
        ({"trials": -1}, "trials", ">= 1"),
        ({"name": "two\nlines"}, "name", "one line"),
        ({"sampler": {"type": "sobol"}}, "sampler.type", "'qmc', 'tpe', 'gp' or 'cmaes'"),
        ({"model": {"d_model": 65, "n_heads": 4}}, "model", "such as 5"),
        ({"model": {"dropout": 1.0}}, "model.dropout", "give a number < 1"),
        ({"model": {"dropout": -0.1}}, "model.dropout", "give a number >= 0"),
        ({"model": {"precision": "fp16"}}, "model.precision", "'fp32' or 'bf16'"),
        ({"optimizer": {"betas": [0.9]}}, "optimizer.betas.1", "missing"),
        ({"optimizer": {"eps": float("nan")}}, "optimizer.eps", "finite"),
        ({"trials": True}, "trials", "true is not a number"),
        ({"trials": "24"}, "trials", "without quotes"),
        ({"space": SPEC["space"] | {"peak_lr": [0.1, "0.2"]}}, "space.peak_lr.values", "without quotes"),
        ({"eval_every": 2**63}, "eval_every", "64 bits"),
        ({"data": {"corpus": "a\0b"}}, "data.corpus", "NUL"),
    ],
)
def test_a_refused_field_is_named_with_what_would_be_right(change: dict[str, Any], field: str, words: str) -> None:
    found = problems(SPEC | change)
    assert set(found) == {field}
    assert words in found[field]


def test_every_offending_field_is_told() -> None:
    found = problems({"space": {"schedule": ["linear"], "peak_lr": "x"}, "total_steps": 0, "trials": 0, "extra": 1})
    assert set(found) == {"space.peak_lr", "total_steps.values.0", "trials", "extra"}


def test_a_list_in_a_report_is_located_by_its_position() -> None:
    report = {"worker_id": 1, "updates_per_second": 1, "runs": [{"run_id": 1, "fence": 1, "step": -1}]}
    assert ">= 0" in problems(report, Report)["runs.0.step"]


def test_a_body_that_is_no_object_is_told_as_the_body() -> None:
    assert "object" in problems([1])["body"]
