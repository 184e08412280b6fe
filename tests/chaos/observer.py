"""What a sweep's rows say while it is disturbed, read from the database itself."""

import threading
import time
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from service.store.engine import Store
from service.store.tables import ENDED_RUN_STATES, Run, Sweep

_PAUSE_SECONDS = 0.05


@dataclass(frozen=True)
class Seen:
    """A run as it was seen last."""

    state: str
    attempt: int
    step: int

    @property
    def ended(self) -> bool:
        """Whether it has its result."""
        return self.state in ENDED_RUN_STATES

    def has_moved_on_from(self, before: "Seen") -> bool:
        """Whether it has advanced, in the same attempt or in a later one, or ended."""
        if self.attempt > before.attempt:
            return self.ended or self.step > 0
        return self.ended or self.step > before.step or self.state == "queued"


class Observer:
    """Follows one sweep in a thread. While the database is away it sees nothing."""

    def __init__(self, store: Store, sweep_id: int) -> None:
        self._store = store
        self._sweep_id = sweep_id
        self._ending = threading.Event()
        self.runs: dict[int, Seen] = {}
        self.reached: dict[tuple[int, int], int] = {}
        self.updates_total = 1
        self.ended = False
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def has_reached(self, share: float) -> bool:
        """Whether more than this share of all updates has been done, or the sweep has ended."""
        return self.ended or sum(run.step for run in self.runs.values()) > share * self.updates_total

    def stop(self) -> None:
        """See no more."""
        self._ending.set()
        self._thread.join(60)

    def _follow(self) -> None:
        while not self._ending.is_set():
            try:
                self._look()
            except SQLAlchemyError:
                time.sleep(_PAUSE_SECONDS)
            self._ending.wait(_PAUSE_SECONDS)

    def _look(self) -> None:
        columns = Run.id, Run.state, Run.attempt, Run.step
        with self._store.read() as session:
            rows = session.execute(select(*columns).where(Run.sweep_id == self._sweep_id)).all()
            sweep = session.execute(
                select(Sweep.updates_total, Sweep.finished_at).where(Sweep.id == self._sweep_id)
            ).one()
        self.runs = {run_id: Seen(state, attempt, step) for run_id, state, attempt, step in rows}
        for run_id, run in self.runs.items():
            self.reached[run_id, run.attempt] = max(run.step, self.reached.get((run_id, run.attempt), 0))
        self.updates_total = sweep.updates_total
        self.ended = sweep.finished_at is not None
