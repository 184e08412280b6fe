"""Warmup: how the rate climbs from ``start_lr`` to ``peak_lr`` over the first W updates, and what follows it.

Array names: n, the numbers of updates, and z, progress in [0, 1], are float64 of one shape [N].
"""

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from schedules.errors import ScheduleError
from schedules.parameters import Choice, Count, Number
from schedules.schedule import F64, Schedule

SHAPES = ("linear", "cosine", "exponential")


def climb(z: F64, start: float, peak: float, shape: str) -> F64:
    """Return the rates [N] at progress ``z`` [N]: ``start`` at 0, exactly ``peak`` from 1 on."""
    part = np.minimum(z, 1)  # beyond, it may overflow
    if shape == "exponential":
        rates = start * (peak / start) ** part
    elif shape == "cosine":
        rates = start + (peak - start) * ((1 - np.cos(np.pi * part)) / 2)
    else:
        rates = start + (peak - start) * part
    return np.where(z < 1, np.minimum(rates, peak), peak)


def descend(share: F64, peak: float, final: float) -> F64:
    """Return ``final + (peak - final) * share`` [N]: ``peak`` at share 1, exactly ``final`` at share 0."""
    return np.minimum(final + (peak - final) * share, peak)


@dataclass(frozen=True, kw_only=True)
class Warmed(Schedule):
    """A schedule that climbs to ``peak_lr`` at update ``warmup_steps`` and does its own thing afterwards.

    Linear warmup: ``S + (P - S) n / W``; cosine: ``S + (P - S) (1 - cos(pi n / W)) / 2``; exponential:
    ``S (P / S)^(n / W)``. No update is wasted at rate zero, and no warmup (W = 0) is allowed.
    """

    peak_lr: Annotated[float, Number("The largest rate, P, reached at update warmup_steps.")]
    warmup_steps: Annotated[int, Count("Updates of warmup, W.")] = 0
    start_lr: Annotated[float, Number("The rate from which warmup climbs, S.")] = 0.0
    warmup_shape: Annotated[str, Choice("How warmup climbs.", SHAPES)] = "linear"

    def _check(self) -> None:
        super()._check()
        if self.start_lr > self.peak_lr:
            problem = f"{self.start_lr:g} exceeds peak_lr = {self.peak_lr:g}"
            raise ScheduleError("start_lr", problem, "warmup climbs: start at or below the peak")
        if self.warmup_shape == "exponential" and self.start_lr <= 0:
            raise ScheduleError(
                "start_lr", "an exponential warmup cannot start at zero", "give start_lr > 0, such as peak_lr / 100"
            )

    def native_rates(self, n: F64) -> F64:
        """Return the rates [N] at updates ``n`` [N] >= 1."""
        if not self.warmup_steps:
            return self._after_warmup(n)
        up = climb(n / self.warmup_steps, self.start_lr, self.peak_lr, self.warmup_shape)
        return np.where(n <= self.warmup_steps, up, self._after_warmup(np.maximum(n, self.warmup_steps)))

    def _after_warmup(self, n: F64) -> F64:
        """Return the rates [N] at updates ``n`` [N] >= warmup_steps; that of warmup_steps itself is not looked at."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Decaying(Warmed):
    """A warmed schedule whose decay must have room: warmup ends within the run."""

    def _check(self) -> None:
        super()._check()
        check_warmup_fits(self.warmup_steps, self.total_steps)


@dataclass(frozen=True, kw_only=True)
class Annealed(Decaying):
    """A schedule that falls from ``peak_lr`` at the end of warmup to exactly ``final_lr`` at its horizon H.

    Progress z = (n - W) / (H - W). The horizon is the last update of the run unless ``horizon`` names another; past
    it the rate stays at ``final_lr``.
    """

    final_lr: Annotated[float, Number("The rate at which the decay ends, F.")] = 0.0
    horizon: Annotated[int | None, Count("The update at which the decay ends, if not the last one, H.", minimum=1)] = (
        None
    )

    @property
    def end(self) -> int:
        """The update at which the decay ends: ``horizon``, or ``total_steps`` where none is given."""
        return self.total_steps if self.horizon is None else self.horizon

    def _check(self) -> None:
        super()._check()
        if self.final_lr > self.peak_lr:
            problem = f"{self.final_lr:g} exceeds peak_lr = {self.peak_lr:g}"
            raise ScheduleError("final_lr", problem, "a decay falls: end at or below the peak")
        if self.warmup_steps > self.end:
            problem = f"{self.warmup_steps} is past the horizon of {self.end} updates"
            raise ScheduleError("warmup_steps", problem, f"give at most {self.end}", "warmup-too-long")

    def _after_warmup(self, n: F64) -> F64:
        z = (n - self.warmup_steps) / max(1, self.end - self.warmup_steps)
        return descend(self._share(np.clip(z, 0.0, 1.0)), self.peak_lr, self.final_lr)

    def _share(self, z: F64) -> F64:
        """Return which share [N] of the way from final_lr up to peak_lr is left at progress ``z`` [N] in [0, 1]."""
        raise NotImplementedError


def check_warmup_fits(warmup_steps: int, total_steps: int) -> None:
    """Raise ScheduleError where warmup is longer than the run of a family that decays."""
    if warmup_steps > total_steps:
        problem = f"{warmup_steps} is longer than the run of {total_steps} updates"
        remedy = f"give at most {total_steps}, or train longer"
        raise ScheduleError("warmup_steps", problem, remedy, "warmup-too-long")
