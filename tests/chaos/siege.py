"""Faults that strike one sweep while it is trained: begun by its progress, made good by the clock."""

import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from tests.chaos.cluster import Cluster
from tests.chaos.faults import Act, Fault
from tests.chaos.observer import Observer, Seen


@dataclass(frozen=True)
class Strike:
    """A fault, and the share of the sweep's updates after which it begins."""

    fault: Fault
    moment: float


@dataclass
class _Struck:
    """A fault that has begun; `met` are the runs that were being trained when it was made good."""

    fault: Fault
    began: float
    end: Act | None
    met: dict[int, Seen] = field(default_factory=dict)
    seconds: float | None = None


class Siege:
    """Strikes one sweep; the next fault does not wait until the product has got over the one before."""

    def __init__(self, cluster: Cluster, observer: Observer, strikes: Sequence[Strike], random: Random) -> None:
        self._cluster = cluster
        self._observer = observer
        self._pending = sorted(strikes, key=lambda strike: strike.moment)
        self._random = random
        self._struck: list[_Struck] = []
        self.missed: list[str] = []

    @property
    def recovery_seconds(self) -> list[float]:
        """For each fault, from its beginning until every run that it met has moved on."""
        return [one.seconds for one in self._struck if one.seconds is not None]

    def is_over(self) -> bool:
        """Begin and end what is due; whether everything has been done and got over."""
        if self._pending and self._observer.has_reached(self._pending[0].moment):
            fault = self._pending.pop(0).fault
            if self._observer.ended:
                self.missed.append(fault.name)
            self._struck.append(_Struck(fault, time.monotonic(), fault.begin(self._cluster, self._random)))
        for one in self._struck:
            self._go_on_with(one)
        return not self._pending and all(one.seconds is not None for one in self._struck)

    def lift(self) -> None:
        """Make good what has not been made good yet, whatever that takes."""
        for one in self._struck:
            if one.end is not None:
                with contextlib.suppress(Exception):
                    one.end()

    def _go_on_with(self, one: _Struck) -> None:
        now = time.monotonic()
        if one.end is not None:
            if now > one.began + one.fault.seconds:
                one.met = {run_id: run for run_id, run in self._observer.runs.items() if run.state == "running"}
                end, one.end = one.end, None
                end()
        elif one.seconds is None:
            runs = self._observer.runs
            if all(runs[run_id].has_moved_on_from(before) for run_id, before in one.met.items()):
                one.seconds = now - one.began
