"""The order of runs in the queue: those that share a beginning stand together."""

import dataclasses
from itertools import pairwise
from typing import Any

import schedules
from service.domain.plan import plan
from service.domain.siblings import handing_out, trunks
from service.domain.space import Configuration
from service.wire.sweep import SweepSpec


def grid(schedule: list[Any], warmup_steps: list[int], peak_lr: list[float], **fields: Any) -> list[Configuration]:
    space = {"schedule": schedule, "warmup_steps": warmup_steps, "peak_lr": peak_lr}
    return plan(SweepSpec.model_validate({"space": space, "sampler": {"type": "grid"}, **fields})).grid


def types(configurations: list[Configuration], replicates: int = 1) -> list[tuple[str, int, float, int]]:
    ordered = [
        (configurations[index].schedule, replicate) for index, replicate in handing_out(configurations, replicates)
    ]
    return [(one["type"], one["warmup_steps"], one["peak_lr"], replicate) for one, replicate in ordered]


def test_the_types_of_one_warmup_and_peak_follow_each_other() -> None:
    ordered = types(grid(["linear", "cosine"], [20, 30], [0.001, 0.007], total_steps=100))
    assert [pair for _, *pair in ordered[::2]] == [pair for _, *pair in ordered[1::2]]
    assert {kind for kind, *_ in ordered[::2] + ordered[1::2]} == {"linear", "cosine"}


def test_equal_slopes_follow_each_other() -> None:
    ordered = types(grid(["constant"], [20, 40], [0.001, 0.002, 0.007], total_steps=100))
    places = [ordered.index(("constant", *one, 0)) for one in ((20, 0.001), (40, 0.002))]
    assert abs(places[0] - places[1]) == 1


def test_replicates_of_siblings_stand_apart_since_their_seeds_differ() -> None:
    ordered = types(grid(["linear", "cosine"], [20], [0.001, 0.007], total_steps=100), replicates=2)
    assert [replicate for *_, replicate in ordered] == [0, 0, 1, 1, 0, 0, 1, 1]


def test_configurations_that_share_nothing_keep_their_order() -> None:
    configurations = grid(["linear"], [20, 30], [0.001, 0.0017], total_steps=100)
    assert handing_out(configurations, 2) == [(index, replicate) for index in range(4) for replicate in range(2)]


def test_neighbours_share_what_a_trie_shares_when_trunks_have_several_horizons_and_cooldowns() -> None:
    cooldowns = [{"type": "wsd", "decay_fraction": part} for part in (0.1, 0.2, 0.3, 0.4)]
    configurations = grid(cooldowns, [10], [0.001], total_steps={"values": [100, 200, 400]})
    built = [schedules.build(one.schedule) for one in configurations]
    order = [built[index] for index, _ in handing_out(configurations, 1)]
    assert len(order) == 12
    shared = sum(schedules.common_prefix(one, other) for one, other in pairwise(order))
    asked = sum(one.total_steps for one in order)
    assert asked - shared <= 1.1 * schedules.distinct_updates(order)


def test_runs_that_share_a_twentieth_have_one_trunk() -> None:
    configurations = grid(["linear", "cosine"], [10, 40, 80], [0.001, 0.004, 0.008], total_steps=400)
    by_trunk: dict[str, set[tuple[int, float]]] = {}
    for one, trunk in zip(configurations, trunks(1, configurations, 400), strict=True):
        by_trunk.setdefault(trunk, set()).add((one.schedule["warmup_steps"], one.schedule["peak_lr"]))
    slopes = [{round(peak / warmup, 9) for warmup, peak in members} for members in by_trunk.values()]
    assert all(len(slope) == 1 for slope in slopes), "what begins alike has one slope"
    assert {(40, 0.004), (80, 0.008)} in by_trunk.values(), "equal slopes"
    after_ten = [members for members in by_trunk.values() if (10, 0.001) in members]
    assert len(after_ten) == 2, "linear and cosine part at update 11, too early to be worth anything"


def test_sweeps_and_optimizers_have_trunks_of_their_own() -> None:
    configurations = grid(["linear"], [20], [0.001], total_steps=100)
    other = [dataclasses.replace(one, optimizer=one.optimizer | {"weight_decay": 0.1}) for one in configurations]
    found = [*trunks(1, configurations, 100), *trunks(2, configurations, 100), *trunks(1, other, 100)]
    assert len(set(found)) == 3
