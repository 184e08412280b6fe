"""REX: reflected exponential decay."""

from dataclasses import dataclass
from typing import ClassVar

from schedules.schedule import F64
from schedules.warmup import Annealed


@dataclass(frozen=True, kw_only=True)
class Rex(Annealed):
    """A decay that stays high longer than linear and falls faster at the end.

    Formula: ``lr(n) = F + (P - F) (1 - z) / (1/2 + (1 - z) / 2)``.
    Source: Chen, Wolfe & Kyrillidis 2022, REX: Revisiting Budgeted Training with an Improved Schedule.
    Used by: budgeted training recipes in vision and language.
    Choose it: for low budgets, where linear decay gives up the high rate too soon.

    >>> from schedules import build
    >>> run = {"total_steps": 1000, "warmup_steps": 100, "peak_lr": 3e-3}
    >>> schedule = build({"type": "rex", **run})
    >>> schedule.lr(550), schedule.lr(1000)
    (0.002, 0.0)
    """

    type: ClassVar[str] = "rex"

    def _share(self, z: F64) -> F64:
        return (1 - z) / (0.5 + (1 - z) / 2)
