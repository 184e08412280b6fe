"""Going through many things of which some may fail: one that fails does not hold up the others."""

import time
from collections.abc import Callable, Hashable, Iterable
from typing import TypeVar

from service.wire.retries import Backoff

Item = TypeVar("Item", bound=Hashable)

FIRST_SECONDS, MOST_SECONDS = 5.0, 20.0
MOST_FAILURES = 3


class Patience:
    """Remembers what failed lately, and leaves it alone for a while: longer each time that it fails again."""

    def __init__(self) -> None:
        self._failed: dict[Hashable, tuple[float, Exception]] = {}
        self._backoffs: dict[Hashable, Backoff] = {}

    def each(self, items: Iterable[Item], act: Callable[[Item], object]) -> None:
        """Do `act` to every item that did not fail lately; at the end, raise what any of the items failed with.

        Stops after a few failures, since then all of them are likely to fail.
        """
        failures: list[Exception] = []
        tried = 0
        for item in items:
            until, earlier = self._failed.get(item, (0.0, None))
            if earlier is not None and until > time.monotonic():
                failures.append(earlier)
                continue
            try:
                act(item)
            except Exception as error:
                backoff = self._backoffs.setdefault(item, Backoff(FIRST_SECONDS, MOST_SECONDS))
                self._failed[item] = time.monotonic() + backoff.wait(), error
                failures.append(error)
                tried += 1
                if tried == MOST_FAILURES:
                    break
            else:
                self._failed.pop(item, None)
                self._backoffs.pop(item, None)
        if failures:
            raise failures[0]
