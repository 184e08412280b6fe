"""The losses of a sweep's trials on the way, as pruners compare them: read once where a trial has ended."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.orm import Session

import schedules
from service.store.among import among
from service.store.tables import Run, Trial, ValPoint, in_state

MAX_CACHED = 64
# A trial is compared with the trials that ended last, so many of them.
MOST_COMPARED = 1_000
# Those under way are read again after this long; they matter where few have ended.
STALE_SECONDS = 1.0

Losses = Mapping[int, float]


@dataclass(frozen=True, kw_only=True)
class Curve:
    """A trial's losses by replicate and update; `final` is the value of each replicate that completed."""

    number: int
    state: str
    schedule: schedules.Schedule
    losses: Mapping[int, Losses] = field(default_factory=dict)
    final: Losses = field(default_factory=dict)
    value: float | None = None

    def mean(self, step: int, replicates: Iterable[int]) -> float | None:
        """The mean loss of some replicates after an update; None unless all of them have one."""
        values = [self.losses.get(replicate, {}).get(step) for replicate in replicates]
        known = [value for value in values if value is not None]
        return sum(known) / len(known) if known and len(known) == len(values) else None

    def replicates_at(self, step: int) -> tuple[int, ...]:
        """The replicates that have a loss after an update."""
        return tuple(sorted(replicate for replicate, losses in self.losses.items() if step in losses))

    def steps(self, replicates: Sequence[int]) -> list[int]:
        """The updates after which all of some replicates have a loss, in order."""
        shared = [set(self.losses.get(replicate, {})) for replicate in replicates]
        return sorted(set.intersection(*shared)) if shared else []


@dataclass
class _Known:
    since: int = 0
    ended: OrderedDict[int, Curve] = field(default_factory=OrderedDict)
    running: list[Curve] = field(default_factory=list)
    read_at: float = float("-inf")


class Curves:
    """The curves of every sweep that prunes. Safe to share between threads.

    One that is a little old harms nothing: the next report looks again.
    """

    def __init__(self, stale_seconds: float = STALE_SECONDS, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._of_sweep: OrderedDict[int, _Known] = OrderedDict()
        self._stale = stale_seconds
        self._monotonic = monotonic
        self._lock = threading.Lock()

    def others(self, session: Session, sweep_id: int) -> list[Curve]:
        """The trials of a sweep that have ended, the newest of them, and those under way."""
        with self._lock:
            known = self._of_sweep.setdefault(sweep_id, _Known())
            self._of_sweep.move_to_end(sweep_id)
            if len(self._of_sweep) > MAX_CACHED:
                self._of_sweep.popitem(last=False)
            now = self._monotonic()
            if now - known.read_at >= self._stale:
                known.read_at = now
                self._read(session, sweep_id, known)
            return [*known.ended.values(), *known.running]

    def of(self, session: Session, trial_ids: Sequence[int]) -> dict[int, Curve]:
        """The curves of trials as they are now, by the trials' ids."""
        return _read(session, list(session.scalars(select(Trial).where(Trial.id.in_(trial_ids)))))

    @staticmethod
    def _read(session: Session, sweep_id: int, known: _Known) -> None:
        in_sweep = Trial.sweep_id == sweep_id
        newest = select(Trial).where(in_sweep, Trial.end_number > known.since).order_by(Trial.end_number.desc())
        ended = list(session.scalars(newest.limit(MOST_COMPARED)))
        for trial_id, curve in reversed(_read(session, ended).items()):
            known.ended[trial_id] = curve
            known.ended.move_to_end(trial_id)
        while len(known.ended) > MOST_COMPARED:
            known.ended.popitem(last=False)
        known.since = max((trial.end_number or 0 for trial in ended), default=known.since)
        running = select(Run.trial_id).where(Run.sweep_id == sweep_id, in_state(Run.state, "running")).distinct()
        under_way = [trial_id for trial_id in session.scalars(running) if trial_id not in known.ended]
        trials = list(session.scalars(select(Trial).where(Trial.id.in_(under_way)).limit(MOST_COMPARED)))
        known.running = list(_read(session, trials).values())


def _read(session: Session, trials: Sequence[Trial]) -> dict[int, Curve]:
    """The curves of trials, in their order."""
    runs = session.scalars(select(Run).where(among(Run.trial_id, [trial.id for trial in trials]))).all()
    losses: dict[int, dict[int, float]] = {run.id: {} for run in runs}
    points = select(ValPoint.run_id, ValPoint.step, ValPoint.value).where(among(ValPoint.run_id, losses))
    for run_id, step, value in session.execute(points):
        losses[run_id][step] = value
    of_trial: dict[int, list[Run]] = {trial.id: [] for trial in trials}
    for run in runs:
        of_trial[run.trial_id].append(run)
    found = {}
    for trial in trials:
        own = of_trial[trial.id]
        found[trial.id] = Curve(
            number=trial.number,
            state=trial.state,
            schedule=schedules.build(trial.schedule),
            losses={run.replicate: losses[run.id] for run in own if losses[run.id]},
            final={run.replicate: run.value for run in own if run.state == "completed" and run.value is not None},
            value=trial.value,
        )
    return found
