"""Generated sweeps, valid and broken: each is planned, or refused with every field and what would be right."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

import schedules
from service.api.validation import field_problems
from service.domain.plan import MAX_RUNS, plan
from service.domain.remainder import corpus_of, further_problems
from service.errors import InvalidError
from service.wire.problem import FieldProblem
from service.wire.sweep import SweepSpec

junk = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 5),
    st.sampled_from([2**63, -(2**70), 1e308, -1e-308, 0.1]),
    st.text(max_size=4),
    st.lists(st.one_of(st.floats(-1, 1), st.text(max_size=2)), max_size=3),
    st.dictionaries(st.sampled_from(["low", "high", "log", "values", "type", "x"]), st.floats(-1, 2), max_size=3),
)
rates = st.floats(1e-6, 1.0)
numbers = st.one_of(
    rates,
    st.lists(rates, min_size=1, max_size=3),
    st.builds(lambda low, factor: {"low": low, "high": low * factor, "log": True}, rates, st.floats(1.1, 100)),
)
family_parameters = sorted({one.name for family in schedules.FAMILIES.values() for one in family.parameters()})
entries = st.one_of(
    st.sampled_from([*schedules.FAMILIES, "cosinus"]),
    st.builds(
        lambda kind, own: {"type": kind} | own,
        st.sampled_from([*schedules.FAMILIES]),
        st.dictionaries(
            st.sampled_from(family_parameters),
            st.one_of(st.floats(0, 2), st.integers(0, 50), numbers, st.lists(st.sampled_from(["cosine", 3, 0.1]))),
            max_size=2,
        ),
    ),
)
spaces = st.fixed_dictionaries(
    {"schedule": st.lists(entries, min_size=1, max_size=4)},
    optional={
        "warmup_steps": st.one_of(st.integers(0, 60), st.lists(st.integers(0, 60), min_size=1, max_size=3)),
        "peak_lr": numbers,
        "factor": numbers,
        "optimizer.weight_decay": numbers,
        "optimizer.betas": st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=2),
    },
)
sweeps = st.fixed_dictionaries(
    {"space": spaces, "total_steps": st.one_of(st.integers(1, 100), st.lists(st.integers(1, 99), max_size=3))},
    optional={
        "sampler": st.fixed_dictionaries({"type": st.sampled_from(["grid", "random", "qmc", "tpe", "gp", "cmaes"])}),
        "pruner": st.fixed_dictionaries(
            {"type": st.sampled_from(["none", "median", "hyperband", "wilcoxon", "phase"])},
            optional={"n_startup_trials": st.integers(0, 3), "min_resource": st.integers(0, 200)},
        ),
        "trials": st.integers(1, 50),
        "replicates": st.integers(1, 3),
        "model": st.fixed_dictionaries({}, optional={"d_model": st.integers(1, 65), "n_heads": st.integers(1, 5)}),
    },
)


def told(body: Any) -> list[FieldProblem]:
    """The problems that are told of a sweep, none if it is accepted."""
    try:
        spec = SweepSpec.model_validate(body)
    except ValidationError as error:
        problems = field_problems([dict(found) for found in error.errors()])
        corpus_of(body)
        return problems + further_problems(body, problems)
    try:
        planned = plan(spec)
    except InvalidError as error:
        return error.fields
    assert 1 <= planned.runs <= MAX_RUNS
    assert planned.updates >= planned.runs
    for configuration in planned.grid:
        schedules.build(configuration.schedule)
    json.dumps(planned.space.spec.model_dump(mode="json", by_alias=True), allow_nan=False)
    return []


@settings(max_examples=60)
@given(sweeps)
def test_a_sweep_is_planned_or_refused_with_fields_and_remedies(body: dict[str, Any]) -> None:
    for problem in told(body):
        assert problem.field
        assert problem.problem
        assert problem.remedy


@settings(max_examples=60)
@given(sweeps, st.data())
def test_a_sweep_with_junk_in_it_never_fails_otherwise(body: dict[str, Any], data: st.DataObject) -> None:
    for _ in range(data.draw(st.integers(1, 3))):
        place = body
        for _ in range(data.draw(st.integers(0, 2))):
            inside = [name for name, value in place.items() if isinstance(value, dict)]
            place = place[data.draw(st.sampled_from(inside))] if inside else place
        name = data.draw(st.sampled_from([*place, "unknown", "name", "data", "optimizer", "seed"]))
        place[name] = data.draw(junk)
    assert all((problem.field, problem.problem, problem.remedy) for problem in told(body))


VALID: dict[str, Any] = {
    "name": "valid",
    "space": {"schedule": ["linear", {"type": "wsd", "decay_fraction": 0.2}], "warmup_steps": [2], "peak_lr": [0.1]},
    "sampler": {"type": "grid"},
    "total_steps": 100,
}
# How to break a sweep, each by a check of another kind: the field that is told, and what is put where.
BREAKAGES: dict[str, tuple[tuple[str, ...], Any]] = {
    "trials": (("trials",), 0),
    "name": (("name",), "two\nlines"),
    "model": (("model",), {"d_model": 65, "n_heads": 4}),
    "space.peak_lr": (("space", "peak_lr"), {"low": 0.1, "high": 0.2}),
    "space.factor": (("space", "factor"), [-1.0]),
    "space.optimizer.grad_clip": (("space", "optimizer.grad_clip"), [0.0]),
    "space.warmup_steps": (("space", "warmup_steps"), [101]),
    "optimizer.betas.1": (("optimizer",), {"betas": [0.9]}),
    "nonsense": (("nonsense",), 1),
}


@settings(max_examples=60)
@given(st.sets(st.sampled_from(sorted(BREAKAGES)), min_size=1))
def test_whatever_is_wrong_at_any_stage_is_told_at_once(broken: set[str]) -> None:
    body = json.loads(json.dumps(VALID))
    for field in broken:
        path, value = BREAKAGES[field]
        place = body
        for name in path[:-1]:
            place = place[name]
        place[path[-1]] = value
    assert {problem.field for problem in told(body)} == broken


def test_a_broken_schedule_hides_nothing_of_the_others() -> None:
    body = VALID | {
        "space": VALID["space"] | {"schedule": ["cosinus", "linear", {"type": "wsd", "decay_fraction": 3}]},
        "trials": 1,
    }
    assert {problem.field for problem in told(body)} == {"space.schedule.0", "space.schedule.2.decay_fraction"}


@pytest.mark.parametrize("family", schedules.FAMILIES)
@pytest.mark.parametrize("warmup", [0, 1, 20])
def test_a_peak_as_large_as_numbers_are_overflows_nowhere(family: str, warmup: int) -> None:
    space = {"schedule": [family], "peak_lr": 1e308, "warmup_steps": warmup}
    assert all(problem.remedy for problem in told({"space": space, "total_steps": 50}))
