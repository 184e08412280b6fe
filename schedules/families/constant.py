"""Warmup, then one rate."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from schedules.schedule import F64
from schedules.warmup import Warmed


@dataclass(frozen=True, kw_only=True)
class Constant(Warmed):
    """The peak for ever: the ramp from a smallest to a largest rate, then constant.

    Formula: ``lr(n) = P`` for n > W.
    Source: the linear ramp of Goyal et al. 2017, section 2.2, without what follows it there.
    Used by: fine-tuning recipes, and as the trunk from which cooldowns are branched (Hägele et al. 2024).
    Choose it: for short fine-tuning, or where the rate is annealed later from a checkpoint.

    >>> from schedules import build
    >>> run = {"total_steps": 1000, "warmup_steps": 100, "peak_lr": 3e-3}
    >>> schedule = build({"type": "constant", **run, "start_lr": 1e-5})
    >>> schedule.lr(100), schedule.lr(1000)
    (0.003, 0.003)
    """

    type: ClassVar[str] = "constant"

    def _after_warmup(self, n: F64) -> F64:
        return np.full_like(n, self.peak_lr)
