"""Answering claims: a worker waits at the server until there is work for it, and nobody polls busily."""

import threading
import time
from collections.abc import Callable

from service.domain import quarantine, queue, sweeps, workers
from service.domain.fairness import USUAL, Policy
from service.grace import Grace
from service.meters import Meters
from service.sampling import Sampling
from service.store.engine import Store
from service.wire.protocol import Claim, Granted, Lease

# Another server process may have queued something, which no condition of this one tells.
SLOW_POLL_SECONDS = 2.0
_LEAST_PAUSE_SECONDS = 0.01


class Dispatcher:
    """Grants claims; `wake` tells waiting ones that runs were queued."""

    def __init__(
        self, store: Store, sampling: Sampling, lease_seconds: float, meters: Meters, policy: Policy = USUAL
    ) -> None:
        self._store = store
        self._sampling = sampling
        self._lease_seconds = lease_seconds
        self._policy = policy
        self._grace = Grace(store, lease_seconds)
        self._claims = meters.claims
        self._changed = threading.Condition()
        self._changes = 0
        self._closed = False

    def watch(self) -> None:
        """Look whether the database answers, so that leases are given grace after an outage."""
        self._grace.watch()

    def wake(self) -> None:
        """Let every waiting claim look again."""
        with self._changed:
            self._changes += 1
            self._changed.notify_all()

    def close(self) -> None:
        """Answer every waiting claim now, and every later one at once, so that the server can end."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def claim(self, request: Claim, hung_up: Callable[[], bool] = lambda: False) -> Granted:
        """Grant runs that can share a batch; if there are none, wait for up to `request.wait_seconds`.

        Nothing is granted to a worker that has hung up: nobody would hear of it before the leases expire.

        Raises:
            NotFoundError: the worker is not registered.
        """
        deadline = time.monotonic() + request.wait_seconds
        first = True
        while True:
            changes = self._changes
            started = time.perf_counter()
            leases, expiry = self._try(request, hung_up, first=first)
            first = False
            self._claims.labels("granted" if leases else "empty").observe(time.perf_counter() - started)
            pause = min(deadline - time.monotonic(), SLOW_POLL_SECONDS, expiry)
            if leases or self._closed or deadline <= time.monotonic() or hung_up():
                return Granted(leases=leases)
            self._wait(changes, max(pause, _LEAST_PAUSE_SECONDS))

    def _wait(self, changes: int, seconds: float) -> None:
        """Wait until something is queued after the count `changes`, or the time is up."""
        with self._changed:
            self._changed.wait_for(lambda: self._changes != changes or self._closed, seconds)

    def _try(self, request: Claim, hung_up: Callable[[], bool], *, first: bool) -> tuple[list[Lease], float]:
        self._grace.watch()
        with self._store.read() as session:
            workers.demand_registered(session, request.worker_id)
            suspects = quarantine.suspects(session)
        if suspects:
            with self._store.write() as session:
                quarantine.judge(session, suspects)
        self._sampling.top_up(request)
        with self._store.write() as session:
            if first:  # while the claim waits here, its worker may die, and must not seem to live
                workers.seen(session, request.worker_id)
            else:
                workers.demand_present(session, request.worker_id)
            if hung_up():  # the lock may have been waited for
                return [], SLOW_POLL_SECONDS
            leases = queue.claim(session, request, self._lease_seconds, self._policy)
            expiry = queue.next_expiry(session) if not leases else None
            begun = sweeps.not_begun(session, {lease.sweep_id for lease in leases}) if leases else []
        if begun:
            with self._store.write() as session:
                sweeps.mark_running(session, begun)
        return leases, expiry.total_seconds() if expiry is not None else SLOW_POLL_SECONDS
