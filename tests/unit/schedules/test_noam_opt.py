import copy

import pytest
import torch

from schedules import NoamOpt, ScheduleError
from tests.unit.schedules.schedule_examples import D_MODEL, TOTAL, WARMUP, example


def _model() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Linear(3, 2)


def _wrapped(model: torch.nn.Module) -> NoamOpt:
    return NoamOpt(D_MODEL, 1.0, WARMUP, torch.optim.Adam(model.parameters(), lr=0, betas=(0.9, 0.98), eps=1e-9))


def _trained(model: torch.nn.Module, wrapper: NoamOpt, updates: range) -> None:
    for update in updates:
        wrapper.zero_grad()
        model(torch.full((4, 3), float(update))).square().mean().backward()
        wrapper.step()


def test_each_update_trains_with_the_rate_of_the_noam_schedule() -> None:
    wrapper = _wrapped(_model())
    rates = []
    for _ in range(TOTAL):
        wrapper.step()
        rates.append(wrapper.param_groups[0]["lr"])
        assert wrapper.rate() == rates[-1]
    assert rates == example("noam").lrs().tolist()
    assert wrapper.rate(WARMUP) == max(rates)


def test_a_resumed_run_ends_with_the_same_parameters_bit_for_bit() -> None:
    whole = _model()
    _trained(whole, _wrapped(whole), range(30))

    first = _model()
    wrapper = _wrapped(first)
    _trained(first, wrapper, range(13))
    saved = copy.deepcopy((first.state_dict(), wrapper.state_dict()))

    second = torch.nn.Linear(3, 2)
    second.load_state_dict(saved[0])
    resumed = _wrapped(second)
    resumed.load_state_dict(saved[1])
    _trained(second, resumed, range(13, 30))
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), second.parameters(), strict=True))


def test_a_state_without_the_optimizer_is_refused() -> None:
    with pytest.raises(ValueError, match="holds the step but not the optimizer"):
        _wrapped(_model()).load_state_dict({"_step": 7})


def test_there_is_no_rate_before_the_first_update() -> None:
    with pytest.raises(ValueError, match="updates count from 1"):
        _wrapped(_model()).rate()


def test_a_closure_is_passed_on() -> None:
    wrapper = _wrapped(_model())
    assert wrapper.step(lambda: 2.5) == 2.5


def test_a_warmup_of_zero_is_refused() -> None:
    with pytest.raises(ScheduleError, match="warmup_steps: 0 is too small"):
        NoamOpt(D_MODEL, 1.0, 0, torch.optim.Adam(_model().parameters()))
