"""Where two schedules train at the very same rates."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from schedules.schedule import Schedule


def common_prefix(one: Schedule, other: Schedule) -> int:
    """Return how many updates from the first on have the same rate in both, bit for bit; 0 if the first differs."""
    shorter = min(one.total_steps, other.total_steps)
    differ = np.flatnonzero(one.lrs()[:shorter] != other.lrs()[:shorter])
    return int(differ[0]) if differ.size else shorter


def same_rates(one: Schedule, other: Schedule, first: int = 1, last: int | None = None) -> bool:
    """Return whether updates ``first`` to ``last`` have the same rates in both, bit for bit.

    ``last`` is included; left out, it is the last update, and runs of different length differ. Raises ValueError for
    a range that is not within both runs.
    """
    if last is None:
        if one.total_steps != other.total_steps:
            return False
        last = one.total_steps
    shorter = min(one.total_steps, other.total_steps)
    if not 1 <= first <= last <= shorter:
        raise ValueError(f"updates {first} to {last} are not within both runs; stay within 1 to {shorter}")
    updates = np.arange(first, last + 1, dtype=np.float64)
    return bool(np.array_equal(one.rates_at(updates), other.rates_at(updates)))


def alike(schedules: Sequence[Schedule]) -> list[tuple[int, ...]]:
    """Return the positions of the schedules, grouped by equal rates at every update, in order of first appearance."""
    groups: dict[bytes, list[int]] = {}
    for position, schedule in enumerate(schedules):
        groups.setdefault(schedule.lrs().tobytes(), []).append(position)
    return [tuple(group) for group in groups.values()]


def distinct_updates(schedules: Sequence[Schedule]) -> int:
    """Return how many updates remain if every beginning that runs share is trained once: the nodes of their trie.

    The runs are taken to agree in all but their rates.
    """
    # Sorted by the bytes of their rates, schedules stand beside those with which they agree longest.
    in_order = sorted(schedules, key=lambda schedule: schedule.lrs().tobytes())
    shared = sum(common_prefix(one, next_one) for one, next_one in pairwise(in_order))
    return sum(schedule.total_steps for schedule in schedules) - shared
