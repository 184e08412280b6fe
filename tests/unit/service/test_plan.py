"""What a sweep means: the checks across fields, and the exact grid."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import schedules
from service.domain.plan import MAX_RUNS, plan, shape_of
from service.errors import InvalidError
from service.wire.sweep import SweepSpec

GRID: dict[str, Any] = {
    "space": {"schedule": ["noam", "linear", "cosine"], "warmup_steps": [20, 40], "peak_lr": [0.001, 0.01, 0.1]},
    "sampler": {"type": "grid"},
    "total_steps": 300,
}
TPE: dict[str, Any] = {
    "space": {
        "schedule": ["noam", "linear", {"type": "wsd", "decay_fraction": 0.2}],
        "warmup_steps": {"low": 10, "high": 100, "log": True},
        "peak_lr": {"low": 1e-4, "high": 1e-1, "log": True},
    },
    "trials": 24,
    "total_steps": 300,
}
LOG_RANGE = {"low": 1e-3, "high": 1e-1, "log": True}
MANY = [number / 1e6 for number in range(1, 10_001)]


def spec(base: dict[str, Any], **changes: Any) -> SweepSpec:
    """A sweep with some fields changed; those of the space by `space_`."""
    space = {name.removeprefix("space_"): value for name, value in changes.items() if name.startswith("space_")}
    top = {name: value for name, value in changes.items() if not name.startswith("space_")}
    merged = {name: value for name, value in (base["space"] | space).items() if value is not None}
    return SweepSpec.model_validate(base | {"space": merged} | top)


def refused(base: dict[str, Any], **changes: Any) -> dict[str, str]:
    """The problems of a sweep, by field; each has a remedy."""
    with pytest.raises(InvalidError) as error:
        plan(spec(base, **changes))
    assert all(problem.remedy for problem in error.value.fields)
    return {problem.field: f"{problem.problem}; {problem.remedy}" for problem in error.value.fields}


def test_the_grid_has_each_configuration_once_and_noam_takes_no_peak() -> None:
    checked = plan(spec(GRID))
    points = [tuple(sorted(point.point.items())) for point in checked.grid]
    assert len(points) == len(set(points)) == checked.trials == 2 + 2 * 3 * 2
    noam = [point.schedule for point in checked.grid if point.schedule["type"] == "noam"]
    assert noam == [{"type": "noam", "total_steps": 300, "d_model": 64, "warmup_steps": steps} for steps in (20, 40)]
    assert (checked.runs, checked.updates) == (14, 14 * 300)


def test_horizons_replicates_and_optimizer_fields_multiply_the_grid() -> None:
    space = {
        "schedule": ["noam", "linear"],
        "warmup_steps": [20],
        "peak_lr": [0.01],
        "optimizer.betas": {"values": [[0.9, 0.98], [0.9, 0.99]]},
    }
    checked = plan(
        SweepSpec.model_validate(
            {"space": space, "sampler": {"type": "grid"}, "total_steps": [100, 200], "replicates": 3}
        )
    )
    assert (checked.trials, checked.runs, checked.updates) == (8, 24, 3 * 4 * 300)
    assert {tuple(point.optimizer["betas"]) for point in checked.grid} == {(0.9, 0.98), (0.9, 0.99)}


def test_a_factor_applies_to_noam_alone() -> None:
    checked = plan(spec(GRID, space_factor=[0.5, 1.0]))
    assert checked.trials == 2 * 2 + 2 * 3 * 2
    assert {point.schedule["type"] for point in checked.grid if "factor" in point.schedule} == {"noam"}


def test_a_schedules_own_parameters_are_fixed_for_it() -> None:
    checked = plan(spec(GRID, space_schedule=["cosine", {"type": "cosine", "final_lr": 1e-5, "warmup_steps": 7}]))
    fixed = [point.schedule for point in checked.grid if "final_lr" in point.schedule]
    assert {schedule["warmup_steps"] for schedule in fixed} == {7}
    assert (len(fixed), checked.trials) == (3, 9)


def test_configurations_of_equal_rates_are_trained_once_and_said() -> None:
    same = ["linear", {"type": "linear", "final_lr": 0.0}, {"type": "linear", "warmup_shape": "linear"}]
    checked = plan(spec(GRID, space_schedule=same))
    assert checked.trials == 6
    assert "12 combinations" in next(
        finding.message for finding in checked.findings if finding.code == "duplicate-curve"
    )


def test_the_first_trials_of_a_grid_can_be_asked_for_but_no_more_than_it_has() -> None:
    assert [point.point for point in plan(spec(GRID, trials=3)).grid] == [
        point.point for point in plan(spec(GRID)).grid[:3]
    ]
    assert refused(GRID, trials=15) == {"trials": "15 is more than the grid's 14 configurations; omit it, or give 14"}


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"space_warmup_steps": [20, 400]}, "space.warmup_steps", "longer than the run"),
        ({"total_steps": [30, 300]}, "space.warmup_steps", "longer than the run"),
        ({"space_warmup_steps": [-5]}, "space.warmup_steps", "-5"),
        ({"space_peak_lr": [-0.1, 0.1]}, "space.peak_lr", "negative"),
        ({"space_peak_lr": [0.0, 0.1]}, "space.peak_lr", "zero"),
        ({"space_peak_lr": LOG_RANGE}, "space.peak_lr", "[0.001, 0.0032, 0.01, 0.032, 0.1]"),
        ({"space_peak_lr": None}, "space.peak_lr", "needs peak_lr and it is missing"),
        ({"space_warmup_steps": None}, "space.warmup_steps", "noam needs warmup_steps"),
        ({"space_warmup_steps": [0]}, "space.warmup_steps", "0"),
        ({"space_schedule": ["cosin"]}, "space.schedule.0", "did you mean cosine?"),
        ({"space_schedule": [{"decay": 1}]}, "space.schedule.0", "no type"),
        ({"space_schedule": [{"type": ["wsd"]}]}, "space.schedule.0", "not a schedule"),
        ({"space_schedule": [{"type": "wsd", "shap": 1}]}, "space.schedule.0.shap", "did you mean shape?"),
        ({"space_schedule": [{"type": "wsd", "decay_fraction": 2}]}, "space.schedule.0.decay_fraction", "2"),
        ({"space_schedule": [{"type": "wsd", "total_steps": 5}]}, "space.schedule.0.total_steps", "at the top"),
        ({"space_schedule": ["step"]}, "space.schedule.0.milestones", "step needs milestones"),
        ({"space_optimizer.weight_decay": [-0.1]}, "space.optimizer.weight_decay", "negative"),
        ({"space_optimizer.grad_clip": [0.0, 1.0]}, "space.optimizer.grad_clip", "zero"),
        ({"space_peak_lr": MANY, "space_warmup_steps": list(range(1, 20))}, "space", f"at most {MAX_RUNS}"),
        ({"replicates": 100, "space_warmup_steps": list(range(1, 299))}, "space", f"at most {MAX_RUNS}"),
    ],
)  # fmt: skip
def test_a_sweep_that_cannot_be_is_refused_with_field_and_remedy(
    changes: dict[str, Any], field: str, words: str
) -> None:
    problems = refused(GRID, **changes)
    assert field in problems
    assert words in problems[field]


def test_a_sampler_without_an_end_needs_trials() -> None:
    assert "give trials" in refused(TPE, trials=None)["trials"]
    assert "at most" in refused(TPE, trials=60_000, replicates=2)["trials"]


def test_the_ends_of_ranges_are_checked_against_the_shortest_run() -> None:
    assert "longer than the run" in refused(TPE, total_steps=[50, 300])["space.warmup_steps"]
    problems = refused(TPE, space_schedule=[{"type": "wsd", "decay_steps": 250}])
    assert "longer than the 200 left after warmup" in problems["space.schedule.0.decay_steps"]


def test_every_problem_is_told_at_once() -> None:
    problems = refused(
        GRID, space_schedule=["nomm", "linear"], space_peak_lr=[-1.0], trials=None, space_factor={"low": 1, "high": 2}
    )
    assert set(problems) == {"space.schedule.0", "space.peak_lr", "space.factor"}


def test_what_is_doubtful_is_a_finding_and_the_sweep_is_accepted() -> None:
    checked = plan(spec(TPE, space_factor=[1.0], space_schedule=["linear"]))
    codes = {finding.code: finding for finding in checked.findings}
    assert codes["unused-dimension"].field == "space.factor"
    assert codes["warmup-short-for-beta2"].severity == "warning"
    assert checked.grid == []
    assert checked.updates == 24 * 300


def test_the_shape_tells_programs_apart_and_nothing_else() -> None:
    same = [
        TPE,
        TPE | {"seed": 5},
        TPE | {"data": {"val_windows": 7, "corpus": "python-reference"}},
        TPE | {"total_steps": 500},
        TPE | {"model": {"dropout": 0.1}},
    ]
    assert len({shape_of(spec(base)) for base in same}) == 1
    models: list[dict[str, Any]] = [
        {"d_model": 128},
        {"n_layers": 3},
        {"n_heads": 2},
        {"d_ff": 100},
        {"context": 32},
        {"norm": "post"},
        {"activation": "relu"},
        {"positions": "sinusoidal"},
        {"tie_embeddings": False},
        {"precision": "bf16"},
    ]
    changes = [{"model": model} for model in models]
    changes += [{"data": {"batch_size": 8}}, {"optimizer": {"type": "adamw"}}]
    assert len({shape_of(spec(TPE, **change)) for change in changes} | {shape_of(spec(TPE))}) == len(changes) + 1
    assert shape_of(spec(TPE, model={"d_ff": 256})) == shape_of(spec(TPE))


@given(
    kinds=st.lists(
        st.sampled_from(["noam", "linear", "cosine", "constant", "inverse_sqrt", "wsd"]), min_size=1, unique=True
    ),
    warmups=st.lists(st.integers(1, 50), min_size=1, max_size=4, unique=True),
    peaks=st.lists(st.floats(1e-5, 1), min_size=1, max_size=4, unique=True),
)
def test_every_grid_builds_and_holds_every_combination(
    kinds: list[str], warmups: list[int], peaks: list[float]
) -> None:
    checked = plan(spec(GRID, space_schedule=kinds, space_warmup_steps=warmups, space_peak_lr=peaks))
    built = {schedules.build(point.schedule) for point in checked.grid}
    assert len(built) == checked.trials == sum(len(warmups) * (1 if kind == "noam" else len(peaks)) for kind in kinds)
