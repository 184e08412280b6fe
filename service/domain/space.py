"""A search space as axes: which of them a schedule uses, the grid they span, and a point's configuration.

A point is a mapping from parameter names to values, as the Optuna study shows it: `schedule` names an entry of the
space, `total_steps` is there when several horizons are trained, and then come the axes which that entry uses.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import schedules
from service.wire.space import BetasDimension, Dimension
from service.wire.sweep import SweepSpec

SCHEDULE = "schedule"
HORIZON = "total_steps"
Scalar = int | float | str
Point = dict[str, Scalar]


@dataclass(frozen=True)
class Entry:
    """A schedule of the space: `fixed` are the parameters that it sets itself, its type among them."""

    label: str
    position: int
    fixed: Mapping[str, Any]

    @cached_property
    def takes(self) -> frozenset[str]:
        """The parameters of its family; none if there is no such family."""
        kind = self.fixed.get("type")
        family = schedules.FAMILIES.get(kind) if isinstance(kind, str) else None
        return frozenset(parameter.name for parameter in family.parameters()) if family else frozenset()

    def uses(self, axis: str) -> bool:
        """Whether an axis changes anything for this schedule."""
        return axis.startswith("optimizer.") or (axis in self.takes and axis not in self.fixed)


@dataclass(frozen=True)
class Axis:
    """A dimension of the space that can be sampled: listed `values`, or a range from `low` to `high`."""

    name: str
    values: tuple[Scalar, ...] | None
    low: float = 0
    high: float = 0
    log: bool = False
    integer: bool = False

    @property
    def listed(self) -> Sequence[Scalar] | None:
        """Every value that it has; None if they cannot be counted."""
        if self.values is None and self.integer:
            return range(int(self.low), int(self.high) + 1)
        return self.values


@dataclass(frozen=True)
class Configuration:
    """What a trial trains: its point, the mapping for `schedules.build`, and the whole optimizer."""

    point: Point
    schedule: dict[str, Any]
    optimizer: dict[str, Any]


class SearchSpace:
    """The space of one sweep."""

    def __init__(self, spec: SweepSpec) -> None:
        self.spec = spec
        labelled = [_entry(position, raw) for position, raw in enumerate(spec.space.schedule)]
        self.entries = {entry.label: entry for entry in reversed(labelled)}
        self.entries = {entry.label: self.entries[entry.label] for entry in labelled}
        self.horizons = tuple(spec.total_steps.values)
        self.axes = {name: _axis(name, dimension) for name, dimension in spec.space.dimensions().items()}

    def axes_of(self, entry: Entry) -> list[Axis]:
        """The axes along which the trials of one schedule vary, its horizon among them."""
        horizon = [Axis(HORIZON, self.horizons)] if len(self.horizons) > 1 else []
        return horizon + [axis for axis in self.axes.values() if entry.uses(axis.name)]

    def grid_size(self) -> int | None:
        """How many points the grid has, counted without making them; None if an axis is a range."""
        return None if any(axis.values is None for axis in self._axes_in_use()) else self.size()

    def size(self) -> int | None:
        """How many points there are; None if an axis is a range of real numbers."""
        total = 0
        for entry in self.entries.values():
            size = 1
            for axis in self.axes_of(entry):
                if axis.listed is None:
                    return None
                size *= len(axis.listed)
            total += size
        return total

    def _axes_in_use(self) -> Iterator[Axis]:
        for entry in self.entries.values():
            yield from self.axes_of(entry)

    def grid(self) -> Iterator[Point]:
        """Every combination of listed values, in a fixed order. There must be no range."""
        for entry in self.entries.values():
            axes = self.axes_of(entry)
            for values in itertools.product(*(cast("tuple[Scalar, ...]", axis.values) for axis in axes)):
                yield point_of(entry, axes, values)

    def corners(self, entry: Entry) -> Iterator[Point]:
        """The points at the ends of every axis of one schedule: what is valid there is valid between."""
        axes = self.axes_of(entry)
        for values in itertools.product(*(_ends(axis) for axis in axes)):
            yield point_of(entry, axes, values)

    def completed(self, point: Point) -> Point:
        """A point with its horizon: while there was but one horizon, points left it unsaid."""
        return point if len(self.horizons) == 1 or HORIZON in point else {HORIZON: self.horizons[0], **point}

    def configuration(self, point: Point) -> Configuration:
        """What a trial at `point` trains; the schedule is not validated here."""
        entry = self.entries[str(point[SCHEDULE])]
        schedule: dict[str, Any] = {**entry.fixed, HORIZON: point.get(HORIZON, self.horizons[0])}
        if "d_model" in entry.takes:
            schedule.setdefault("d_model", self.spec.model.d_model)
        optimizer = self.spec.optimizer.model_dump(mode="json")
        for name, value in point.items():
            if name in (SCHEDULE, HORIZON):
                continue
            if name.startswith("optimizer."):
                field = name.removeprefix("optimizer.")
                optimizer[field] = _betas(str(value)) if field == "betas" else value
            else:
                schedule[name] = value
        return Configuration(point, schedule, optimizer)


def label_of(raw: str | dict[str, Any]) -> str:
    """The name of a schedule of the space, by which points choose it; it tells all that the schedule fixes."""
    return _entry(0, raw).label


def _entry(position: int, raw: str | dict[str, Any]) -> Entry:
    fixed: dict[str, Any] = {"type": raw} if isinstance(raw, str) else dict(raw)
    own = ", ".join(f"{name}={value}" for name, value in sorted(fixed.items()) if name != "type")
    kind = str(fixed.get("type", ""))
    return Entry(f"{kind}({own})" if own else kind, position, fixed)


def _axis(name: str, dimension: Dimension[int] | Dimension[float] | BetasDimension) -> Axis:
    if isinstance(dimension, BetasDimension):
        return Axis(name, tuple(f"{beta1}, {beta2}" for beta1, beta2 in dimension.values))
    if dimension.values is not None:
        return Axis(name, tuple(dimension.values))
    low, high = dimension.bounds()
    return Axis(name, None, low, high, dimension.log, isinstance(low, int))


def _betas(text: str) -> list[float]:
    return [float(beta) for beta in text.split(",")]


def _ends(axis: Axis) -> tuple[Scalar, ...]:
    if axis.values is None:
        return (axis.low, axis.high)
    if any(isinstance(value, str) for value in axis.values):
        return axis.values[:1]
    numbers = cast("tuple[float, ...]", axis.values)
    return tuple(dict.fromkeys((min(numbers), max(numbers))))


def point_of(entry: Entry, axes: Sequence[Axis], values: Sequence[Scalar]) -> Point:
    """The point of one schedule with these values on its axes."""
    return {SCHEDULE: entry.label, **{axis.name: value for axis, value in zip(axes, values, strict=True)}}
