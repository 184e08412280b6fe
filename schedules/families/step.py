"""Decay in steps."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from schedules.errors import ScheduleError
from schedules.modes import NATIVE
from schedules.parameters import Number, Updates
from schedules.schedule import F64
from schedules.warmup import Warmed


@dataclass(frozen=True, kw_only=True)
class Step(Warmed):
    """The rate is multiplied by gamma at each milestone.

    Formula: ``lr(n) = P * gamma^(number of milestones <= n)`` for n > W.
    Source: torch's ``MultiStepLR``; He et al. 2016 for its use.
    Used by: ResNet recipes, DeepSeek LLM (two milestones at 80% and 90% of the run).
    Choose it: to continue one long run from several cut points.

    >>> from schedules import build
    >>> run = {"total_steps": 1000, "warmup_steps": 100, "peak_lr": 3e-3}
    >>> schedule = build({"type": "step", **run, "milestones": [800, 900], "gamma": 0.5})
    >>> schedule.lr(799), schedule.lr(800), schedule.lr(900)
    (0.003, 0.0015, 0.00075)
    """

    type: ClassVar[str] = "step"

    milestones: Annotated[
        tuple[int, ...],
        Updates("Updates from which on the rate is multiplied again (in another mode, its source's counter)."),
    ]
    gamma: Annotated[float, Number("The factor at each milestone.", maximum=1.0)] = 0.1

    def _check(self) -> None:
        super()._check()
        if self.mode == NATIVE and self.milestones and self.milestones[0] <= self.warmup_steps:
            problem = f"{self.milestones[0]} lies within the warmup of {self.warmup_steps} updates"
            raise ScheduleError("milestones", problem, f"start after update {self.warmup_steps}")

    def _after_warmup(self, n: F64) -> F64:
        passed = np.searchsorted(np.array(self.milestones, dtype=np.float64), n, side="right")
        return self.peak_lr * self.gamma ** passed.astype(np.float64)
