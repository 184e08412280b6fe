"""Between our rows and the studies: trials are asked for when workers need them, and each result is told once.

A step here is several transactions, ours and Optuna's, in an order that a crash may cut anywhere: our row is committed
first and the study told after, or the study asked first and what it remembers taken up again.
"""

import logging
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from statistics import fmean

from sqlalchemy import and_, func, not_, or_, select, update
from sqlalchemy.orm import Session

from service.domain import (
    attempts,
    descriptions,
    fairness,
    placement,
    quarantine,
    queue,
    shares,
    sweeps,
    warm_start,
)
from service.domain.axes import Point
from service.domain.fairness import USUAL, Policy
from service.domain.past import Past, Pasts
from service.domain.placement import Fit
from service.domain.space import SearchSpace
from service.domain.tried import Tried
from service.patience import Patience
from service.store import clock
from service.store.among import among
from service.store.engine import Store
from service.store.tables import ENDED_SWEEP_STATES, QUEUE_ORDER, Run, Sweep, Team, Trial, ValPoint, in_state
from service.studies import Result, Studies
from service.wire.protocol import Claim

log = logging.getLogger(__name__)

# The study shows how losses fell; a few points of each trial do, and every one costs a statement.
MAX_INTERMEDIATE = 50
_BATCH = 100
_LEARNING = ("tpe", "gp", "cmaes")


