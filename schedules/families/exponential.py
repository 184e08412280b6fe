"""Exponential decay with a floor."""

import math
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np

from schedules.errors import ScheduleError
from schedules.parameters import Number
from schedules.schedule import F64
from schedules.warmup import Decaying


@dataclass(frozen=True, kw_only=True)
class Exponential(Decaying):
    """The same factor at every update, down to a floor; by a rate k, or by the rate at which the run ends.

    Formula: ``lr(n) = max(floor, P * exp(-k (n - W)))``; given F in place of k, ``k = ln(P / F) / (T - W)``.
    Source: torch's ``ExponentialLR`` with gamma = exp(-k), and the floor of hand-written loops.
    Used by: small-scale and reinforcement-learning recipes.
    Choose it: when each update should shrink the rate alike; otherwise linear or cosine anneal more reliably.

    >>> from schedules import build
    >>> run = {"total_steps": 1000, "warmup_steps": 100, "peak_lr": 3e-3}
    >>> schedule = build({"type": "exponential", **run, "final_lr": 3e-5})
    >>> schedule.lr(100), schedule.lr(1000)
    (0.003, 3e-05)
    """

    type: ClassVar[str] = "exponential"

    decay_rate: Annotated[float | None, Number("Decay per update, k.")] = None
    final_lr: Annotated[float | None, Number("The rate at the last update, F, in place of k.", open_below=True)] = None
    floor: Annotated[float, Number("The rate that the decay never passes.")] = 0.0

    def _check(self) -> None:
        super()._check()
        if (self.decay_rate is None) == (self.final_lr is None):
            given = "neither" if self.decay_rate is None else "both"
            remedy = "give decay_rate (per update), or final_lr (the rate at the last update)"
            raise ScheduleError("decay_rate", f"{given} of decay_rate and final_lr is given", remedy)
        for name in ("final_lr", "floor"):
            value = getattr(self, name)
            if value is not None and value > self.peak_lr:
                problem = f"{value:g} exceeds peak_lr = {self.peak_lr:g}"
                raise ScheduleError(name, problem, "a decay falls: end at or below the peak")

    @property
    def rate_of_decay(self) -> float:
        """k, per update: ``decay_rate``, or what leads to ``final_lr`` at the last update."""
        if self.final_lr is None:
            return self.decay_rate or 0.0
        return math.log(self.peak_lr / self.final_lr) / max(1, self.total_steps - self.warmup_steps)

    def _after_warmup(self, n: F64) -> F64:
        gone = np.maximum(n - self.warmup_steps, 0.0)
        rates = self.peak_lr * np.exp(-self.rate_of_decay * gone)
        if self.final_lr is not None:
            rates = np.where(n >= self.total_steps, self.final_lr, np.maximum(rates, self.final_lr))
        return np.maximum(rates, self.floor)

    def _stretched(self, ratio: float) -> dict[str, Any]:
        rate = None if self.decay_rate is None else self.decay_rate / ratio
        return super()._stretched(ratio) | {"decay_rate": rate}
