"""Leases after an outage: a worker that nobody could hear has not left.

While the service or its database is away, no worker can renew its leases. Without grace, whoever is back first would
take the runs of all others, which are still being trained.
"""

import time
from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import update

from service.store import clock
from service.store.engine import Store
from service.store.tables import Run, in_state

# Reconciler and waiting claims look every two seconds; more often than this, there is nothing to be learned.
_OFTEN_SECONDS = 1.0


class Grace:
    """Notices that this process could not reach the database for a while, and gives the leases their time again.

    A lease that had run out before the outage began is left alone: its worker had its chance. After a start it is not
    known when that was, so all leases count.
    """

    def __init__(self, store: Store, lease_seconds: float, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._lease = timedelta(seconds=lease_seconds)
        self._often = min(_OFTEN_SECONDS, lease_seconds / 10)
        self._monotonic = monotonic
        self._heard_at: float | None = None

    def watch(self) -> None:
        """Look whether the database answers; to be called every few seconds, and before leases are handed out."""
        began = self._monotonic()
        silence = None if self._heard_at is None else began - self._heard_at
        if silence is not None and silence < self._often:
            return
        with self._store.write() as session:
            now = clock.now(session)
            if silence is None or silence > self._lease.total_seconds() / 2:
                lapsing = update(Run).where(in_state(Run.state, "running"), Run.lease_expires_at < now + self._lease)
                if silence is not None:
                    lapsing = lapsing.where(Run.lease_expires_at >= now - timedelta(seconds=silence))
                session.execute(lapsing.values(lease_expires_at=now + self._lease))
        # The beginning, not the end: a database that hung in between could be reached by nobody in all that time.
        self._heard_at = began
