"""Streams of events: a bounded number, which hold no thread and no connection to the database while they wait."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio
from anyio import to_thread
from sqlalchemy.exc import OperationalError

from service.domain import events
from service.domain.events import Cursor, Look
from service.errors import UnavailableError
from service.meters import Meters
from service.store.engine import Store
from service.wire.events import Event, StateChange, SweepEnd, TrialEnd

MOST_STREAMS = 200
POLL_SECONDS = 1.0
# Then the client comes back and shows its token again, which may have been revoked.
LONGEST_SECONDS = 300.0
_BATCH = 500
# Streams must not wait for the threads in which claims wait.
_THREADS = 4


@dataclass
class _Watched:
    """A sweep that has followers, who share one look at it."""

    followers: int = 0
    lock: anyio.Lock = field(default_factory=anyio.Lock)
    look: Look | None = None
    looked_at: float = float("-inf")


class Streams:
    """The streams of one server process; used in its event loop alone, but for `close`."""

    def __init__(self, store: Store, meters: Meters) -> None:
        self._store = store
        self._gauge = meters.event_streams
        self._threads = anyio.CapacityLimiter(_THREADS)
        self._watched: dict[int, _Watched] = {}
        self._open = 0
        self._closed = False

    def close(self) -> None:
        """End every stream at its next look, so that the server can end; clients come back with what they know."""
        self._closed = True

    @asynccontextmanager
    async def admitted(self, sweep_id: int) -> AsyncIterator[None]:
        """A place for a follower of a sweep.

        Raises:
            UnavailableError: there are `MOST_STREAMS` streams.
        """
        if self._open >= MOST_STREAMS or self._closed:
            raise UnavailableError(f"this server has {self._open} streams of events open; ask for the sweep instead")
        watched = self._watched.setdefault(sweep_id, _Watched())
        watched.followers += 1
        self._note_open(1)
        try:
            yield
        finally:
            self._note_open(-1)
            watched.followers -= 1
            if not watched.followers:
                del self._watched[sweep_id]

    async def follow(self, sweep_id: int, cursor: Cursor) -> AsyncGenerator[Event]:
        """What an admitted follower who knows `cursor` does not know yet, as it happens, until the sweep has ended."""
        deadline = anyio.current_time() + LONGEST_SECONDS
        told = None
        while not self._closed and anyio.current_time() < deadline:
            try:
                seen = await self._look(sweep_id)
                news = await self._ends(sweep_id, cursor, seen)
            except OperationalError:  # the database is away; whoever follows waits
                await anyio.sleep(POLL_SECONDS)
                continue
            for number, trial in news:
                cursor = Cursor(number, cursor.state)
                yield Event(str(cursor), trial)
            if cursor.ends < seen.ends:
                if not news:  # the trials that ended then are being tried again, and end anew
                    cursor = Cursor(seen.ends, cursor.state)
                continue
            if seen.ended:
                yield Event(str(Cursor(cursor.ends, seen.state)), SweepEnd(state=seen.state, progress=seen.progress))
                return
            if seen.state != cursor.state:
                cursor = Cursor(cursor.ends, seen.state)
                yield Event(str(cursor), StateChange(state=seen.state))
            if seen.progress != told:
                told = seen.progress
                yield Event(str(cursor), told)
            await anyio.sleep(POLL_SECONDS)

    async def _look(self, sweep_id: int) -> Look:
        watched = self._watched[sweep_id]
        async with watched.lock:
            if watched.look is None or anyio.current_time() - watched.looked_at >= POLL_SECONDS / 2:
                watched.look = await to_thread.run_sync(self._read, sweep_id, limiter=self._threads)
                watched.looked_at = anyio.current_time()
            return watched.look

    def _read(self, sweep_id: int) -> Look:
        with self._store.read() as session:
            return events.look(session, sweep_id)

    async def _ends(self, sweep_id: int, cursor: Cursor, seen: Look) -> list[tuple[int, TrialEnd]]:
        if cursor.ends >= seen.ends:
            return []

        def read() -> list[tuple[int, TrialEnd]]:
            with self._store.read() as session:
                return events.ends(session, sweep_id, cursor.ends, _BATCH)

        return await to_thread.run_sync(read, limiter=self._threads)

    def _note_open(self, change: int) -> None:
        self._open += change
        self._gauge.set(self._open)
