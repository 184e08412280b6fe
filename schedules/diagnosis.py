"""What a torch scheduler that somebody already has really does: its rates, what they are called, what is wrong.

Array names: rates_TG are the rates of T updates in G parameter groups; r [T] are those of the first group.
"""

import copy
import functools
import types
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, ReduceLROnPlateau

from schedules.findings import Finding, warning
from schedules.identification import identify
from schedules.linter import lint, of_rates
from schedules.schedule import F64, Schedule

SMALL_PEAK = 1e-5


@dataclass(frozen=True, kw_only=True, eq=False)
class Diagnosis:
    """What ``probe`` saw.

    ``rates`` are the applied rates, float64 [updates, groups]. ``schedule`` is one that gives the first group's rates,
    ``late`` updates later (0, or 1 where the first update is an extra one), or None. ``findings`` say what is doubtful.
    """

    rates: F64
    schedule: Schedule | None
    late: int
    findings: tuple[Finding, ...]

    def __str__(self) -> str:
        name = "no schedule that is known here" if self.schedule is None else str(self.schedule.to_dict())
        delay = ", one update late" if self.late else ""
        told = [f"{one.severity} {one.code}: {one.message}; {one.suggestion}" for one in self.findings]
        return "\n".join([f"equals {name}{delay}", *told])


def probe(
    optimizer: Optimizer,
    scheduler: Any,
    updates: int,
    *,
    wanted: Schedule | None = None,
    every: int = 1,
    times: int = 1,
    before: bool = False,
) -> Diagnosis:
    """Run a scheduler for ``updates`` updates on a throwaway optimizer, and say what it does.

    ``scheduler`` is a torch scheduler on ``optimizer``, or any object that has it as ``optimizer`` and whose ``step()``
    both sets the rates and steps it. Neither is changed; both begin where they are. ``every``, ``times`` and
    ``before`` say how the training loop calls ``scheduler.step()``: every so many updates, how often each time, and
    whether before ``optimizer.step()``. ``wanted`` is the schedule that was meant, if any.
    Raises TypeError for a scheduler that follows a metric, ValueError for an object that does not step its optimizer.
    """
    if isinstance(scheduler, ReduceLROnPlateau):
        raise TypeError("ReduceLROnPlateau follows a metric, not the update, so there is no curve to probe")
    throwaway, applied = _throwaway(optimizer)
    moved = _moved(scheduler, throwaway)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the order of calls, which is what is being asked about
        if isinstance(scheduler, LRScheduler):
            _loop(throwaway, moved, updates, every, times, before)
        else:
            for _ in range(updates):
                moved.step()
    if len(applied) != updates:
        took = len(applied)
        raise ValueError(f"{type(scheduler).__name__}.step() took {took} updates where {updates} were asked for")
    rates_TG = np.array(applied, dtype=np.float64)
    schedule, late = _identified(rates_TG[:, 0])
    findings = _findings(rates_TG[:, 0], schedule, scheduler, wanted, float(_base_rate(optimizer)))
    return Diagnosis(rates=rates_TG, schedule=schedule, late=late, findings=tuple(findings))


def _throwaway(other: Optimizer) -> tuple[Optimizer, list[list[float]]]:
    """Return an optimizer with the groups and rates of another but nothing to train, and the rates of its updates."""
    groups = [
        {
            **group,
            **{name: float(group[name]) for name in ("lr", "initial_lr") if name in group},
            "params": [torch.zeros(1)],
            "foreach": None,
            "fused": None,
            "differentiable": False,
        }
        for group in other.param_groups
    ]
    optimizer = torch.optim.SGD(groups, lr=0.0)
    applied: list[list[float]] = []
    optimizer.register_step_pre_hook(
        lambda stepped, _args, _kwargs: applied.append([float(group["lr"]) for group in stepped.param_groups])
    )
    return optimizer, applied


def _moved(scheduler: Any, throwaway: Optimizer) -> Any:
    """Return a copy of the scheduler, and of those inside it, that acts on the throwaway optimizer."""
    moved = copy.copy(scheduler)
    for name, value in vars(scheduler).items():
        if isinstance(value, Optimizer):
            setattr(moved, name, throwaway)
        elif name == "_schedulers":
            setattr(moved, name, [_moved(one, throwaway) for one in value])
        else:
            setattr(moved, name, copy.deepcopy(value))
    return moved