class Sampling:
    """Asks for trials and tells their results."""

    def __init__(self, store: Store, studies: Studies, policy: Policy = USUAL) -> None:
        self._store = store
        self._policy = policy
        self._studies = studies
        self._tried = Tried()
        self._pasts = Pasts()
        self._patience = Patience()
        self._begun: set[tuple[int, int]] = set()

    @contextmanager
    def still(self, sweep_id: int) -> Iterator[None]:
        """Hold a sweep's study still, every result told: meanwhile nobody asks it or tells it anything."""
        with self._store.exclusive(f"sweep {sweep_id}"):
            self._tell(sweep_id)
            yield

    def top_up(self, request: Claim) -> None:
        """Ask for as many trials as a claim lacks, from the sweeps whose turn it is."""
        with self._store.read() as session:
            wanted = _wanted(session, request, self._policy)
        for sweep_id, count in wanted:
            self.ask(sweep_id, count)

    def ask(self, sweep_id: int, count: int) -> None:
        """Ask a sweep's sampler for up to `count` trials and queue them, after telling it what it may learn from."""
        with self._store.exclusive(f"sweep {sweep_id}"):
            self._tell(sweep_id)
            with self._store.read() as session:
                sweep = session.get_one(Sweep, sweep_id)
                count = min(count, sweep.trials_total - sweep.trials_made)
                if count <= 0 or sweep.state not in ("queued", "running"):
                    return
                name, space, known = _study_name(session, sweep), _space(sweep), _next_number(session, sweep)
                tried = self._tried.of(session, sweep)
                past = Past()
                if space.spec.sampler.type in _LEARNING:
                    past = self._pasts.of(session, sweep, space)
            self._begin(sweep, name, space)
            proposals = self._studies.propose(name, space, known=known, count=count, tried=tried, past=past)
            with self._store.write() as session:
                query = select(Sweep).where(Sweep.id == sweep_id).with_for_update(key_share=True)
                sweep = session.scalars(query).one()
                still_open = sweep.state not in ENDED_SWEEP_STATES
                if still_open:
                    configurations = [space.configuration(point) for _, point in proposals]
                    sweeps.add_trials(session, sweep, configurations, [number for number, _ in proposals])
                    if len(proposals) < count:
                        sweeps.exhaust(session, sweep)
            if not still_open:  # cancelled meanwhile: nobody will train these
                cancelled = Result(value=None, attributes={"outcome": "cancelled"})
                self._studies.tell(name, {number: cancelled for number, _ in proposals})

    def tell(self, sweep_id: int) -> int:
        """Tell the study every result that it has not been told; returns how many."""
        with self._store.exclusive(f"sweep {sweep_id}"):
            return self._tell(sweep_id)

    def tell_all(self) -> None:
        """Tell every study every result that it has not been told."""
        self._patience.each(self.untold(), self.tell)

    def untold(self) -> list[int]:
        """The sweeps that have results to tell."""
        with self._store.read() as session:
            return list(session.scalars(select(Trial.sweep_id).where(Trial.to_tell).distinct()))

    def _tell(self, sweep_id: int) -> int:
        told = 0
        while batch := self._number(sweep_id):
            with self._store.read() as session:
                sweep = session.get_one(Sweep, sweep_id)
                name, space, results = _study_name(session, sweep), _space(sweep), _results(session, batch)
            self._begin(sweep, name, space)
            told_of = {
                int(trial.optuna_number or 0): (space.completed(trial.params), results[trial.id]) for trial in batch
            }
            self._studies.tell_or_add(name, space, told_of)
            with self._store.write() as session:
                session.execute(update(Trial).where(Trial.id.in_([trial.id for trial in batch])).values(to_tell=False))
            told += len(batch)
            if len(batch) < _BATCH:
                break
        return told

    def begin(self, sweep_id: int) -> None:
        """Make sure that a sweep's study has what it begins with, however little of that is there."""
        with self._store.exclusive(f"sweep {sweep_id}"):
            with self._store.read() as session:
                sweep = session.get_one(Sweep, sweep_id)
                name = _study_name(session, sweep)
            self._recall(sweep, name, _space(sweep))

    def _begin(self, sweep: Sweep, name: str, space: SearchSpace) -> None:
        if (sweep.warm or sweep.study) and (sweep.id, sweep.study) not in self._begun:
            self._recall(sweep, name, space)
            self._begun.add((sweep.id, sweep.study))

    def _recall(self, sweep: Sweep, name: str, space: SearchSpace) -> None:
        """Give a study the trials that the sweep inherits, then those that an earlier study of the sweep had."""
        with self._store.read() as session:
            inherited = _inherited(session, sweep, space)
            numbered = (Trial.sweep_id == sweep.id, Trial.optuna_number.is_not(None))
            rows = session.execute(select(Trial.optuna_number, Trial.params).where(*numbered)).all()
            earlier = descriptions.study_names(session.get_one(Team, sweep.team_id).name, sweep)[:-1]
        self._studies.tell_or_add(name, space, dict(enumerate(inherited)))
        self._studies.recall(name, space, {int(number or 0): space.completed(params) for number, params in rows})
        for old in earlier:
            self._studies.retire(old, successor=name)

    def _number(self, sweep_id: int) -> list[Trial]:
        """The next results to tell.

        Trials that nobody asked for (a grid's, and those that are tried again) get their number in the study here,
        before the study has them.
        """
        query = select(Trial).where(Trial.sweep_id == sweep_id, Trial.to_tell).limit(_BATCH)
        with self._store.read() as session:
            batch = list(
                session.scalars(query.order_by(Trial.optuna_number.is_(None), Trial.optuna_number, Trial.number))
            )
            if all(trial.optuna_number is not None for trial in batch):
                return batch
            sweep = session.get_one(Sweep, sweep_id)
            name = _study_name(session, sweep)
        in_study = self._studies.size(name, _space(sweep))  # it may know more numbers than our rows
        with self._store.write() as session:
            number = max(_next_number(session, sweep), in_study)
            new = [trial for trial in batch if trial.optuna_number is None]
            for trial in new:
                trial.optuna_number, number = number, number + 1
            session.execute(update(Trial), [{"id": one.id, "optuna_number": one.optuna_number} for one in new])
        return batch


def _wanted(session: Session, request: Claim, policy: Policy) -> list[tuple[int, int]]:
    """How many trials to ask of which sweeps so that a claim is served in the order of the queue."""
    now = clock.now(session)
    waiting = partial(shares.standings, session, now, policy, most=request.lanes, asking=True)
    fit = placement.fit_of(session, request.worker_id, request.shape)
    standings = waiting(fit)
    if fit.shape is None:
        first = next(iter(fairness.allot(standings, 1)), None)
        shape = None if first is None else queue.next_shape(session, first, fit)
        if shape is None:
            return []
        fit = fit.with_shape(shape)
        standings = waiting(fit)
    wanted = []
    for team, lanes in fairness.allot(standings, request.lanes).items():
        wanted += _wanted_of(session, team, fit, lanes)
    return wanted


