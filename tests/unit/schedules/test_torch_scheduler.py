import io
from typing import Any

import pytest
import torch
from torch.optim.lr_scheduler import LRScheduler

import schedules
from schedules import Schedule, build
from tests.unit.schedules.schedule_examples import ALL, TOTAL, example


def _optimizer(groups: int = 1, lr: float | torch.Tensor = 0.7, kind: Any = torch.optim.SGD) -> torch.optim.Optimizer:
    parameters = [{"params": [torch.nn.Parameter(torch.ones(2))]} for _ in range(groups)]
    optimizer: torch.optim.Optimizer = kind(parameters, lr=lr)
    return optimizer


def _applied(optimizer: torch.optim.Optimizer, scheduler: LRScheduler, updates: int) -> list[list[float]]:
    rates = []
    for _ in range(updates):
        rates.append([float(group["lr"]) for group in optimizer.param_groups])
        optimizer.step()
        scheduler.step()
    return rates


@pytest.mark.parametrize("family", ALL)
def test_each_update_trains_with_its_rate_whatever_the_optimizer_was_built_with(family: str) -> None:
    optimizer, schedule = _optimizer(), example(family)
    scheduler = schedules.scheduler(optimizer, schedule)
    assert isinstance(scheduler, LRScheduler)
    applied = _applied(optimizer, scheduler, TOTAL)
    assert [rates[0] for rates in applied] == schedule.lrs().tolist()


def test_after_the_last_update_the_last_rate_stays() -> None:
    optimizer, schedule = _optimizer(), example("cosine", final_lr=1e-5)
    applied = _applied(optimizer, schedules.scheduler(optimizer, schedule), TOTAL + 3)
    assert [rates[0] for rates in applied[-4:]] == [1e-5] * 4


def test_each_group_has_its_own_scale() -> None:
    optimizer, schedule = _optimizer(groups=2), example("linear")
    scheduler = schedules.scheduler(optimizer, schedule, scales=[1.0, 0.1])
    assert scheduler.get_last_lr() == [schedule.lr(1), schedule.lr(1) * 0.1]
    applied = _applied(optimizer, scheduler, TOTAL)
    assert applied == [[rate, rate * 0.1] for rate in schedule.lrs().tolist()]


def test_scales_that_do_not_fit_the_groups_are_refused() -> None:
    with pytest.raises(ValueError, match="2 entries for 1 parameter groups"):
        schedules.scheduler(_optimizer(), example("linear"), scales=[1.0, 2.0])


@pytest.mark.parametrize("done", [0, 1, 19, 20, 21, TOTAL - 1, TOTAL])
def test_a_resumed_scheduler_goes_on_as_if_never_stopped(done: int) -> None:
    schedule = example("cosine")
    whole = _optimizer()
    expected = _applied(whole, schedules.scheduler(whole, schedule), TOTAL)

    first = _optimizer()
    scheduler = schedules.scheduler(first, schedule)
    _applied(first, scheduler, done)
    file = io.BytesIO()
    torch.save({"optimizer": first.state_dict(), "scheduler": scheduler.state_dict()}, file)
    file.seek(0)
    saved = torch.load(file, weights_only=True)

    second = _optimizer()
    second.load_state_dict(saved["optimizer"])
    resumed = schedules.scheduler(second, schedule)
    resumed.load_state_dict(saved["scheduler"])
    assert resumed.get_last_lr() == scheduler.get_last_lr()
    assert _applied(second, resumed, TOTAL - done) == expected[done:]


def test_a_state_saved_under_another_schedule_is_refused() -> None:
    saved = schedules.scheduler(_optimizer(), example("cosine")).state_dict()
    with pytest.raises(ValueError, match=r"saved under .*'cosine'.* follows .*'linear'.*completed="):
        schedules.scheduler(_optimizer(), example("linear")).load_state_dict(saved)


def test_completed_updates_go_on_without_a_saved_scheduler() -> None:
    optimizer, schedule = _optimizer(), example("wsd")
    assert schedules.scheduler(optimizer, schedule, completed=50).get_last_lr() == [schedule.lr(51)]
    with pytest.raises(ValueError, match="completed = -1 is negative"):
        schedules.scheduler(optimizer, schedule, completed=-1)


def test_a_tensor_rate_is_filled_in_place() -> None:
    optimizer, schedule = _optimizer(lr=torch.tensor(0.7, dtype=torch.float64)), example("linear")
    rate = optimizer.param_groups[0]["lr"]
    scheduler = schedules.scheduler(optimizer, schedule)
    assert [rates[0] for rates in _applied(optimizer, scheduler, 50)] == schedule.lrs()[:50].tolist()
    assert optimizer.param_groups[0]["lr"] is rate


@pytest.mark.parametrize("kind", [torch.optim.Adam, torch.optim.AdamW, torch.optim.RMSprop, torch.optim.Adafactor])
def test_it_works_with_any_optimizer(kind: Any) -> None:
    optimizer = _optimizer(kind=kind)
    schedule: Schedule = build({"type": "noam", "total_steps": 10, "d_model": 64, "warmup_steps": 4})
    applied = _applied(optimizer, schedules.scheduler(optimizer, schedule), 10)
    assert [rates[0] for rates in applied] == schedule.lrs().tolist()
