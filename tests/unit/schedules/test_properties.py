"""What holds for every schedule that can be built."""

import json
from typing import Any

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import schedules
from schedules import FAMILIES, Schedule, build, common_prefix

RATES = st.floats(1e-8, 1.0)
MONOTONE = {"linear", "cosine", "polynomial", "exponential", "step", "wsd", "rex", "inverse_sqrt", "constant"}


def _own(draw: st.DrawFn, family: str, total: int, warmup: int, peak: float) -> dict[str, Any]:
    """Draw the parameters that only this family has."""
    share = st.floats(0.0, 1.0)
    strategies: dict[str, dict[str, st.SearchStrategy[Any]]] = {
        "noam": {"d_model": st.integers(1, 4096), "factor": st.floats(0.01, 10.0)},
        "cosine_restarts": {"cycles": st.integers(1, 6)},
        "polynomial": {"power": st.floats(0.1, 5.0)},
        "exponential": {"decay_rate": share, "floor": share.map(lambda part: peak * part)},
        "step": {
            "milestones": st.sets(st.integers(warmup + 1, warmup + total), max_size=4).map(sorted),
            "gamma": share,
        },
        "wsd": {
            "decay_steps": st.integers(0, total - warmup),
            "shape": st.sampled_from(["linear", "cosine", "1-sqrt", "exponential"]),
        },
        "inverse_sqrt": {"timescale": st.integers(1, 1000), "floor": share.map(lambda part: peak * part)},
        "one_cycle": {"anneal": st.sampled_from(["cosine", "linear"])},
    }
    return {name: draw(strategy) for name, strategy in strategies.get(family, {}).items()}


@st.composite
def built(draw: st.DrawFn) -> Schedule:
    family = draw(st.sampled_from(sorted(FAMILIES)))
    total = draw(st.integers(4, 300))
    shortest, longest = {"noam": (1, total), "one_cycle": (2, total - 1)}.get(family, (0, total))
    warmup, peak = draw(st.integers(shortest, longest)), draw(RATES)
    shared = {
        "peak_lr": peak,
        "start_lr": peak * draw(st.floats(0.001, 1.0)),
        "warmup_shape": draw(st.sampled_from(["linear", "cosine", "exponential"])),
        "horizon": draw(st.none() | st.integers(max(1, warmup), 2 * total)),
    }
    if family != "exponential":
        shared["final_lr"] = peak * draw(st.floats(0.0, 1.0))
    known = {parameter.name for parameter in FAMILIES[family].parameters()}
    return build(
        {
            **{name: value for name, value in shared.items() if name in known},
            **_own(draw, family, total, warmup, peak),
            "type": family,
            "total_steps": total,
            "warmup_steps": warmup,
        }
    )


@given(built())
def test_rates_are_finite_and_never_negative(schedule: Schedule) -> None:
    rates = schedule.lrs()
    assert rates.shape == (schedule.total_steps,)
    assert rates.dtype == np.float64
    assert np.isfinite(rates).all()
    assert (rates >= 0).all()


@given(built())
def test_no_rate_exceeds_the_peak_and_the_peak_is_where_warmup_ends(schedule: Schedule) -> None:
    rates, values = schedule.lrs(), schedule.to_dict()
    peak, warmup = values.get("peak_lr"), values.get("warmup_steps", 0)
    if peak is not None:
        assert rates.max() <= peak
        if 1 <= warmup <= schedule.total_steps:
            assert rates[warmup - 1] == peak
    else:
        assert schedule.peak().step == warmup


@given(built())
def test_rates_climb_in_warmup_and_fall_after_it(schedule: Schedule) -> None:
    rates, warmup = schedule.lrs(), schedule.to_dict().get("warmup_steps", 0)
    slack = 1e-15 * float(rates.max())
    assert (np.diff(rates[:warmup]) >= -slack).all()
    if schedule.type in MONOTONE:
        assert (np.diff(rates[max(0, warmup - 1) :]) <= slack).all()


@given(built())
def test_json_brings_back_an_equal_schedule_with_equal_rates(schedule: Schedule) -> None:
    again = build(json.loads(json.dumps(schedule.to_dict())))
    assert again == schedule
    assert hash(again) == hash(schedule)
    assert np.array_equal(again.lrs(), schedule.lrs())


@given(built(), st.data())
def test_one_update_is_the_same_alone_and_among_all(schedule: Schedule, data: st.DataObject) -> None:
    step = data.draw(st.integers(1, schedule.total_steps))
    assert schedule.lr(step) == schedule.lrs()[step - 1]


@given(built(), st.data())
def test_any_part_of_the_run_has_the_rates_of_the_whole(schedule: Schedule, data: st.DataObject) -> None:
    first = data.draw(st.integers(1, schedule.total_steps))
    updates = np.arange(first, schedule.total_steps + 1, dtype=np.float64)
    assert np.array_equal(schedule.rates_at(updates), schedule.lrs()[first - 1 :])


@given(built(), built())
def test_the_common_prefix_is_shared_and_ends_where_they_differ(one: Schedule, other: Schedule) -> None:
    shared = common_prefix(one, other)
    assert shared == common_prefix(other, one)
    assert np.array_equal(one.lrs()[:shared], other.lrs()[:shared])
    if shared < min(one.total_steps, other.total_steps):
        assert one.lr(shared + 1) != other.lr(shared + 1)
    assert common_prefix(one, one) == one.total_steps


@settings(max_examples=30)
@given(built(), st.data())
def test_training_can_resume_after_any_update(schedule: Schedule, data: st.DataObject) -> None:
    done = data.draw(st.integers(0, schedule.total_steps))

    def optimizer() -> torch.optim.Optimizer:
        return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.3)

    first = optimizer()
    scheduler = schedules.scheduler(first, schedule)
    for _ in range(done):
        first.step()
        scheduler.step()
    second = optimizer()
    second.load_state_dict(first.state_dict())
    resumed = schedules.scheduler(second, schedule)
    resumed.load_state_dict(json.loads(json.dumps(scheduler.state_dict())))
    for rate in schedule.lrs()[done : done + 5].tolist():
        assert second.param_groups[0]["lr"] == rate
        second.step()
        resumed.step()
