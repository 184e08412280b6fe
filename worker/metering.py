"""What each run has cost: the time and the energy of its device, divided among those that trained together."""

import time
from collections.abc import Callable, Mapping

from worker.energy import Counter, nothing
from worker.training import Training


class Meter:
    """A stopwatch on the device: what passes between `begin` and `charge`, or two charges, falls to those that trained.

    Each lane in which somebody trains bears an equal part of it, and those who share a lane bear equal parts of that:
    the charges of all runs add up to the time in which the device worked for them. Time in which nothing trains is
    charged to nobody.
    """

    def __init__(self, energy: Counter = nothing, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._energy = energy
        self._monotonic = monotonic
        self._since = monotonic()
        self._joules = energy()

    def begin(self) -> None:
        """What comes now is charged; what was before is not."""
        self._since, self._joules = self._monotonic(), self._energy()

    def charge(self, runs: Mapping[int, Training], shares: Mapping[int, float]) -> None:
        """Charge what has passed to runs by their shares of a lane; see `SharedLanes.shares`."""
        since, joules = self._since, self._joules
        self.begin()
        seconds, lanes = self._since - since, sum(shares.values())
        for run_id, share in shares.items():
            training, part = runs[run_id], share / lanes
            training.device_seconds += seconds * part
            if joules is not None and self._joules is not None:
                training.joules = (training.joules or 0.0) + max(0.0, self._joules - joules) * part
