"""Cosine decay, several times over."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from schedules.parameters import Integer
from schedules.schedule import F64
from schedules.warmup import Annealed


@dataclass(frozen=True, kw_only=True)
class CosineRestarts(Annealed):
    """Cosine decay in equal cycles, each starting at the peak again.

    Formula: ``lr(n) = F + (P - F) (1 + cos(pi ((c z) mod 1))) / 2``, and F at the last update.
    Source: Loshchilov & Hutter 2017, SGDR, with cycles of one length.
    Used by: transformers' ``get_cosine_with_hard_restarts_schedule_with_warmup``.
    Choose it: for snapshots at the end of each cycle; for one final model a single decay is better.

    >>> from schedules import build
    >>> run = {"total_steps": 1000, "warmup_steps": 100, "peak_lr": 3e-3}
    >>> schedule = build({"type": "cosine_restarts", **run, "cycles": 3})
    >>> schedule.lr(400), schedule.lr(1000)
    (0.003, 0.0)
    """

    type: ClassVar[str] = "cosine_restarts"

    cycles: Annotated[int, Integer("Number of cycles, c.", minimum=1)] = 1

    def _share(self, z: F64) -> F64:
        turns = self.cycles * z
        phase = np.where(z < 1, turns - np.floor(turns), 1.0)
        return (1 + np.cos(np.pi * phase)) / 2
