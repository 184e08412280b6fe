"""The Optuna studies: one for each sweep. The only module that imports Optuna.

The study is what users see; our rows are what the queue needs. Optuna cannot share our transaction, so every call here
can be repeated: what was told stays told, and a trial that was asked for and then forgotten is found again by its
number. Callers hold the sweep's lock, so that numbers are given out one by one.
"""

import itertools
import threading
import warnings
from collections import OrderedDict
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import cast

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.exceptions import ExperimentalWarning, UpdateFinishedTrialError
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.storages import RDBStorage
from optuna.trial import TrialState
from sqlalchemy import create_engine, make_url, text

from service.domain.space import SCHEDULE, Axis, Point, Scalar, SearchSpace
from service.domain.tried import identity, untried
from service.wire.retries import POSTGRES_OPTIONS

POSTGRES_SCHEMA = "optuna"
# A cached study holds its trials in memory; the least recently used one is read again when it is needed.
MAX_CACHED = 64
# So often in a row a sampler may propose what was tried, before a point is drawn in its place.
MOST_REPEATED = 5


@dataclass(frozen=True, kw_only=True)
class Result:
    """What the study learns of a trial: a value, or None if it failed or was cancelled; the losses on the way."""

    value: float | None
    intermediate: Mapping[int, float] = field(default_factory=dict)
    attributes: Mapping[str, int | float | str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Either:
    """What is in one of two sets."""

    one: Container[bytes]
    other: Container[bytes]

    def __contains__(self, item: object) -> bool:
        return item in self.one or item in self.other


class Studies:
    """Optuna's storage. Safe to share between threads, as long as callers lock each sweep."""

    def __init__(self, url: str) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        _make_schema(url)
        parsed = make_url(url)
        options = {"timeout": 30} if parsed.get_backend_name() == "sqlite" else POSTGRES_OPTIONS
        self._storage = RDBStorage(_with_driver(url), engine_kwargs={"pool_pre_ping": True, "connect_args": options})
        self._studies: OrderedDict[str, optuna.Study] = OrderedDict()
        self._lock = threading.Lock()

    def propose(
        self, name: str, space: SearchSpace, *, known: int, count: int, tried: Container[bytes] = frozenset()
    ) -> list[tuple[int, Point]]:
        """Ask for `count` trials of configurations not in `tried`, from number `known` on; fewer if none is left.

        A trial of such a number that is there already was asked for by a process that died before it could write the
        row: it is taken up, not asked for again. A proposal that was tried is told as failed, and another asked for;
        after some of them in a row the next is drawn from what was not tried (see `docs/decisions/0011`).
        """
        study = self._study(name, space)
        proposals: list[tuple[int, Point]] = []
        new: set[bytes] = set()
        repeated = 0
        for number in itertools.count(known):
            if len(proposals) == count:
                break
            study.sampler = _sampler(study, space, number)
            trial = self._trial(study, name, number)
            if trial is None:
                continue
            assert trial.number == number, f"study {name} has trials that this service did not ask for"
            point = _suggest(trial, space)
            configuration = space.configuration(point)
            found = identity(configuration.schedule, configuration.optimizer)
            if found not in tried and found not in new:
                proposals.append((number, point))
                new.add(found)
                repeated = 0
                continue
            self.tell(name, number, Result(value=None, attributes={"outcome": "repeated"}))
            repeated += 1
            if repeated >= MOST_REPEATED:
                point_left = untried(space, _Either(tried, new), _seed(space, number))
                if point_left is None:
                    break
                study.enqueue_trial(point_left)
        return proposals

    def _trial(self, study: optuna.Study, name: str, number: int) -> optuna.Trial | None:
        """The trial of this number, the next one if there is none yet; None if it has ended, as a repetition does."""
        trial_id = self._trial_id(name, number)
        state = self._storage.get_trial(trial_id).state if trial_id is not None else None
        if trial_id is None or state == TrialState.WAITING:
            return study.ask()
        return None if state is not None and state.is_finished() else optuna.trial.Trial(study, trial_id)

    def tell(self, name: str, number: int, result: Result) -> None:
        """Tell the result of a trial that was asked for; a second time changes nothing."""
        trial_id = self._storage.get_trial_id_from_study_id_trial_number(self._study_id(name), number)
        try:
            for step, value in sorted(result.intermediate.items()):
                self._storage.set_trial_intermediate_value(trial_id, step, value)
            for key, attribute in result.attributes.items():
                self._storage.set_trial_user_attr(trial_id, key, attribute)
        except UpdateFinishedTrialError:
            return
        state = TrialState.COMPLETE if result.value is not None else TrialState.FAIL
        self._study(name).tell(number, result.value, state=state, skip_if_finished=True)

    def add(self, name: str, number: int, space: SearchSpace, point: Point, result: Result) -> None:
        """Add a finished trial that nobody asked for, a grid's; a second time changes nothing."""
        if self._trial_id(name, number) is not None:
            return
        axes = space.axes_of(space.entries[str(point[SCHEDULE])])
        distributions: dict[str, BaseDistribution] = {SCHEDULE: CategoricalDistribution(tuple(space.entries))}
        distributions |= {axis.name: _distribution(axis) for axis in axes}
        self._study(name, space).add_trial(
            optuna.create_trial(
                state=TrialState.COMPLETE if result.value is not None else TrialState.FAIL,
                value=result.value,
                params=dict(point),
                distributions=distributions,
                intermediate_values=dict(result.intermediate),
                user_attrs=dict(result.attributes),
            )
        )

    def tell_or_add(self, name: str, number: int, space: SearchSpace, point: Point, result: Result) -> None:
        """Tell a trial's result, or add it whole if the study has no trial of this number; twice changes nothing."""
        try:
            self.tell(name, number, result)
        except KeyError:
            self.add(name, number, space, point, result)

    def size(self, name: str, space: SearchSpace) -> int:
        """How many trials a study has; their numbers are those below."""
        self._study(name, space)
        return self._storage.get_n_trials(self._study_id(name))

    def retire(self, name: str, successor: str) -> None:
        """End what is left open in a study that another continues, if there is such a study."""
        try:
            study_id = self._study_id(name)
        except KeyError:
            return
        for trial in self._storage.get_all_trials(study_id, deepcopy=False, states=(TrialState.RUNNING,)):
            self.tell(name, trial.number, Result(value=None, attributes={"outcome": f"goes on in {successor}"}))

    def recall(self, name: str, space: SearchSpace, points: Mapping[int, Point]) -> None:
        """Make a study from trials by their numbers, beyond those that it has; results are told after.

        A second time changes nothing.
        """
        study = self._study(name, space)
        for number in range(self.size(name, space), max(points, default=-1) + 1):
            point = points.get(number)
            if point is None:  # asked for and never queued
                study.add_trial(optuna.create_trial(state=TrialState.FAIL))
                continue
            axes = space.axes_of(space.entries[str(point[SCHEDULE])])
            distributions: dict[str, BaseDistribution] = {SCHEDULE: CategoricalDistribution(tuple(space.entries))}
            distributions |= {axis.name: _distribution(axis) for axis in axes}
            study.add_trial(
                optuna.create_trial(state=TrialState.RUNNING, params=dict(point), distributions=distributions)
            )

    def ensure(self, name: str, space: SearchSpace) -> None:
        """Make sure that the study is there, so that a dashboard shows it from the beginning."""
        self._study(name, space)

    def close(self) -> None:
        """Close the connections."""
        self._storage.engine.dispose()

    def _study(self, name: str, space: SearchSpace | None = None) -> optuna.Study:
        with self._lock:
            if name in self._studies:
                self._studies.move_to_end(name)
                return self._studies[name]
        study = optuna.create_study(
            storage=self._storage, study_name=name, direction="minimize", load_if_exists=True, sampler=RandomSampler()
        )
        if space is not None:
            study.set_user_attr("metric", space.spec.objective.metric)
        with self._lock:
            self._studies[name] = study
            if len(self._studies) > MAX_CACHED:
                self._studies.popitem(last=False)
        return study

    def _study_id(self, name: str) -> int:
        return self._storage.get_study_id_from_name(name)

    def _trial_id(self, name: str, number: int) -> int | None:
        try:
            return self._storage.get_trial_id_from_study_id_trial_number(self._study_id(name), number)
        except KeyError:
            return None


def _sampler(study: optuna.Study, space: SearchSpace, number: int) -> BaseSampler:
    """The sampler for one trial. Its seed follows from the trial's number: a restart repeats no configuration."""
    sampler = space.spec.sampler
    seed = _seed(space, number)
    if sampler.type == "random":
        return RandomSampler(seed=seed)
    if isinstance(study.sampler, TPESampler):
        return study.sampler
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        # group: families have axes of their own, so the space is conditional.
        return TPESampler(seed=seed, multivariate=True, group=True, constant_liar=True)


def _seed(space: SearchSpace, number: int) -> int:
    return int.from_bytes(sha256(f"{space.spec.sampler.seed} {number}".encode()).digest()[:4])


def _suggest(trial: optuna.Trial, space: SearchSpace) -> Point:
    """Sample a point, one axis after another, only those that its schedule uses."""
    point: Point = {SCHEDULE: trial.suggest_categorical(SCHEDULE, tuple(space.entries))}
    for axis in space.axes_of(space.entries[str(point[SCHEDULE])]):
        if axis.values is not None:
            point[axis.name] = cast("Scalar", trial.suggest_categorical(axis.name, axis.values))
        elif axis.integer:
            point[axis.name] = trial.suggest_int(axis.name, int(axis.low), int(axis.high), log=axis.log)
        else:
            point[axis.name] = trial.suggest_float(axis.name, axis.low, axis.high, log=axis.log)
    return point


def _distribution(axis: Axis) -> BaseDistribution:
    if axis.values is not None:
        return CategoricalDistribution(axis.values)
    if axis.integer:
        return IntDistribution(int(axis.low), int(axis.high), log=axis.log)
    return FloatDistribution(axis.low, axis.high, log=axis.log)


def _with_driver(url: str) -> str:
    parsed = make_url(url)
    if parsed.drivername in ("postgresql", "postgres"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    return parsed.render_as_string(hide_password=False)


def _make_schema(url: str) -> None:
    """Make the schema of Optuna's own, if the address names it."""
    parsed = make_url(_with_driver(url))
    if parsed.get_backend_name() != "postgresql" or POSTGRES_SCHEMA not in str(parsed.query.get("options", "")):
        return
    engine = create_engine(parsed)
    with engine.begin() as connection:
        connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {POSTGRES_SCHEMA}"))
    engine.dispose()
