"""Linear decay."""

from dataclasses import dataclass
from typing import ClassVar

from schedules.schedule import F64
from schedules.warmup import Annealed


@dataclass(frozen=True, kw_only=True)
class Linear(Annealed):
    """A straight line from the peak down to the final rate.

    Formula: ``lr(n) = P + (F - P) z``.
    Source: Devlin et al. 2019 (BERT), section A.2; Bergsma et al. 2025, Straight to Zero, for F = 0.
    Used by: BERT and its descendants, most fine-tuning recipes.
    Choose it: as the first choice when the length of the run is known; linear to zero is hard to beat.

    >>> from schedules import build
    >>> run = {"total_steps": 1000, "warmup_steps": 100, "peak_lr": 3e-3}
    >>> schedule = build({"type": "linear", **run})
    >>> schedule.lr(550), schedule.lr(1000)
    (0.0015, 0.0)
    """

    type: ClassVar[str] = "linear"

    def _share(self, z: F64) -> F64:
        return 1 - z
