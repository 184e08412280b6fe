"""Which sweep is struck by what, and when: all of it follows from a seed, so that any round can be repeated."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, count
from random import Random
from typing import Any

from tests.chaos import sweeps
from tests.chaos.cluster import Cluster
from tests.chaos.faults import Fault, Lengths, faults, killing, pair
from tests.chaos.siege import Strike

LATEST_MOMENT = 0.6
# Besides all pairs of killings: a worker that comes back when MLflow does, to runs that others have taken; a report
# that a service heard which then dies; a worker that dies while nothing can be written.
AWKWARD = [
    ("MLflow away", "worker stopped beyond its lease"),
    ("answers lost", "service killed"),
    ("database away", "worker killed"),
]


@dataclass(frozen=True)
class Round:
    """One sweep and its strikes. `random` picks the victims."""

    number: int
    spec: dict[str, Any]
    strikes: list[Strike]
    random: Random


def rounds(cluster: Cluster, lengths: Lengths, seed: int, updates: int) -> Iterator[Round]:
    """Without end: every fault once in random order, then every pair, and so on; grids and TPE in turn."""
    available = faults(cluster, lengths)
    numbers = count(1)
    for cycle in count():
        random = Random(f"{seed} {cluster.database.kind} {cycle}")
        singles = list(available.values())
        random.shuffle(singles)
        pairs = [pair(first, second) for first, second in combinations(killing(available), 2)]
        pairs += [pair(available[first], available[second]) for first, second in AWKWARD]
        random.shuffle(pairs)
        for fault in [*singles, *pairs]:
            yield _round(fault, cluster.database.kind, seed, next(numbers), updates)


def _round(fault: Fault, database: str, seed: int, number: int, updates: int) -> Round:
    random = Random(f"{seed} {database} round {number}")
    spec = sweeps.tpe(updates, random.randrange(2**32)) if number % 2 else sweeps.grid(updates)
    return Round(number, spec, [Strike(fault, random.uniform(0, LATEST_MOMENT))], random)
