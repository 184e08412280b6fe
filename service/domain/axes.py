"""The axes of a search space: what can be sampled, by the names that a study shows."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from service.wire.space import BetasDimension, Dimension

Scalar = int | float | str
Point = dict[str, Scalar]


@dataclass(frozen=True)
class Axis:
    """A dimension of the space that can be sampled: listed `values`, or a range from `low` to `high`.

    `own` is the parameter's name where it belongs to one schedule of the space alone; `listed_as_json` says that its
    values are lists, written as JSON since a study holds no lists.
    """

    name: str
    values: tuple[Scalar, ...] | None
    low: float = 0
    high: float = 0
    log: bool = False
    integer: bool = False
    own: str | None = None
    listed_as_json: bool = False

    @property
    def listed(self) -> Sequence[Scalar] | None:
        """Every value that it has; None if they cannot be counted."""
        if self.values is None and self.integer:
            return range(int(self.low), int(self.high) + 1)
        return self.values

    @property
    def parameter(self) -> str:
        """What it is called where it is used."""
        return self.own or self.name

    @property
    def ends(self) -> tuple[Scalar, ...]:
        """The values that show whether all of them are valid: the ends of numbers, and every word of a schedule's."""
        if self.values is None:
            return (self.low, self.high)
        if any(isinstance(value, str) for value in self.values):
            return self.values if self.own else self.values[:1]
        numbers = cast("tuple[float, ...]", self.values)
        return tuple(dict.fromkeys((min(numbers), max(numbers))))

    def at(self, share: float) -> Scalar:
        """The value at a share of the range in [0, 1], every whole number with an equal part of it."""
        low, high = self._scaled_ends()
        scaled = low + share * (high - low)
        value = math.exp(scaled) if self.log else scaled
        if self.integer:
            return int(min(max(math.floor(value + 0.5), self.low), self.high))
        return min(max(value, self.low), self.high)

    def share_of(self, value: float) -> float:
        """The share of the range at which a value is; `at` gives it back."""
        low, high = self._scaled_ends()
        return ((math.log(value) if self.log else value) - low) / (high - low)

    def _scaled_ends(self) -> tuple[float, float]:
        half = 0.5 if self.integer else 0.0
        low, high = self.low - half, self.high + half
        return (math.log(low), math.log(high)) if self.log else (low, high)

    def meant(self, value: Scalar) -> Any:
        """A value of a point as a schedule takes it."""
        return json.loads(str(value)) if self.listed_as_json else value


def axis_of(name: str, dimension: Dimension[int] | Dimension[float] | BetasDimension, own: str | None = None) -> Axis:
    """The axis of a dimension of the space."""
    if isinstance(dimension, BetasDimension):
        return Axis(name, tuple(f"{beta1}, {beta2}" for beta1, beta2 in dimension.values))
    if dimension.values is not None:
        return Axis(name, tuple(dimension.values), own=own)
    low, high = dimension.bounds()
    return Axis(name, None, low, high, dimension.log, isinstance(low, int), own)
