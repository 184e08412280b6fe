"""A search space as axes: which of them a schedule uses, the grid they span, and a point's configuration.

A point is a mapping from parameter names to values, as the Optuna study shows it: `schedule` names an entry of the
space, `total_steps` is there when several horizons are trained, and then come the axes which that entry uses.
"""

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, cast

import schedules
from service.domain.axes import Axis, Point, Scalar, axis_of
from service.domain.own import OwnError, is_swept, own_axis
from service.wire.sweep import SweepSpec

SCHEDULE = "schedule"
HORIZON = "total_steps"


@dataclass(frozen=True)
class Entry:
    """A schedule of the space: `fixed` are the parameters that it sets itself, its type among them.

    `own` are the axes that it alone has, and `unsound` says which of the dimensions that it gives are none.
    """

    label: str
    position: int
    fixed: Mapping[str, Any]
    own: tuple[Axis, ...] = ()
    unsound: tuple[OwnError, ...] = ()

    @cached_property
    def takes(self) -> frozenset[str]:
        """The parameters of its family; none if there is no such family."""
        return frozenset(_parameters(self.fixed.get("type")))

    @cached_property
    def gives(self) -> frozenset[str]:
        """The parameters that it fixes or sweeps itself."""
        return frozenset(self.fixed) | {axis.parameter for axis in self.own} | {one.parameter for one in self.unsound}

    def uses(self, axis: str) -> bool:
        """Whether an axis of the whole space changes anything for this schedule."""
        return axis.startswith("optimizer.") or (axis in self.takes and axis not in self.gives)


@dataclass(frozen=True)
class Configuration:
    """What a trial trains: its point, the mapping for `schedules.build`, and the whole optimizer."""

    point: Point
    schedule: dict[str, Any]
    optimizer: dict[str, Any]

    @cached_property
    def built(self) -> schedules.Schedule:
        """The schedule, made once: ten thousand take a third of a second. Raises ScheduleError."""
        return schedules.build(self.schedule)


class SearchSpace:
    """The space of one sweep."""

    def __init__(self, spec: SweepSpec) -> None:
        self.spec = spec
        self.entries = {entry.label: entry for entry in _entries(spec.space.schedule)}
        self.horizons = tuple(spec.total_steps.values)
        self.axes = {name: axis_of(name, dimension) for name, dimension in spec.space.dimensions().items()}

    def axes_of(self, entry: Entry) -> list[Axis]:
        """The axes along which the trials of one schedule vary, its horizon among them."""
        horizon = [Axis(HORIZON, self.horizons)] if len(self.horizons) > 1 else []
        shared = [axis for axis in self.axes.values() if entry.uses(axis.name)]
        return [*horizon, *shared, *entry.own]

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
        for values in itertools.product(*(axis.ends for axis in axes)):
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
        own = {axis.name: axis for axis in entry.own}
        for name, value in point.items():
            if name in (SCHEDULE, HORIZON):
                continue
            if name in own:
                schedule[own[name].parameter] = own[name].meant(value)
                continue
            if name.startswith("optimizer."):
                field = name.removeprefix("optimizer.")
                optimizer[field] = _betas(str(value)) if field == "betas" else value
            else:
                schedule[name] = value
        return Configuration(point, schedule, optimizer)


def _entries(given: Sequence[str | dict[str, Any]]) -> list[Entry]:
    """The schedules of a space, each under a label of its own."""
    raw = [{"type": one} if isinstance(one, str) else dict(one) for one in given]
    swept = [_swept(one) for one in raw]
    fixed = [{name: one[name] for name in one if name not in own} for one, own in zip(raw, swept, strict=True)]
    labels = _distinct([_label(one) for one in fixed], [_label(*pair) for pair in zip(fixed, swept, strict=True)])
    labels = _distinct(labels, [f"{label} #{position}" for position, label in enumerate(labels)])
    kinds = Counter(str(one.get("type")) for one, own in zip(raw, swept, strict=True) if own)
    found = []
    for index, (one, own) in enumerate(zip(raw, swept, strict=True)):
        kind = str(one.get("type"))
        prefix = kind if kinds[kind] == 1 else labels[index]
        found.append(_with_own(Entry(labels[index], index, fixed[index]), prefix, {name: one[name] for name in own}))
    return found


def _distinct(labels: Sequence[str], longer: Sequence[str]) -> list[str]:
    """The labels, where one occurs twice the longer ones."""
    often = Counter(labels)
    return [long if often[label] > 1 else label for label, long in zip(labels, longer, strict=True)]


def _with_own(entry: Entry, prefix: str, given: Mapping[str, Any]) -> Entry:
    parameters = _parameters(entry.fixed.get("type"))
    own, unsound = [], []
    for name, dimension in given.items():
        try:
            own.append(own_axis(prefix, parameters[name], dimension))
        except OwnError as error:
            unsound.append(error)
    return replace(entry, own=tuple(own), unsound=tuple(unsound))


def _swept(raw: Mapping[str, Any]) -> list[str]:
    """The parameters for which an entry gives a dimension."""
    parameters = _parameters(raw.get("type"))
    return [name for name, value in raw.items() if name in parameters and is_swept(parameters[name], value)]


def _parameters(kind: object) -> dict[str, schedules.Parameter]:
    family = schedules.FAMILIES.get(kind) if isinstance(kind, str) else None
    return {parameter.name: parameter for parameter in family.parameters()} if family else {}


def _label(fixed: Mapping[str, Any], swept: Sequence[str] = ()) -> str:
    own = [f"{name}={value}" for name, value in sorted(fixed.items()) if name != "type"]
    own += sorted(swept)
    kind = str(fixed.get("type", ""))
    return f"{kind}({', '.join(own)})" if own else kind


def _betas(text: str) -> list[float]:
    return [float(beta) for beta in text.split(",")]


def point_of(entry: Entry, axes: Sequence[Axis], values: Sequence[Scalar]) -> Point:
    """The point of one schedule with these values on its axes."""
    return {SCHEDULE: entry.label, **{axis.name: value for axis, value in zip(axes, values, strict=True)}}
