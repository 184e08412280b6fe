"""One family as one library computes it: the formula, and the parameters that the library's own function takes."""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schedules.errors import ScheduleError

F64 = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Reproduction:
    """How a source computes a family.

    ``source`` names the function that is reproduced. ``curve(schedule, t)`` gives the rates [N] at the source's
    zero-based counter t [N] = update - 1. ``takes`` names the parameters that the source has besides total_steps; any
    other must keep its default. ``only`` narrows choices; ``positive`` names what must be above zero there, and
    ``positive_in_warmup`` what must be so where there is a warmup.
    """

    source: str
    curve: Callable[[Any, F64], F64]
    takes: frozenset[str]
    only: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    positive: frozenset[str] = frozenset()
    positive_in_warmup: frozenset[str] = frozenset()

    def rates(self, schedule: Any, steps: F64) -> F64:
        """Return the rates [N] at updates ``steps`` [N], which count from 1."""
        return self.curve(schedule, steps - 1)

    def check(self, schedule: Any) -> None:
        """Raise ScheduleError for a parameter, or a value of one, that the source does not have."""
        native = "or use mode native"
        positive = self.positive | (self.positive_in_warmup if getattr(schedule, "warmup_steps", 0) else frozenset())
        for declared in dataclasses.fields(schedule):
            name, value = declared.name, getattr(schedule, declared.name)
            if name not in self.takes | {"total_steps", "mode"} and value != declared.default:
                raise ScheduleError(name, f"{self.source} has no such parameter", f"leave it out, {native}")
            if name in self.only and value not in self.only[name]:
                remedy = f"give one of {', '.join(self.only[name])}, {native}"
                raise ScheduleError(name, f"{self.source} does not know {value!r}", remedy)
            if name in positive and not value:
                raise ScheduleError(name, f"{self.source} needs it above zero", f"give a positive value, {native}")


def ratio(part: float, whole: float) -> float:
    """Return ``part / whole``, or 0 where ``whole`` is 0 (a schedule whose every rate is zero)."""
    return part / whole if whole else 0.0
