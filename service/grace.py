"""Leases after an outage: a worker that nobody could hear has not left.

While the service or its database is away, no worker can renew its leases. Without grace, whoever is back first would
take the runs of all others, which are still being trained.
"""

import time
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import exists, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from service.store import clock
from service.store.engine import Store
from service.store.tables import Heartbeat, Run, in_state
from service.store.upsert import insert

NAME = "service"
# Reconciler and waiting claims look every two seconds; more often than this, there is nothing to be learned.
_OFTEN = timedelta(seconds=1)
# Looks that are further apart than this were not made in time: the processes themselves were stopped.
_LONGEST_PAUSE = timedelta(seconds=5)


class Grace:
    """Notices that the database could not be reached for a while, and gives the leases their time again.

    Each server process that reaches it says so there, as long as leases are held. So one that starts knows for how long
    there was none, and one that starts again beside others, that there was no outage.

    An outage is a look that failed, at the first look of a process a silence of a quarter of a lease, and later one of
    half a lease. A lease that had run out before the outage began is left alone: its worker had its chance.
    """

    def __init__(self, store: Store, lease_seconds: float, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._lease = timedelta(seconds=lease_seconds)
        self._monotonic = monotonic
        self._looked_at: float | None = None
        self._failed = False

    def watch(self) -> None:
        """Look whether the database answers; to be called every few seconds, and before leases are handed out."""
        began, looked_at = self._monotonic(), self._looked_at
        if looked_at is not None and not self._failed and began - looked_at < _OFTEN.total_seconds():
            return
        try:
            with self._store.write() as session:
                self._look(session, looked_at)
        except SQLAlchemyError:
            self._failed = True
            raise
        self._failed = False
        self._looked_at = began

    def _look(self, session: Session, looked_at: float | None) -> None:
        running = in_state(Run.state, "running")
        if not session.scalar(select(exists().where(running))):
            return
        now = clock.now(session)
        heard_at = session.scalar(select(Heartbeat.at).where(Heartbeat.name == NAME))
        lapsing = update(Run).where(running, Run.lease_expires_at < now + self._lease)
        since = heard_at
        if looked_at is not None:
            looked = now - timedelta(seconds=self._monotonic() - looked_at)
            if not self._failed:  # nobody writes that he is there while no lease is held, but this process was
                since = looked if since is None else max(since, looked)
            elif since is not None:  # whoever calls this process was not heard
                since = min(since, looked)
        if since is not None:
            lapsing = lapsing.where(Run.lease_expires_at >= since)
        longest = self._lease / 4 if looked_at is None else max(self._lease / 2, _LONGEST_PAUSE)
        if since is None or self._failed or now - since > longest:
            session.execute(lapsing.values(lease_expires_at=now + self._lease))
        if heard_at is None or now - heard_at >= _OFTEN:
            _beat(session, now)


def _beat(session: Session, now: datetime) -> None:
    beat = insert(session, Heartbeat).values(name=NAME, at=now)
    session.execute(beat.on_conflict_do_update(index_elements=[Heartbeat.name], set_={"at": now}))
