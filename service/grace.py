"""Leases after an outage: a worker that nobody could hear has not left.

While the service or its database is away, no worker can renew its leases. Without grace, whoever is back first would
take the runs of all others, which are still being trained.
"""

import time
from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from service.store import clock
from service.store.engine import Store
from service.store.tables import Run, in_state

# Reconciler and waiting claims look every two seconds; more often than this, there is nothing to be learned.
_OFTEN_SECONDS = 1.0
# Looks that are further apart than this were not made in time: this process itself was stopped.
_LONGEST_PAUSE_SECONDS = 5.0


class Grace:
    """Notices that this process could not reach the database for a while, and gives the leases their time again.

    An outage is a look that failed, one that had to wait for half a lease, or a pause in which nobody looked. A lease
    that had run out before the outage began is left alone: its worker had its chance. After a start it is not known
    when that was, so all leases count.
    """

    def __init__(self, store: Store, lease_seconds: float, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._lease = timedelta(seconds=lease_seconds)
        self._monotonic = monotonic
        self._heard_at: float | None = None
        self._failed = False

    def watch(self) -> None:
        """Look whether the database answers; to be called every few seconds, and before leases are handed out."""
        began, heard_at = self._monotonic(), self._heard_at
        if heard_at is not None and not self._failed and began - heard_at < _OFTEN_SECONDS:
            return
        try:
            with self._store.write() as session:
                self._renew(session, began, heard_at)
        except SQLAlchemyError:
            self._failed = True
            raise
        self._failed = False
        # The beginning, not the end: a database that hung in between could be reached by nobody in all that time.
        self._heard_at = began

    def _renew(self, session: Session, began: float, heard_at: float | None) -> None:
        answered, half = self._monotonic(), self._lease.total_seconds() / 2
        now = clock.now(session)
        lapsing = update(Run).where(in_state(Run.state, "running"), Run.lease_expires_at < now + self._lease)
        if heard_at is not None:
            silence = answered - heard_at
            if not (self._failed or answered - began > half or silence > max(half, _LONGEST_PAUSE_SECONDS)):
                return
            lapsing = lapsing.where(Run.lease_expires_at >= now - timedelta(seconds=silence))
        session.execute(lapsing.values(lease_expires_at=now + self._lease))
