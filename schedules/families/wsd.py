"""Warmup, stable, decay."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from schedules.errors import ScheduleError
from schedules.parameters import Choice, Count, Number
from schedules.schedule import F64
from schedules.warmup import Decaying, descend

SHAPES = ("linear", "cosine", "1-sqrt", "exponential")
DEFAULT_FRACTION = 0.2


@dataclass(frozen=True, kw_only=True)
class Wsd(Decaying):
    """Constant at the peak, then a cooldown over the last D updates down to the final rate.

    Formula: ``lr(n) = P`` up to update T - D, then ``F + (P - F) g(z)`` with z = (n - T + D) / D and g one of
    ``1 - z`` (linear), ``(1 + cos(pi z)) / 2`` (cosine), ``1 - sqrt(z)`` (1-sqrt), ``2^(1 - z) - 1`` (exponential).
    Source: Hu et al. 2024 (MiniCPM), section 4; Hägele et al. 2024, Scaling Laws and Compute-Optimal Training Beyond
    Fixed Training Durations; the exponential that ends exactly at F is Megatron-LM's.
    Used by: MiniCPM, SmolLM, DeepSeek-V3 in its outline.
    Choose it: when several lengths are wanted from one trunk, or the length is open; cool down over 10 to 20%.

    >>> from schedules import build
    >>> run = {"total_steps": 1000, "warmup_steps": 100, "peak_lr": 3e-3}
    >>> schedule = build({"type": "wsd", **run, "decay_fraction": 0.2})
    >>> schedule.lr(800), schedule.lr(850), schedule.lr(1000)
    (0.003, 0.0015, 0.0)
    """

    type: ClassVar[str] = "wsd"

    decay_steps: Annotated[int | None, Count("Updates of cooldown, D.")] = None
    decay_fraction: Annotated[
        float | None, Number("The cooldown as a share of the run, D / T; 0.2 if D is not given.", maximum=1.0)
    ] = None
    shape: Annotated[str, Choice("How the cooldown falls.", SHAPES)] = "1-sqrt"
    final_lr: Annotated[float, Number("The rate at which the cooldown ends, F.")] = 0.0

    @property
    def cooldown(self) -> int:
        """Updates of cooldown, D, however it was given."""
        if self.decay_steps is not None:
            return self.decay_steps
        return round((self.decay_fraction or 0.0) * self.total_steps)

    def _check(self) -> None:
        super()._check()
        if self.decay_steps is not None and self.decay_fraction is not None:
            raise ScheduleError("decay_fraction", "decay_steps is given as well", "give one of the two")
        if self.decay_steps is None and self.decay_fraction is None:
            object.__setattr__(self, "decay_fraction", DEFAULT_FRACTION)
        if self.final_lr > self.peak_lr:
            problem = f"{self.final_lr:g} exceeds peak_lr = {self.peak_lr:g}"
            raise ScheduleError("final_lr", problem, "a cooldown falls: end at or below the peak")
        left = self.total_steps - self.warmup_steps
        if self.cooldown > left:
            field = "decay_fraction" if self.decay_steps is None else "decay_steps"
            problem = f"a cooldown of {self.cooldown} updates is longer than the {left} left after warmup"
            most = f"{left / self.total_steps:g}" if self.decay_steps is None else str(left)
            raise ScheduleError(field, problem, f"give at most {most}, or warm up for less", "cooldown-too-long")

    def _after_warmup(self, n: F64) -> F64:
        start = self.total_steps - self.cooldown
        z = np.clip((n - start) / max(1, self.cooldown), 0.0, 1.0)
        cooled = descend(self._share(z), self.peak_lr, self.final_lr)
        return np.where(n <= start, self.peak_lr, cooled) if self.cooldown else np.full_like(n, self.peak_lr)

    def _share(self, z: F64) -> F64:
        match self.shape:
            case "linear":
                return 1 - z
            case "cosine":
                return (1 + np.cos(np.pi * z)) / 2
            case "1-sqrt":
                return 1 - np.sqrt(z)
            case _:
                return np.exp2(1 - z) - 1
