"""Inverse square root decay with a peak of its own."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from schedules.errors import ScheduleError
from schedules.modes import NATIVE
from schedules.parameters import Count, Number
from schedules.schedule import F64
from schedules.warmup import Decaying


@dataclass(frozen=True, kw_only=True)
class InverseSqrt(Decaying):
    """Decay with the inverse square root of the update, continuous with the peak.

    Formula: ``lr(n) = P * sqrt(s / (n - W + s))`` for n > W, with the timescale s; s = W, the default, gives
    ``P * sqrt(W / n)``; never below the floor.
    Source: fairseq's ``inverse_sqrt``; Raffel et al. 2020 (T5); Zhai et al. 2022 for the timescale.
    Used by: fairseq's translation recipes, T5, ViT scaling studies.
    Choose it: when the length of the run is not known beforehand; anneal at the end by other means.

    >>> from schedules import build
    >>> run = {"total_steps": 1000, "warmup_steps": 100, "peak_lr": 3e-3}
    >>> schedule = build({"type": "inverse_sqrt", **run})
    >>> schedule.lr(100), schedule.lr(400)
    (0.003, 0.0015)
    """

    type: ClassVar[str] = "inverse_sqrt"

    timescale: Annotated[int | None, Count("Updates over which the decay sets in, s; by default W.", minimum=1)] = None

    floor: Annotated[float, Number("The rate that the decay never passes.")] = 0.0

    def _check(self) -> None:
        super()._check()
        if self.timescale is None and not self.warmup_steps and self.mode == NATIVE:
            raise ScheduleError(
                "timescale", "without warmup there is nothing to take it from", "give a timescale, or warmup_steps >= 1"
            )

        if self.floor > self.peak_lr:
            problem = f"{self.floor:g} exceeds peak_lr = {self.peak_lr:g}"
            raise ScheduleError("floor", problem, "a decay falls: end at or below the peak")

    def _after_warmup(self, n: F64) -> F64:
        s = self.timescale or self.warmup_steps
        rates: F64 = self.peak_lr * np.sqrt(s / np.maximum(n - self.warmup_steps + s, s))
        return np.maximum(rates, self.floor)