def _loop(optimizer: Optimizer, scheduler: Any, updates: int, every: int, times: int, before: bool) -> None:
    for update in range(1, updates + 1):
        calls = times if update % every == 0 else 0
        if not before:
            optimizer.step()
        for _ in range(calls):
            scheduler.step()
        if before:
            optimizer.step()


def _base_rate(optimizer: Optimizer) -> Any:
    group = optimizer.param_groups[0]
    return group.get("initial_lr", group["lr"])


def _identified(r: F64) -> tuple[Schedule | None, int]:
    schedule = identify(r)
    if schedule is not None or r.size < 3:
        return schedule, 0
    later = identify(r[1:])
    return later, 0 if later is None else 1


def _findings(r: F64, schedule: Schedule | None, scheduler: Any, wanted: Schedule | None, base: float) -> list[Finding]:
    found = of_rates(r) if schedule is None else lint(schedule)
    found += _of_height(r, schedule, scheduler, base)
    found += _of_rhythm(r)
    found += _of_saving(scheduler)
    if wanted is not None:
        found += _of_difference(r, wanted)
    return found


def _of_height(r: F64, schedule: Schedule | None, scheduler: Any, base: float) -> list[Finding]:
    """Find a lambda that gives rates where LambdaLR expects factors, and a base rate that is no peak."""
    top = float(r.max())
    if not isinstance(scheduler, LambdaLR) or not top or not base:
        return []
    lambdas, _ = _identified(r / base)
    if lambdas is not None and lambdas.type == "noam" and base != 1:
        message = f"peaks at {top:g}: the lambda gives rates, and LambdaLR multiplies them by lr = {base:g}"
        suggestion = f"build the optimizer with lr=1; did you mean a peak of {top / base:g}?"
        return [warning("multiplied-by-base-lr", message, suggestion, "lr")]
    ramp = schedule is not None and schedule.type == "constant" and r[0] < top
    if ramp and np.isclose(top, base) and top <= SMALL_PEAK:
        message = f"peaks at {top:g}, the lr of the optimizer: LambdaLR multiplies it by at most 1"
        suggestion = "build the optimizer with the largest rate; did you mean it as start_lr of a higher peak_lr?"
        return [warning("peaks-at-base-lr", message, suggestion, "lr")]
    return []


def _of_rhythm(r: F64) -> list[Finding]:
    """Find rates that change only every k updates, as they do when a scheduler is stepped once per epoch."""
    changes = np.flatnonzero(np.diff(r)) + 1
    if changes.size < 3:
        return []
    every = int(np.gcd.reduce(changes))
    if every == 1 or changes.size < (r.size - 1) // every - 1:
        return []
    message = f"the rate changes only every {every} updates"
    return [warning("stepped-per-epoch", message, "call scheduler.step() after every optimizer.step()", "step")]


def _of_saving(scheduler: Any) -> list[Finding]:
    if not isinstance(scheduler, LRScheduler):
        name = type(scheduler).__name__
        message = f"{name} is no LRScheduler; look whether its state_dict holds the optimizer's state as well"
        return [warning("not-an-lr-scheduler", message, "use schedules.NoamOpt or schedules.scheduler", "scheduler")]
    unsaved = (types.FunctionType, types.BuiltinFunctionType, functools.partial)
    if isinstance(scheduler, LambdaLR) and any(isinstance(one, unsaved) for one in scheduler.lr_lambdas):
        message = "state_dict saves no function, lambda or partial: a resume takes whatever the code says by then"
        return [warning("lambda-not-saved", message, "use schedules.scheduler, which saves the schedule", "lr_lambda")]
    return []


def _of_difference(r: F64, wanted: Schedule) -> list[Finding]:
    rates = wanted.lrs()
    shorter = min(r.size, rates.size)
    differ = np.flatnonzero(~np.isclose(r[:shorter], rates[:shorter], rtol=1e-6, atol=0))
    if not differ.size:
        return []
    at = int(differ[0])
    message = (
        f"differs from the wanted {wanted.type} from update {at + 1} on: {r[at]:g} where {rates[at]:g} was meant; "
        f"peaks at {r.max():g} where {rates.max():g} was meant"
    )
    return [warning("differs-from-wanted", message, "did you mean schedules.scheduler(optimizer, wanted)?", "schedule")]
