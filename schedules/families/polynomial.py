"""Polynomial decay."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from schedules.parameters import Number
from schedules.schedule import F64
from schedules.warmup import Annealed


@dataclass(frozen=True, kw_only=True)
class Polynomial(Annealed):
    """A power of the remaining progress: above 1 it falls early, below 1 late, 1 is linear.

    Formula: ``lr(n) = F + (P - F) (1 - z)^power``.
    Source: transformers' ``get_polynomial_decay_schedule_with_warmup``; Chen et al. 2017 (DeepLab) for power 0.9.
    Used by: RoBERTa (power 1), segmentation models (power 0.9), DLRM (power 2).
    Choose it: to interpolate between linear decay and a faster or slower one with a single number.

    >>> from schedules import build
    >>> run = {"total_steps": 1000, "warmup_steps": 100, "peak_lr": 4e-3}
    >>> schedule = build({"type": "polynomial", **run, "power": 2.0})
    >>> schedule.lr(550), schedule.lr(1000)
    (0.001, 0.0)
    """

    type: ClassVar[str] = "polynomial"

    power: Annotated[float, Number("The exponent.", open_below=True)] = 1.0

    def _share(self, z: F64) -> F64:
        return (1 - z) ** self.power
