"""One thread of each server process that makes Optuna and MLflow say what our rows say.

Every step can be repeated and may be cut short anywhere; what fails is tried again, and said once until it changes.
"""

import logging
import math
import threading
import time
from collections.abc import Callable, Mapping

from service.courtesy import Rank, stepping_aside
from service.domain import access
from service.store.engine import Store

log = logging.getLogger(__name__)

PAUSE_SECONDS = 2.0
# A busy service is woken many times a second; what has changed meanwhile is done together.
LEAST_SECONDS = 0.2
# And a round is followed by a rest of so many times what it computed: who has more to do, does more of it at once.
REST = 10
_END_SECONDS = 10.0


class Reconciler:
    """Runs `steps` again and again: when woken, and every few seconds."""

    def __init__(self, steps: Mapping[str, Callable[[], None]]) -> None:
        self._steps = steps
        self._woken = threading.Event()
        self._ending = threading.Event()
        self._complaints: dict[str, str] = {}
        self._thread = threading.Thread(target=self._loop, name="reconciler", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wake(self) -> None:
        """Begin a round soon: something has changed."""
        self._woken.set()

    def stop(self) -> None:
        """End after the step that is under way; what is left is done after the next start."""
        self._ending.set()
        self._woken.set()
        self._thread.join(_END_SECONDS)

    def round(self) -> None:
        """Do every step once."""
        for name, step in self._steps.items():
            if self._ending.is_set():
                return
            try:
                step()
            except Exception as error:
                self._complain(name, error)
            else:
                if self._complaints.pop(name, None) is not None:
                    log.info("%s works again", name, extra={"action": "step.works", "step": name})

    def _loop(self) -> None:
        while not self._ending.is_set():
            self._woken.clear()
            before = time.thread_time()
            with stepping_aside(Rank.ROUND):
                self.round()
            rest = REST * (time.thread_time() - before)
            self._ending.wait(min(max(LEAST_SECONDS, rest), PAUSE_SECONDS))
            self._woken.wait(PAUSE_SECONDS)

    def _complain(self, name: str, error: Exception) -> None:
        lines = str(error).splitlines()
        complaint = f"{type(error).__name__}: {lines[0] if lines else ''}"
        if self._complaints.get(name) != complaint:
            self._complaints[name] = complaint
            log.warning(
                "%s does not work, it is tried again: %s",
                name,
                complaint,
                extra={"action": "step.failed", "step": name},
            )


class TokenUse:
    """Remembers which tokens were used, so that reading a page need not write to the database.

    Each is written down at most once a minute by one process.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._used: set[int] = set()
        self._written: dict[int, float] = {}

    def note(self, token_id: int) -> None:
        """A token was used."""
        if time.monotonic() - self._written.get(token_id, -math.inf) >= access.USED_EVERY.total_seconds():
            self._used.add(token_id)

    def write(self) -> None:
        """Write down what was noted since the last time."""
        used, self._used = self._used, set()
        if used:
            with self._store.write() as session:
                access.mark_used(session, sorted(used))
            self._written |= dict.fromkeys(used, time.monotonic())
