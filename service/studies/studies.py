"""Asking for trials and telling their results, each step so that it can be repeated.

Optuna cannot share our transaction: what was told stays told, and a trial that was asked for and then forgotten is
found again by its number. Callers hold the sweep's lock, so that numbers are given out one by one.
"""

import itertools
from collections import OrderedDict
from collections.abc import Container, Mapping
from dataclasses import dataclass

from optuna.storages import RDBStorage
from sqlalchemy import Engine

from service.domain.axes import Point
from service.domain.past import Past
from service.domain.space import SearchSpace
from service.domain.tried import identity, untried
from service.studies.evolution import Evolution
from service.studies.proposing import proposer, seed_of
from service.studies.records import Records, Result
from service.studies.surrogate import Surrogate

# So often in a row a sampler may propose what was tried, before a point is drawn in its place.
MOST_REPEATED = 5
MAX_CACHED = 64
_AT_ONCE = 1000
_REPEATED = Result(value=None, attributes={"outcome": "repeated"})


@dataclass(frozen=True)
class _Either:
    """What is in one of two sets."""

    one: Container[bytes]
    other: Container[bytes]

    def __contains__(self, item: object) -> bool:
        return item in self.one or item in self.other


class Studies:
    """Optuna's storage and samplers. Safe to share between threads, as long as callers lock each sweep."""

    def __init__(self, url: str) -> None:
        self._records = Records(url)
        self._surrogate = Surrogate()
        self._evolutions: OrderedDict[str, dict[str, Evolution]] = OrderedDict()

    @property
    def engine(self) -> Engine:
        """The engine of the storage."""
        return self._records.storage.engine

    def propose(
        self,
        name: str,
        space: SearchSpace,
        *,
        known: int,
        count: int,
        tried: Container[bytes] = frozenset(),
        past: Past | None = None,
    ) -> list[tuple[int, Point]]:
        """Ask for `count` trials of configurations not in `tried`, from number `known` on; fewer if none is left.

        A trial of such a number that is there already was asked for by a process that died before it could write the
        row: it is taken up, not asked for again. A proposal that was tried is told as failed, and another asked for;
        after some of them in a row the next is drawn from what was not tried (see `docs/decisions/0011`).
        """
        self._records.ensure(name, space)
        propose = proposer(space, past or Past(), self._surrogate, self._evolutions_of(name))
        proposals: list[tuple[int, Point]] = []
        new: set[bytes] = set()
        repeated, drawn, recovering = 0, None, True
        for number in itertools.count(known):
            if len(proposals) == count:
                break
            found = self._records.find(name, number) if recovering else None
            recovering = found is not None
            if found is not None and found.state.is_finished():
                continue
            point = found.params if found is not None else drawn or propose(number)
            configuration = space.configuration(point)
            what = identity(configuration.schedule, configuration.optimizer)
            if what not in tried and what not in new:
                if found is None:
                    self._records.begin(name, number, space, [point])
                proposals.append((number, point))
                new.add(what)
                repeated, drawn = 0, None
                continue
            if found is None:
                self._records.add(name, number, space, [(point, _REPEATED)])
            else:
                self._records.end(name, {number: _REPEATED})
            repeated += 1
            if repeated >= MOST_REPEATED:
                drawn = untried(space, _Either(tried, new), seed_of(space, number))
                if drawn is None:
                    break
        return proposals

    def tell(self, name: str, results: Mapping[int, Result]) -> None:
        """Tell the results of trials that were asked for, by their numbers, all or none; twice changes nothing."""
        self._records.end(name, results)

    def tell_or_add(self, name: str, space: SearchSpace, results: Mapping[int, tuple[Point, Result]]) -> None:
        """Tell the results of trials by their numbers; those that the study lacks are added whole.

        What nobody asked for, a grid's trials, has the numbers that come next. A second time changes nothing.
        """
        self._records.ensure(name, space)
        known = self._records.end(name, {number: result for number, (_, result) in results.items()})
        new = sorted(results.keys() - known)
        assert not new or new == list(range(new[0], new[0] + len(new))), "numbers are given one after another"
        if new:
            self._records.add(name, new[0], space, [results[number] for number in new])

    def size(self, name: str, space: SearchSpace) -> int:
        """How many trials a study has; their numbers are those below."""
        self._records.ensure(name, space)
        return self._records.size(name)

    def retire(self, name: str, successor: str) -> None:
        """End what is left open in a study that another continues, if there is such a study."""
        gone = Result(value=None, attributes={"outcome": f"goes on in {successor}"})
        if left := self._records.open(name):
            self.tell(name, dict.fromkeys(left, gone))

    def recall(self, name: str, space: SearchSpace, points: Mapping[int, Point]) -> None:
        """Make a study from trials by their numbers, beyond those that it has; results are told after.

        A second time changes nothing.
        """
        size, end = self.size(name, space), max(points, default=-1) + 1
        for first in range(size, end, _AT_ONCE):  # a number without a point was asked for and never queued
            batch = range(first, min(first + _AT_ONCE, end))
            self._records.begin(name, first, space, [points.get(number) for number in batch])

    @property
    def storage(self) -> RDBStorage:
        """The storage, to look at the studies as Optuna shows them."""
        return self._records.storage

    def close(self) -> None:
        """Close the connections, and end the helper process."""
        self._surrogate.close()
        self._records.close()

    def _evolutions_of(self, name: str) -> dict[str, Evolution]:
        found = self._evolutions.setdefault(name, {})
        self._evolutions.move_to_end(name)
        if len(self._evolutions) > MAX_CACHED:
            self._evolutions.popitem(last=False)
        return found
