"""Tells the service how all runs are doing, which renews their leases, and brings back what to do with each."""

import logging
import threading
from collections.abc import Callable

from service.wire.protocol import Held, Release, Report, RunReport
from service.wire.retries import Backoff
from worker.bell import Bell
from worker.labels import about
from worker.link import Link, RefusedError, UnreachableError
from worker.spool import Backlog
from worker.training import Training

log = logging.getLogger(__name__)


class Reporter:
    """Holds the leased runs from their arrival until the service has confirmed their end."""

    def __init__(
        self,
        link: Link,
        worker_id: int,
        bell: Bell,
        *,
        interval_seconds: float,
        backlog: Callable[[], Backlog] = Backlog,
    ) -> None:
        self._link = link
        self._worker_id = worker_id
        self._interval = interval_seconds
        self._bell = bell
        self._backlog = backlog
        self._held: dict[int, Training] = {}
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stopped = threading.Event()
        self._away = False
        self._asked_wait = 0.0
        self.updates_per_second = 0.0
        self.lanes: int | None = None
        self._thread = bell.thread("reporting", self._run)

    def hold(self, training: Training) -> None:
        """Report on this run from now on."""
        with self._lock:
            self._held[training.run_id] = training

    def drop(self, training: Training) -> None:
        """Report on this run no more."""
        with self._lock:
            if self._held.get(training.run_id) is training:
                del self._held[training.run_id]

    def held(self) -> list[Training]:
        """The runs that are reported on."""
        with self._lock:
            return list(self._held.values())

    @property
    def away(self) -> bool:
        """Whether the service has not answered the last report."""
        return self._away

    def hurry(self) -> None:
        """Report now: a run has ended."""
        self._wake.set()

    def give_back(self, training: Training) -> None:
        """Give a run back to the queue, after a last report on it."""
        training.parked = True
        self.hurry()

    def stop(self, seconds: float = 10.0) -> None:
        """Report once more, then no more; wait at most this long for a report that is under way."""
        self._stopped.set()
        self._wake.set()
        self._thread.join(seconds)
        self._report()

    def leave(self) -> None:
        """Give back what is still held and end the registration; if that fails, the leases simply expire."""
        held = [Held(run_id=one.run_id, fence=one.lease.fence) for one in self.held()]
        try:
            self._link.release(Release(worker_id=self._worker_id, runs=held, leaving=True))
        except (UnreachableError, RefusedError) as error:
            log.warning(
                "could not say goodbye, %d leases expire by themselves: %s",
                len(held),
                error,
                extra={"action": "worker.left_silently"},
            )

    def _run(self) -> None:
        backoff = Backoff()
        while not self._stopped.is_set():
            self._wake.wait(self._interval)
            self._wake.clear()
            if self._report():
                backoff.reset()
            else:
                self._stopped.wait(backoff.wait(self._asked_wait))

    def _report(self) -> bool:
        trainings, backlog = self.held(), self._backlog()
        parked = [training for training in trainings if training.parked]
        reports = [training.report() for training in trainings]
        try:
            orders = self._link.report(
                Report(
                    worker_id=self._worker_id,
                    lanes=self.lanes,
                    updates_per_second=self.updates_per_second,
                    backlog_bytes=backlog.size,
                    backlog_seconds=backlog.seconds,
                    runs=reports,
                )
            )
        except UnreachableError as error:
            if not self._away:
                log.warning(
                    "the service does not answer; training goes on: %s", error, extra={"action": "service.away"}
                )
            self._away = True
            self._asked_wait = error.wait
            return False
        except RefusedError as error:
            self._bell.leave(error)
            return False
        self._away = False
        for training, report, answer in zip(trainings, reports, orders.runs, strict=True):
            self._obey(training, report, answer.command)
        if orders.drain:
            self._bell.leave()
        return self._release(parked)

    def _release(self, parked: list[Training]) -> bool:
        """Give back those runs that are still held and of which all is told; returns whether the service answered."""
        held = {id(training) for training in self.held()}
        parked = [training for training in parked if id(training) in held and not training.unreported]
        if not parked:
            return True
        runs = [Held(run_id=training.run_id, fence=training.lease.fence) for training in parked]
        try:
            self._link.release(Release(worker_id=self._worker_id, runs=runs))
        except UnreachableError as error:
            log.warning("%d parked runs are given back later: %s", len(runs), error, extra={"action": "service.away"})
            return False
        except RefusedError as error:
            self._bell.leave(error)
            return False
        for training in parked:
            self.drop(training)
        return True

    def _obey(self, training: Training, report: RunReport, command: str) -> None:
        if command in ("continue", "park"):
            training.confirmed(report)
            if report.outcome is not None:
                self.drop(training)
            elif command == "park" and training.order != "park":
                training.order = "park"
                log.info(
                    "run %d is to be parked",
                    training.run_id,
                    extra=about(training.lease, "run.park"),
                )
                self._bell.ring()
            return
        if command == "prune":  # it is reported on until its record is closed
            training.confirmed(report)
            training.order = command
            self._bell.ring()
            return
        training.order = command
        self.drop(training)
        log.info(
            "run %d: %s",
            training.run_id,
            "cancelled" if command == "stop" else "taken by another worker",
            extra=about(training.lease, f"run.{command}"),
        )
        self._bell.ring()