def _wanted_of(session: Session, team: int, fit: Fit, lanes: int) -> list[tuple[int, int]]:
    """How many trials to ask of which sweeps of one team for so many lanes."""
    asking = select(Sweep).where(Sweep.asking, Sweep.team_id == team, *fit.of(Sweep))
    wanted, promised = [], 0
    for sweep in session.scalars(asking.order_by(Sweep.priority.desc(), Sweep.id).limit(lanes)):
        missing = lanes - promised - _ahead(session, sweep, fit, lanes)
        if missing <= 0:
            break
        replicates = int(sweep.spec["replicates"])
        trials = min(math.ceil(missing / replicates), sweep.trials_total - sweep.trials_made)
        wanted.append((sweep.id, trials))
        promised += trials * replicates
    return wanted


def _ahead(session: Session, sweep: Sweep, fit: Fit, limit: int) -> int:
    """How many claimable runs of its team come before the next trial of a sweep, its own too; at most `limit`."""
    before = or_(Run.priority > sweep.priority, and_(Run.priority == sweep.priority, Run.sweep_id <= sweep.id))
    before = and_(before, Run.team_id == sweep.team_id)
    expired = Run.lease_expires_at < clock.now(session)
    ahead = 0
    for condition in (in_state(Run.state, "queued"), and_(in_state(Run.state, "running"), expired)):
        waiting = select(Run.id).where(condition, before, *fit.of(Run), not_(quarantine.suspected()))
        found = waiting.order_by(*QUEUE_ORDER).limit(limit).subquery()
        ahead += session.scalar(select(func.count()).select_from(found)) or 0
    return ahead


def _study_name(session: Session, sweep: Sweep) -> str:
    return descriptions.study_names(session.get_one(Team, sweep.team_id).name, sweep)[-1]


def _space(sweep: Sweep) -> SearchSpace:
    return SearchSpace(descriptions.spec_of(sweep))


def _next_number(session: Session, sweep: Sweep) -> int:
    """The first number in the study that is no trial's, nor that of an inherited one, which come first."""
    highest = session.scalar(select(func.max(Trial.optuna_number)).where(Trial.sweep_id == sweep.id))
    return len(sweep.warm or []) if highest is None else highest + 1


def _inherited(session: Session, sweep: Sweep, space: SearchSpace) -> list[tuple[Point, Result]]:
    """The trials of an older sweep with which a sweep's study begins, as it shows them."""
    shown = []
    for point, trial in warm_start.inherited(session, sweep, space):
        origin: dict[str, int | float | str] = {"outcome": "inherited", "sweep": trial.sweep_id, "trial": trial.number}
        shown.append((point, Result(value=trial.value, attributes=origin)))
    return shown


def _results(session: Session, trials: Sequence[Trial]) -> dict[int, Result]:
    """What the study learns of each trial; losses on the way are means over the replicates that began."""
    ids = [trial.id for trial in trials]
    runs = session.scalars(select(Run).where(among(Run.trial_id, ids)).order_by(Run.trial_id, Run.replicate)).all()
    trial_of = {run.id: run.trial_id for run in runs}
    losses: dict[int, dict[int, list[float]]] = {trial_id: {} for trial_id in ids}
    began: dict[int, set[int]] = {trial_id: set() for trial_id in ids}
    points = select(ValPoint).where(among(ValPoint.run_id, trial_of)).order_by(ValPoint.run_id, ValPoint.step)
    for point in session.scalars(points):
        losses[trial_of[point.run_id]].setdefault(point.step, []).append(point.value)
        began[trial_of[point.run_id]].add(point.run_id)
    results, told = {}, attempts.told(session, trials, runs)
    for trial in trials:
        replicates = len(began[trial.id])
        curve = {step: fmean(values) for step, values in losses[trial.id].items() if len(values) == replicates}
        attributes: dict[str, int | float | str] = {"trial": trial.number, **told[trial.id]}
        if trial.spread is not None:
            attributes["spread"] = trial.spread
        own = [run for run in runs if run.trial_id == trial.id]
        results[trial.id] = Result(
            value=trial.value,
            pruned=trial.state == "pruned",
            intermediate=_thinned(curve),
            attributes=attributes,
            started_at=min((run.started_at for run in own if run.started_at is not None), default=None),
            ended_at=max((run.ended_at for run in own if run.ended_at is not None), default=None),
        )
    return results


def _thinned(curve: dict[int, float]) -> dict[int, float]:
    steps = sorted(curve)
    if len(steps) <= MAX_INTERMEDIATE:
        return curve
    kept = {steps[round(index * (len(steps) - 1) / (MAX_INTERMEDIATE - 1))] for index in range(MAX_INTERMEDIATE)}
    return {step: curve[step] for step in sorted(kept)}
