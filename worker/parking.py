"""Runs on their way back to the queue: their lanes are free, what they need elsewhere is still being written."""

import threading
from dataclasses import dataclass
from functools import partial
from typing import Literal

from worker.reporting import Reporter
from worker.states import States
from worker.tracking import Ending, Tracker
from worker.training import Training

_Part = Literal["state", "record"]


@dataclass
class _Departure:
    training: Training
    awaited: set[_Part]


class Parking:
    """Gives runs back once their states are written and their records closed, so that whoever takes one finds both.

    While MLflow is away, nobody waits for the record: it is dropped, and the next attempt writes a complete one.
    """

    def __init__(self, reporter: Reporter, tracker: Tracker | None, states: States | None) -> None:
        self._reporter = reporter
        self._tracker = tracker
        self._states = states
        self._departing: list[_Departure] = []
        self._lock = threading.Lock()

    def take(self, training: Training) -> None:
        """Send off a run that has no lane any more, and whose state was ordered to be kept."""
        departure = _Departure(training, {"state", "record"})
        self._departing.append(departure)
        if self._states is None:
            self._done(departure, "state")
        else:
            self._states.when_written(partial(self._written, departure))
        if self._tracker is None:
            self._done(departure, "record")
        else:
            closed = partial(self._done, departure, "record")
            ending = Ending(status="SCHEDULED", outcome="evicted", history=training.history, on_closed=closed)
            self._tracker.finish(training.run_id, ending)

    def tidy(self) -> None:
        """Forget those that are gone, and the records of others if MLflow does not answer."""
        if not self._departing:
            return
        held = {id(training) for training in self._reporter.held()}
        self._departing = [one for one in self._departing if id(one.training) in held]
        if self._tracker is None or not self._tracker.away:
            return
        for departure in self._departing:
            if "record" in departure.awaited:
                self._tracker.forget(departure.training.lease)
                self._done(departure, "record")

    def _written(self, departure: _Departure) -> None:
        assert self._states is not None
        self._states.let_go(departure.training.run_id)
        self._done(departure, "state")

    def _done(self, departure: _Departure, part: _Part) -> None:
        with self._lock:
            departure.awaited.discard(part)
            ready = not departure.awaited
        if ready:
            self._reporter.give_back(departure.training)
