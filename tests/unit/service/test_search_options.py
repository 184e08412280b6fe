"""What a sweep may ask of its sampler and its pruner, and what it is warned of."""

from typing import Any

import pytest

from service.domain.plan import plan
from service.domain.searching import seeds_needed
from service.wire.sweep import SweepSpec
from tests.unit.service.test_plan import TPE, refused, spec
from tests.unit.service.test_validation import SPEC, problems


def codes(**changes: Any) -> dict[str, str]:
    """The findings about a sweep, by their codes."""
    return {finding.code: finding.message for finding in plan(spec(TPE, **changes)).findings}


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"sampler": {"type": "random", "scramble": True}}, "sampler", "random has no scramble; leave scramble out"),
        ({"sampler": {"type": "cmaes", "n_startup_trials": 3}}, "sampler", "it belongs to tpe, gp"),
        ({"pruner": {"type": "none", "keep": 0.5}}, "pruner", "none has no keep"),
        ({"pruner": {"type": "median", "reduction_factor": 3}}, "pruner", "it belongs to hyperband"),
        ({"pruner": {"type": "asha"}}, "pruner.type", "'none', 'median', 'hyperband', 'wilcoxon' or 'phase'"),
        ({"pruner": {"type": "phase", "keep": 1.0}}, "pruner.keep", "< 1"),
        ({"pruner": {"type": "hyperband", "reduction_factor": 1}}, "pruner.reduction_factor", ">= 2"),
        ({"sampler": {"type": "qmc", "scramble": 1.5}}, "sampler.scramble", "true or false"),
    ],
)
def test_an_option_that_does_not_belong_is_refused(change: dict[str, Any], field: str, words: str) -> None:
    found = problems(SPEC | change)
    assert set(found) == {field}
    assert words in found[field]


@pytest.mark.parametrize("kind", ["random", "qmc", "tpe", "gp", "cmaes"])
def test_every_sampler_without_an_end_needs_trials(kind: str) -> None:
    assert "give trials" in refused(TPE, sampler={"type": kind}, trials=None)["trials"]
    assert plan(spec(TPE, sampler={"type": kind})).trials == 24


@pytest.mark.parametrize("pruner", ["median", "hyperband"])
def test_comparing_equal_updates_across_schedules_or_lengths_is_warned_of(pruner: str) -> None:
    assert "noam, linear, wsd" in codes(pruner={"type": pruner})["pruning-across-schedules"]
    alone = {"space_schedule": ["linear"], "pruner": {"type": pruner}}
    assert "pruning-across-schedules" not in codes(**alone)
    assert "[300, 600]" in codes(**alone, total_steps=[300, 600])["pruning-across-schedules"]
    assert "pruning-across-schedules" not in codes(pruner={"type": "phase"})


def test_wilcoxon_wants_seeds_enough_to_decide_anything() -> None:
    assert [seeds_needed(p) for p in (0.6, 0.5, 0.1, 0.01)] == [1, 2, 4, 7]
    found = refused(TPE, pruner={"type": "wilcoxon"}, replicates=3)
    assert "give replicates: 4 or more" in found["replicates"]
    assert plan(spec(TPE, pruner={"type": "wilcoxon", "p_threshold": 0.2}, replicates=3)).runs == 72


def test_a_rung_beyond_the_longest_run_is_refused() -> None:
    found = refused(TPE, pruner={"type": "hyperband", "min_resource": 301})
    assert "such as 11" in found["pruner.min_resource"]


def test_what_cmaes_and_gp_cannot_do_is_said() -> None:
    found = codes(sampler={"type": "cmaes"}, space_warmup_steps=[20, 40])
    assert "draws warmup_steps at random" in found["drawn-at-random"]
    assert "each of the 3 schedules by itself, in turn: 8 trials each" in found["few-trials-each"]
    assert "drawn-at-random" not in codes(sampler={"type": "gp"}, space_warmup_steps=[20, 40])
    assert "few-trials-each" not in codes(sampler={"type": "cmaes"}, space_schedule=["linear"])


def test_a_stored_sweep_of_before_the_options_is_still_read() -> None:
    old = SPEC | {"sampler": {"type": "tpe", "seed": 3}, "pruner": {"type": "none"}}
    read = SweepSpec.model_validate(old)
    assert SweepSpec.model_validate(read.model_dump(mode="json", by_alias=True)) == read
