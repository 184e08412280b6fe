"""Conditional spaces: a family's own parameters are swept for that schedule alone."""

from typing import Any

import pytest

from service.domain.plan import plan
from service.domain.space import SearchSpace
from service.domain.tried import untried
from service.errors import InvalidError
from service.wire.sweep import SweepSpec
from tests.unit.service.test_plan import GRID, refused, spec


def space(*schedules: Any, sampler: str = "random", **fields: Any) -> SearchSpace:
    """A space of these schedules."""
    return SearchSpace(spec(GRID, space_schedule=list(schedules), sampler={"type": sampler}, trials=5, **fields))


def test_a_grid_multiplies_each_schedules_own_values_with_the_shared_ones() -> None:
    wsd = {"type": "wsd", "decay_fraction": [0.1, 0.2, 0.4], "shape": ["linear", "1-sqrt"]}
    checked = plan(spec(GRID, space_schedule=["noam", wsd, {"type": "cosine", "final_lr": {"values": [0.0, 1e-5]}}]))
    kinds = [configuration.schedule["type"] for configuration in checked.grid]
    assert {kind: kinds.count(kind) for kind in kinds} == {"noam": 2, "wsd": 2 * 3 * 3 * 2, "cosine": 2 * 3 * 2}
    one = next(one for one in checked.grid if one.schedule["type"] == "wsd")
    assert one.point == {
        "schedule": "wsd",
        "warmup_steps": 20,
        "peak_lr": 0.001,
        "wsd.decay_fraction": 0.1,
        "wsd.shape": "linear",
    }
    assert one.schedule == {
        "type": "wsd",
        "total_steps": 300,
        "warmup_steps": 20,
        "peak_lr": 0.001,
        "decay_fraction": 0.1,
        "shape": "linear",
    }


def test_an_own_dimension_hides_the_shared_one_of_its_name() -> None:
    checked = plan(spec(GRID, space_schedule=["linear", {"type": "cosine", "peak_lr": [0.5, 0.6]}]))
    assert {one.schedule["peak_lr"] for one in checked.grid if one.schedule["type"] == "cosine"} == {0.5, 0.6}
    assert checked.trials == 2 * 3 + 2 * 2


def test_lists_and_truth_values_are_swept_and_one_list_is_a_value() -> None:
    steps = {"type": "step", "milestones": {"values": [[100, 200], [150]]}}
    checked = plan(spec(GRID, space_schedule=[steps, {"type": "step", "milestones": [50, 60]}]))
    assert {tuple(one.schedule["milestones"]) for one in checked.grid} == {(100, 200), (150,), (50, 60)}
    assert {one.point.get("step.milestones") for one in checked.grid} == {"[100, 200]", "[150]", None}


def test_schedules_of_one_type_have_labels_and_axes_of_their_own() -> None:
    found = space(
        "wsd",
        {"type": "wsd", "decay_fraction": [0.1, 0.2]},
        {"type": "wsd", "decay_fraction": [0.3, 0.4]},
        {"type": "wsd", "shape": "linear", "decay_fraction": {"low": 0.1, "high": 0.5}},
    )
    assert len(found.entries) == 4
    names = [axis.name for entry in found.entries.values() for axis in entry.own]
    assert len(set(names)) == len(names) == 3
    assert "wsd(shape=linear).decay_fraction" in names


def test_points_are_drawn_with_own_parameters() -> None:
    found = space({"type": "wsd", "decay_fraction": {"low": 0.1, "high": 0.5}})
    point = untried(found, frozenset(), seed=3)
    assert point is not None
    assert 0.1 <= found.configuration(point).schedule["decay_fraction"] <= 0.5


@pytest.mark.parametrize(
    ("own", "field", "words"),
    [
        ({"decay_fraction": {"low": 0.5, "high": 0.1}}, "decay_fraction", "low 0.5 is not below high 0.1"),
        ({"decay_fraction": {"low": 0.1}}, "decay_fraction", "neither values nor both ends"),
        ({"decay_fraction": {"lo": 0.1, "high": 0.5}}, "decay_fraction", "there is no lo in a dimension"),
        ({"decay_fraction": [0.1, 0.1]}, "decay_fraction", "0.1 is listed twice; list each value once"),
        ({"decay_fraction": ["x"]}, "decay_fraction", "give {values: [...]}, or {low, high, log}"),
        ({"decay_fraction": [0.1, 1.5]}, "decay_fraction", "1.5 is out of range"),
        ({"decay_fraction": {"low": 0.1, "high": 0.5}}, "decay_fraction", "a grid needs listed values"),
        ({"decay_steps": [10, 400]}, "decay_steps", "longer than the"),
        ({"decay_steps": [1.5]}, "decay_steps", "integer"),
        ({"shape": ["linear", "round"]}, "shape", "'round' is not known"),
        ({"shape": {"low": 1, "high": 2}}, "shape", "it is no number, and has no range"),
        ({"shape": ["linear", 3]}, "shape", "wrong kind"),
        ({"shape": []}, "shape", "give {values: [...]}"),
        ({"nonsense": {"low": 1, "high": 2}}, "nonsense", "wsd has no such parameter"),
        ({"total_steps": [100, 200]}, "total_steps", "at the top"),
        ({"peak_lr": {"low": 0.0, "high": 0.1}}, "peak_lr", "a grid needs listed values"),
    ],
)
def test_what_is_wrong_with_an_own_dimension_is_told_with_its_field(
    own: dict[str, Any], field: str, words: str
) -> None:
    problems = refused(GRID, space_schedule=["linear", {"type": "wsd", **own}])
    assert words in problems[f"space.schedule.1.{field}"]


def test_the_ends_of_own_ranges_are_checked_for_other_samplers_too() -> None:
    with pytest.raises(InvalidError) as error:
        plan(
            SweepSpec.model_validate(
                {
                    "space": {
                        "schedule": [{"type": "wsd", "decay_fraction": {"low": 0.1, "high": 0.95}}],
                        "warmup_steps": [20],
                        "peak_lr": [0.1],
                    },
                    "total_steps": 100,
                    "trials": 3,
                }
            )
        )
    assert [problem.field for problem in error.value.fields] == ["space.schedule.0.decay_fraction"]
