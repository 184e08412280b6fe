"""Answering claims: a worker waits at the server until there is work for it, and nobody polls busily.

A claim that waits holds no thread, and those that look into the queue are few at a time: however many workers are idle
or want runs at once, there is room for the reports that renew leases.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial

import anyio
from anyio import to_thread

from service.courtesy import Courtesy, Rank, stepping_aside
from service.domain import quarantine, queue, sweeps, workers
from service.domain.fairness import USUAL, Policy
from service.grace import Grace
from service.meters import Meters
from service.sampling import Sampling
from service.store.engine import Store
from service.wire.protocol import Claim, Granted, Lease

# Another server process may have queued something, which no condition of this one tells.
SLOW_POLL_SECONDS = 2.0
LOOKS_AT_ONCE = 4
_LEAST_PAUSE_SECONDS = 0.01


class Dispatcher:
    """Grants claims; `wake` tells waiting ones that runs were queued."""

    def __init__(
        self,
        store: Store,
        sampling: Sampling,
        lease_seconds: float,
        meters: Meters,
        courtesy: Courtesy,
        policy: Policy = USUAL,
    ) -> None:
        self._store = store
        self._sampling = sampling
        self._lease_seconds = lease_seconds
        self._policy = policy
        self._grace = Grace(store, lease_seconds)
        self._claims = meters.claims
        self._courtesy = courtesy
        self._threads = anyio.CapacityLimiter(LOOKS_AT_ONCE)
        self._lock = threading.Lock()
        self._waiting: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()
        self._changes = 0
        self._nothing = (-1, 0.0)  # the count of changes with which nothing was there for anybody, and until when
        self._closed = False

    def watch(self) -> None:
        """Look whether the database answers, so that leases are given grace after an outage."""
        self._grace.watch()

    def wake(self) -> None:
        """Let every waiting claim look again."""
        with self._lock:
            self._changes += 1
            waiting = list(self._waiting)
        for loop, event in waiting:
            with suppress(RuntimeError):  # that loop has ended
                loop.call_soon_threadsafe(event.set)

    def close(self) -> None:
        """Answer every waiting claim now, and every later one at once, so that the server can end."""
        self._closed = True
        self.wake()

    async def claim(self, request: Claim, hung_up: Callable[[], bool] = lambda: False) -> Granted:
        """Grant runs that can share a batch; if there are none, wait for up to `request.wait_seconds`.

        Nothing is granted to a worker that has hung up: nobody would hear of it before the leases expire.

        Raises:
            NotFoundError: the worker is not registered.
        """
        deadline = time.monotonic() + request.wait_seconds
        first = True
        while True:
            with self._listening() as changed:
                leases, pause = await self._look(request, hung_up, first=first)
                first = False
                if leases or self._closed or deadline <= time.monotonic() or hung_up():
                    return Granted(leases=leases)
                pause = min(pause, deadline - time.monotonic(), SLOW_POLL_SECONDS)
                with anyio.move_on_after(max(pause, _LEAST_PAUSE_SECONDS)):
                    await changed.wait()

    @contextmanager
    def _listening(self) -> Iterator[asyncio.Event]:
        """An event that is set when something changes from here on."""
        waiter = asyncio.get_running_loop(), asyncio.Event()
        with self._lock:
            self._waiting.add(waiter)
        try:
            yield waiter[1]
        finally:
            with self._lock:
                self._waiting.discard(waiter)

    async def _look(self, request: Claim, hung_up: Callable[[], bool], *, first: bool) -> tuple[list[Lease], float]:
        """What a claim is granted now, and after how long it may look again though nobody wakes it."""
        changes, until = self._nothing
        if not first and changes == self._changes and time.monotonic() < until:
            return [], until - time.monotonic()
        with self._courtesy.answering(Rank.CLAIM), stepping_aside(Rank.CLAIM):
            return await to_thread.run_sync(partial(self._try, request, hung_up, first=first), limiter=self._threads)

    def _try(self, request: Claim, hung_up: Callable[[], bool], *, first: bool) -> tuple[list[Lease], float]:
        started, changes = time.perf_counter(), self._changes
        self._grace.watch()
        with self._store.read() as session:
            outlook = queue.outlook(session, request.worker_id)
            suspects = quarantine.suspects(session) if outlook.lapsed else []
        idle = outlook.idle
        if idle is not None:
            self._nothing = changes, time.monotonic() + min(idle.total_seconds(), SLOW_POLL_SECONDS)
        if suspects:
            with self._store.write() as session:
                quarantine.judge(session, suspects)
        if outlook.asking:
            self._sampling.top_up(request)
        leases: list[Lease] = []
        if idle is None or first:
            leases = self._take(request, hung_up, first=first, idle=idle is not None)
        self._claims.labels("granted" if leases else "empty").observe(time.perf_counter() - started)
        return leases, SLOW_POLL_SECONDS if idle is None else idle.total_seconds()

    def _take(self, request: Claim, hung_up: Callable[[], bool], *, first: bool, idle: bool) -> list[Lease]:
        with self._store.write() as session:
            if first:  # while the claim waits here, its worker may die, and must not seem to live
                workers.seen(session, request.worker_id)
            else:
                workers.demand_present(session, request.worker_id)
            if idle or hung_up():  # the lock may have been waited for
                return []
            taken = queue.claim(session, request, self._lease_seconds, self._policy)
        if taken.begun:
            with self._store.write() as session:
                sweeps.mark_running(session, sorted(taken.begun))
        return taken.leases
