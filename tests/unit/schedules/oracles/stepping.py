"""Rates as an optimizer really gets them from somebody's scheduler."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest
import torch

from schedules import Schedule

Oracle = Callable[[Any], list[float]]


def needs(module: str) -> Any:
    """Return an installed source, or skip: the extra `parity` brings them."""
    return pytest.importorskip(module, reason=f"{module} is not installed; it comes with `make parity`")


def optimizer(lr: float) -> torch.optim.Optimizer:
    """Return a plain optimizer of one parameter."""
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)


def applied(schedule: Schedule, make: Callable[[torch.optim.Optimizer], Any]) -> list[float]:
    """Return the rate of each update under the torch scheduler that ``make`` puts on an optimizer at the peak."""
    one = optimizer(schedule.to_dict()["peak_lr"])
    scheduler = make(one)
    rates = []
    for _ in range(schedule.total_steps):
        rates.append(float(one.param_groups[0]["lr"]))
        one.step()
        scheduler.step()
    return rates


def imported(name: str) -> Any:
    """Return a module by name, so that no type checker asks for what may not be installed."""
    return import_module(name)
