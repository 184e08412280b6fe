from typing import Any

import pytest

from schedules import FAMILIES, ScheduleError, build
from schedules.modes import MODES
from tests.unit.schedules.schedule_examples import PEAK, example, mapping


def test_a_family_offers_native_and_the_modes_of_those_who_have_it() -> None:
    choices = {parameter.name: parameter.choices for parameter in FAMILIES["cosine"].parameters()}
    assert choices["mode"] == ("native", *MODES)
    choices = {parameter.name: parameter.choices for parameter in FAMILIES["rex"].parameters()}
    assert choices["mode"] == ("native",)


@pytest.mark.parametrize(
    ("given", "field", "problem"),
    [
        (mapping("noam", mode="hf"), "mode", "'hf' is not known"),
        (mapping("linear", mode="hf", final_lr=1e-5), "final_lr", "get_linear_schedule_with_warmup has no such"),
        (mapping("cosine", mode="hf", start_lr=1e-5), "start_lr", "get_cosine_schedule_with_warmup has no such"),
        (mapping("cosine", mode="nanogpt", warmup_shape="cosine"), "warmup_shape", "nanoGPT's get_lr has no such"),
        (mapping("wsd", mode="hf", shape="exponential"), "shape", "does not know 'exponential'"),
        (mapping("wsd", mode="torchtitan", shape="exponential"), "shape", "does not know 'exponential'"),
        (mapping("cosine", mode="torch"), "start_lr", "needs it above zero"),
        (mapping("cosine", mode="torch_chained", warmup_steps=0), "warmup_steps", "needs it above zero"),
        (mapping("inverse_sqrt", mode="fairseq", warmup_steps=0), "warmup_steps", "needs it above zero"),
        (mapping("exponential", mode="optax"), "final_lr", "has no such parameter"),
    ],
)
def test_what_a_source_does_not_have_is_refused(given: dict[str, Any], field: str, problem: str) -> None:
    with pytest.raises(ScheduleError) as caught:
        build(given)
    assert caught.value.field == field
    assert problem in caught.value.problem
    assert "native" in caught.value.remedy


def test_the_first_update_is_wasted_at_zero_by_transformers_and_not_by_us() -> None:
    assert example("linear", mode="hf").lr(1) == 0
    assert example("linear").lr(1) == PEAK / 20


def test_torch_cosine_rises_again_past_its_horizon_and_ours_does_not() -> None:
    theirs = example("cosine", mode="torch", start_lr=1e-5, horizon=100).lrs()
    assert theirs[100] == 0
    assert theirs[180] > 0.9 * PEAK
    assert not example("cosine", horizon=100).lrs()[100:].any()


def test_torchtitan_never_reaches_zero() -> None:
    assert example("linear", mode="torchtitan").lrs().min() > 0


def test_a_mode_survives_json() -> None:
    schedule = example("cosine", mode="nanogpt")
    assert build(schedule.to_dict()) == schedule
    assert schedule != example("cosine")
