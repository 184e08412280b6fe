"""Where an update stands in a schedule, so that runs of different lengths can be compared at equal phases."""

from functools import lru_cache
from typing import Literal, NamedTuple

import numpy as np

from schedules.schedule import Schedule

# Rates so near to the peak count as the peak: a plateau may be computed with rounding.
_PLATEAU = 1 - 1e-12


class Phase(NamedTuple):
    """A part of a schedule and how much of it is done, in (0, 1]."""

    part: Literal["warmup", "stable", "decay"]
    share: float


def phase(schedule: Schedule, step: int) -> Phase:
    """Return the phase after update ``step`` >= 0.

    The warmup ends with the first update that trains at the peak rate, the stable part with the last one; what comes
    after is the decay. So noam and cosine have no stable part, constant has no decay, and a schedule that still rises
    at its end is all warmup. Cycles belong to the stable part up to the last that reaches the peak.

    >>> from schedules import build
    >>> wsd = build({"type": "wsd", "total_steps": 100, "warmup_steps": 10, "peak_lr": 0.1, "decay_steps": 20})
    >>> phase(wsd, 5), phase(wsd, 45), phase(wsd, 90)
    (Phase(part='warmup', share=0.5), Phase(part='stable', share=0.5), Phase(part='decay', share=0.5))
    """
    first, last = _plateau(schedule)
    if step <= first:
        return Phase("warmup", step / first)
    if step <= last:
        return Phase("stable", (step - first) / (last - first))
    return Phase("decay", (step - last) / (schedule.total_steps - last))


def update_at(schedule: Schedule, at: Phase) -> float | None:
    """Return the update, not rounded, after which a schedule is in a phase; None if it has no such part."""
    first, last = _plateau(schedule)
    begin, end = {"warmup": (0, first), "stable": (first, last), "decay": (last, schedule.total_steps)}[at.part]
    return begin + at.share * (end - begin) if end > begin else None


@lru_cache(maxsize=10_000)
def _plateau(schedule: Schedule) -> tuple[int, int]:
    """The first and the last update that train at the peak rate."""
    rates = schedule.lrs()
    at_peak = np.flatnonzero(rates >= rates.max() * _PLATEAU)
    return int(at_peak[0]) + 1, int(at_peak[-1]) + 1
