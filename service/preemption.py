"""Looking, every few seconds, whether a team waits for lanes that another has beyond its share."""

import logging
import time
from collections.abc import Callable

from service.domain import preemption
from service.domain.fairness import Policy
from service.store.engine import Store

log = logging.getLogger(__name__)

EVERY_SECONDS = 10.0


class Preemption:
    """A step of the reconciler. Of several server processes one at a time looks."""

    def __init__(
        self, store: Store, policy: Policy, lease_seconds: float, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self._policy = policy
        self._lease_seconds = lease_seconds
        self._monotonic = monotonic
        self._looked_at = float("-inf")

    def step(self) -> None:
        """Mark the runs that are to give way, unless that was done a moment ago."""
        if self._monotonic() - self._looked_at < EVERY_SECONDS:
            return
        with self._store.exclusive("preemption"), self._store.write() as session:
            parked = preemption.give_way(session, self._policy, self._lease_seconds)
        self._looked_at = self._monotonic()
        if parked:
            log.info("%d runs give way to those of other teams", len(parked), extra={"action": "runs.parked"})
