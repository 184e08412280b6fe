"""Which configurations a sweep has tried, and one that it has not: each is trained once, whatever is proposed."""

import itertools
import random
from collections import OrderedDict
from collections.abc import Container, Iterator, Mapping
from hashlib import sha256
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

import schedules
from service.domain.axes import Axis, Point, Scalar
from service.domain.space import Configuration, SearchSpace, point_of
from service.store.tables import Sweep, Trial

MAX_CACHED = 64
_GUESSES = 200
_MOST_ENUMERATED = 100_000


class Tried:
    """The identities of every sweep's trials, read once and then only as far as there are new ones."""

    def __init__(self) -> None:
        self._of_sweep: OrderedDict[int, set[bytes]] = OrderedDict()
        self._counts: dict[int, int] = {}

    def of(self, session: Session, sweep: Sweep) -> set[bytes]:
        """The identities of a sweep's trials. The caller holds the sweep's lock."""
        known = self._of_sweep.setdefault(sweep.id, set())
        self._of_sweep.move_to_end(sweep.id)
        since = self._counts.get(sweep.id, 0) if known else 0
        new = select(Trial.schedule, Trial.optimizer).where(Trial.sweep_id == sweep.id, Trial.number >= since)
        known |= {identity(schedule, optimizer) for schedule, optimizer in session.execute(new)}
        self._counts[sweep.id] = sweep.trials_made
        if len(self._of_sweep) > MAX_CACHED:
            self._counts.pop(self._of_sweep.popitem(last=False)[0], None)
        return known


def identity(schedule: Mapping[str, Any], optimizer: Mapping[str, Any]) -> bytes:
    """What is equal for configurations that train the same, whatever the points that say so."""
    built = schedules.build(dict(schedule)).to_dict()
    return sha256(repr((sorted(built.items()), sorted(optimizer.items()))).encode()).digest()


def untried(space: SearchSpace, tried: Container[bytes], seed: int) -> Point | None:
    """A point drawn evenly from those that were not tried; None if there is none left.

    Where one is hard to find by drawing, the points are gone through if they can be listed.
    """
    draw = random.Random(seed)  # noqa: S311 - repeatable, and guards nothing
    entries = list(space.entries.values())
    for _ in range(_GUESSES):
        entry = draw.choice(entries)
        axes = space.axes_of(entry)
        point = point_of(entry, axes, [_drawn(axis, draw) for axis in axes])
        if is_new(space.configuration(point), tried):
            return point
    size = space.size()
    if size is None or size > _MOST_ENUMERATED:
        return None
    left = [point for point in _points(space) if is_new(space.configuration(point), tried)]
    return draw.choice(left) if left else None


def is_new(configuration: Configuration, tried: Container[bytes]) -> bool:
    """Whether no trial has this configuration."""
    return identity(configuration.schedule, configuration.optimizer) not in tried


def _drawn(axis: Axis, draw: random.Random) -> Scalar:
    if axis.values is not None:
        return draw.choice(axis.values)
    if axis.integer:
        return draw.randint(int(axis.low), int(axis.high))
    return draw.uniform(axis.low, axis.high) if not axis.log else axis.low * (axis.high / axis.low) ** draw.random()


def _points(space: SearchSpace) -> Iterator[Point]:
    for entry in space.entries.values():
        axes = space.axes_of(entry)
        listed = [values for axis in axes if (values := axis.listed) is not None]
        for values in itertools.product(*listed):
            yield point_of(entry, axes, values)
