"""The axes of a search space as Optuna's distributions."""

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from service.domain.axes import Axis, Point
from service.domain.space import SCHEDULE, Entry, SearchSpace


def distribution(axis: Axis) -> BaseDistribution:
    """The distribution of one axis."""
    if axis.values is not None:
        return CategoricalDistribution(axis.values)
    if axis.integer:
        return IntDistribution(int(axis.low), int(axis.high), log=axis.log)
    return FloatDistribution(axis.low, axis.high, log=axis.log)


def of_entry(space: SearchSpace, entry: Entry) -> dict[str, BaseDistribution]:
    """The distributions of a trial with one schedule of the space."""
    return {SCHEDULE: _schedules(space)} | {axis.name: distribution(axis) for axis in space.axes_of(entry)}


def of_point(space: SearchSpace, point: Point) -> dict[str, BaseDistribution]:
    """The distributions of the trial at a point."""
    return of_entry(space, space.entries[str(point[SCHEDULE])])


def of_space(space: SearchSpace) -> dict[str, BaseDistribution]:
    """The distributions of all schedules of the space together."""
    return {name: one for entry in space.entries.values() for name, one in of_entry(space, entry).items()}


def _schedules(space: SearchSpace) -> CategoricalDistribution:
    return CategoricalDistribution(tuple(space.entries))
