"""The schedule of the Transformer paper."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from schedules.parameters import Count, Integer, Number
from schedules.schedule import F64, Schedule
from schedules.warmup import check_warmup_fits


@dataclass(frozen=True, kw_only=True)
class Noam(Schedule):
    """Linear warmup, then decay with the inverse square root of the update; the peak follows from the width.

    Formula: ``lr(n) = factor * d_model^-0.5 * min(n^-0.5, n * W^-1.5)``.
    Peak: ``factor * (d_model * W)^-0.5`` at update W; there is no ``peak_lr``.
    Source: Vaswani et al. 2017, Attention Is All You Need, section 5.3.
    Used by: the original Transformer (W = 4000, d_model = 512), the Annotated Transformer, OpenNMT, ESPnet.
    Choose it: to reproduce the paper, or for training without a known end; it never reaches zero.

    >>> from schedules import build
    >>> schedule = build({"type": "noam", "total_steps": 1000, "warmup_steps": 100, "d_model": 512})
    >>> schedule.peak().step, round(schedule.peak().lr, 6)
    (100, 0.004419)
    """

    type: ClassVar[str] = "noam"

    d_model: Annotated[int, Integer("Width of the model.", minimum=1)]
    warmup_steps: Annotated[int, Count("Updates of warmup, W.", minimum=1)]
    factor: Annotated[float, Number("Multiplies every rate.")] = 1.0

    def _check(self) -> None:
        super()._check()
        check_warmup_fits(self.warmup_steps, self.total_steps)

    def native_rates(self, n: F64) -> F64:
        """Return the rates [N] at updates ``n`` [N] >= 1."""
        scale: float = self.factor * self.d_model**-0.5
        slope: float = self.warmup_steps**-1.5
        return scale * np.minimum(1 / np.sqrt(n), n * slope)
