"""Keeps the free lanes supplied: a thread that claims runs and has them ready when a lane asks."""

import logging
import threading
from collections.abc import Callable

from service.wire.protocol import Claim, Held, Lease, Outcome, Release, Report, RunReport
from service.wire.retries import Backoff
from worker.bell import Bell
from worker.corpora import Corpora, CorruptCorpusError
from worker.labels import about
from worker.link import Link, RefusedError, UnreachableError
from worker.reporting import Reporter
from worker.states import States
from worker.training import Training

log = logging.getLogger(__name__)

IDLE_POLL_SECONDS = 15.0
BUSY_POLL_SECONDS = 2.0
SIBLINGS_PER_LANE = 31
MOST_SIBLINGS = 2048


class Claimer:
    """Claims as many runs as `want` asked for, and siblings of those; while there are none, a claim waits.

    Nothing is claimed while `backlogged` says that too much waits for MLflow already.
    """

    def __init__(
        self,
        link: Link,
        corpora: Corpora,
        worker_id: int,
        reporter: Reporter,
        bell: Bell,
        *,
        states: States | None = None,
        backlogged: Callable[[], bool] = lambda: False,
    ) -> None:
        self._states = states
        self._link = link
        self._corpora = corpora
        self._worker_id = worker_id
        self._reporter = reporter
        self._bell = bell
        self._backlogged = backlogged
        self._need = threading.Condition()
        self._lanes = 0
        self._shape: str | None = None
        self._arrived: list[Training] = []
        self._stopped = False
        self._backoff = Backoff()
        bell.thread("claiming", self._run)

    def want(self, lanes: int, shape: str | None) -> None:
        """Ask for up to this many runs; of one shape only, if a batch is training."""
        with self._need:
            self._lanes, self._shape = lanes - len(self._arrived), shape
            self._need.notify()

    def take(self) -> list[Training]:
        """The runs that have arrived since the last call."""
        with self._need:
            arrived, self._arrived = self._arrived, []
        return arrived

    def stop(self) -> None:
        """Claim no more. A claim that is under way grants nothing once the worker has left (`Release.leaving`)."""
        with self._need:
            self._stopped = True
            self._need.notify()

    def _run(self) -> None:
        while True:
            with self._need:
                self._need.wait_for(lambda: self._stopped or self._lanes > 0)
                if self._stopped:
                    return
                lanes, shape = self._lanes, self._shape
            self._claim(lanes, shape)

    def _claim(self, lanes: int, shape: str | None) -> None:
        if self._reporter.away:
            # After an absence the runs held here are to be reported on before any, these among them, are claimed.
            self._pause(self._backoff.wait())
            return
        if self._backlogged():
            self._pause(BUSY_POLL_SECONDS)
            return
        wait = IDLE_POLL_SECONDS if shape is None else BUSY_POLL_SECONDS
        try:
            granted = self._link.claim(
                Claim(
                    worker_id=self._worker_id,
                    lanes=lanes,
                    siblings=min(SIBLINGS_PER_LANE * lanes, MOST_SIBLINGS),
                    shape=shape,
                    wait_seconds=wait,
                )
            )
            self._backoff.reset()
        except UnreachableError as error:
            if not self._stopped:
                log.warning("cannot claim: %s; trying again", error, extra={"action": "service.away"})
            self._pause(self._backoff.wait(error.wait))
            return
        except RefusedError as error:
            if not self._stopped:  # else the worker has left while this claim was under way
                self._bell.leave(error)
            self._pause(self._backoff.wait())
            return
        prepared = [training for lease in granted.leases if (training := self._prepare(lease)) is not None]
        if prepared:
            # All at once: the loop is to see together those that may share a lane.
            with self._need:
                self._arrived += prepared
                # Beside a run that trains alone, nothing is wanted until the loop says so.
                self._lanes = 0 if any(one.lease.alone for one in prepared) else self._lanes - len(prepared)
                self._shape = prepared[0].lease.shape
            self._bell.ring()
        if granted.drain:
            self._bell.leave()

    def _prepare(self, lease: Lease) -> Training | None:
        try:
            training = Training.of(lease, self._corpora)
        except UnreachableError as error:
            log.warning(
                "run %d goes back to the queue, since its text does not arrive: %s",
                lease.run_id,
                error,
                extra=about(lease, "text.away"),
            )
            self._give_back(lease)
            return None
        except RefusedError as error:
            if error.of_worker:
                self._bell.leave(error)
                return None
            self._report_bad_data(lease, str(error))
            return None
        except (ValueError, CorruptCorpusError) as error:
            self._report_bad_data(lease, str(error))
            return None
        self._reporter.hold(training)
        if self._states is not None:
            self._states.find(training)
        return training

    def _report_bad_data(self, lease: Lease, error: str) -> None:
        log.error("run %d cannot be trained: %s", lease.run_id, error, extra=about(lease, "run.bad_data"))
        outcome = Outcome(state="failed", cause="bad_data", error=error[:4000])
        run = RunReport(run_id=lease.run_id, fence=lease.fence, step=0, outcome=outcome)
        try:
            self._link.report(Report(worker_id=self._worker_id, updates_per_second=0, runs=[run]))
        except (UnreachableError, RefusedError) as failure:
            log.warning(
                "could not report the failure of run %d: %s",
                lease.run_id,
                failure,
                extra=about(lease, "run.unreported"),
            )

    def _give_back(self, lease: Lease) -> None:
        held = Held(run_id=lease.run_id, fence=lease.fence)
        try:
            self._link.release(Release(worker_id=self._worker_id, runs=[held]))
        except (UnreachableError, RefusedError) as failure:
            log.warning(
                "could not give run %d back, its lease expires by itself: %s",
                lease.run_id,
                failure,
                extra=about(lease, "run.unreleased"),
            )

    def _pause(self, seconds: float) -> None:
        with self._need:
            self._need.wait_for(lambda: self._stopped, seconds)
