"""Cosine decay."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from schedules.schedule import F64
from schedules.warmup import Annealed


@dataclass(frozen=True, kw_only=True)
class Cosine(Annealed):
    """Half a cosine from the peak down to the final rate.

    Formula: ``lr(n) = F + (P - F) (1 + cos(pi z)) / 2``.
    Source: Loshchilov & Hutter 2017, SGDR, equation 5, without restarts.
    Used by: GPT-3, Llama, Chinchilla (F = P / 10), nanoGPT, timm's recipes.
    Choose it: as the well-tried default of language-model training with a known length.

    >>> from schedules import build
    >>> run = {"total_steps": 1000, "warmup_steps": 100, "peak_lr": 3e-3}
    >>> schedule = build({"type": "cosine", **run, "final_lr": 3e-4})
    >>> schedule.lr(100), schedule.lr(1000)
    (0.003, 0.0003)
    """

    type: ClassVar[str] = "cosine"

    def _share(self, z: F64) -> F64:
        return (1 + np.cos(np.pi * z)) / 2
