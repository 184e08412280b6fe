"""What Optuna's storage holds of sweeps: the studies that people look at, written trial by trial and never read whole.

A study object of Optuna reads all of its trials when it is asked for the next one; the storage underneath does not, so
that a call costs the same whatever the study's size (measured in `docs/decisions/0020`).
"""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import optuna
from optuna.distributions import BaseDistribution
from optuna.exceptions import DuplicatedStudyError, UpdateFinishedTrialError
from optuna.storages import RDBStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import create_engine, inspect, make_url, text
from sqlalchemy.orm import Session

from service.domain.axes import Point
from service.domain.space import SearchSpace
from service.studies import distributions
from service.wire.retries import POSTGRES_OPTIONS

POSTGRES_SCHEMA = "optuna"
# Where trials are found by their number; Optuna itself indexes their study alone.
NUMBERS = "ix_rampline_trials_study_id_number"
MAX_STUDIES = 1_000
MAX_TRIALS = 100_000


@dataclass(frozen=True, kw_only=True)
class Result:
    """What the study learns of a trial: a value, or None if it failed or was cancelled; the losses on the way.

    A pruned one has its last loss as its value. `started_at` and `ended_at` are when it was trained, in UTC.
    """

    value: float | None
    pruned: bool = False
    intermediate: Mapping[int, float] = field(default_factory=dict)
    attributes: Mapping[str, int | float | str] = field(default_factory=dict)
    started_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def state(self) -> TrialState:
        """The state in the study."""
        if self.value is None:
            return TrialState.FAIL
        return TrialState.PRUNED if self.pruned else TrialState.COMPLETE


class _Storage(RDBStorage):
    """Optuna's, without looking up for every parameter whether another trial had it with other values.

    A search space knows its own axes, and the look-up goes through the parameters of all studies: PostgreSQL expects a
    study's rows to lie anywhere among them, and they lie together, mostly at the end.
    """

    def _set_trial_param_without_commit(
        self,
        session: Session,
        trial_id: int,
        param_name: str,
        param_value_internal: float,
        distribution: BaseDistribution,
        previous_distribution: BaseDistribution | None = None,
    ) -> None:
        previous = previous_distribution or distribution
        super()._set_trial_param_without_commit(
            session, trial_id, param_name, param_value_internal, distribution, previous
        )


class Records:
    """The studies and their trials, by the studies' names and the trials' numbers. Safe to share between threads."""

    def __init__(self, url: str) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        _make_schema(url)
        parsed = make_url(url)
        options = {"timeout": 30} if parsed.get_backend_name() == "sqlite" else POSTGRES_OPTIONS
        self.storage: RDBStorage = _Storage(
            _with_driver(url), engine_kwargs={"pool_pre_ping": True, "connect_args": options}
        )
        self._index_numbers()
        self._studies: OrderedDict[str, int] = OrderedDict()
        self._trials: OrderedDict[tuple[int, int], int] = OrderedDict()
        self._lock = threading.Lock()

    def ensure(self, name: str, space: SearchSpace) -> None:
        """Make sure that a study is there."""
        if name in self._studies:
            return
        try:
            study = self.storage.create_new_study([StudyDirection.MINIMIZE], name)
        except DuplicatedStudyError:
            study = self.storage.get_study_id_from_name(name)
        else:
            self.storage.set_study_user_attr(study, "metric", space.spec.objective.metric)
        with self._lock:
            self._studies[name] = study
            if len(self._studies) > MAX_STUDIES:
                self._studies.popitem(last=False)

    def find(self, name: str, number: int) -> FrozenTrial | None:
        """The trial of a number; None if there is none."""
        trial = self._id(name, number)
        return self.storage.get_trial(trial) if trial is not None else None

    def begin(self, name: str, number: int, space: SearchSpace, point: Point) -> None:
        """Add a trial that is to be trained; `number` must be the next one of the study."""
        self._create(name, number, _trial(TrialState.RUNNING, space, point))

    def add(self, name: str, number: int, space: SearchSpace, point: Point, result: Result) -> None:
        """Add a trial that has ended; `number` must be the next one of the study."""
        self._create(name, number, _trial(result.state, space, point, result))

    def skip(self, name: str, number: int) -> None:
        """Add a trial of which nothing is known; `number` must be the next one of the study."""
        self._create(name, number, _trial(TrialState.FAIL, None, {}))

    def end(self, name: str, number: int, result: Result) -> None:
        """Tell the result of a trial that was begun; a second time changes nothing.

        Raises:
            KeyError: the study has no such trial.
        """
        trial = self._id(name, number)
        if trial is None:
            raise KeyError(f"study {name} has no trial {number}")
        try:
            for step, value in sorted(result.intermediate.items()):
                self.storage.set_trial_intermediate_value(trial, step, value)
            for key, attribute in result.attributes.items():
                self.storage.set_trial_user_attr(trial, key, attribute)
            values = None if result.value is None else [result.value]
            self.storage.set_trial_state_values(trial, result.state, values)
        except UpdateFinishedTrialError:
            return
        with self._lock:
            self._trials.pop((self._study(name), number), None)

    def size(self, name: str) -> int:
        """How many trials a study has."""
        return self.storage.get_n_trials(self._study(name))

    def open(self, name: str) -> list[int]:
        """The numbers of a study's trials that have not ended; none if there is no such study."""
        try:
            study = self._study(name)
        except KeyError:
            return []
        running = self.storage.get_all_trials(study, deepcopy=False, states=(TrialState.RUNNING,))
        return [trial.number for trial in running]

    def close(self) -> None:
        """Close the connections."""
        self.storage.engine.dispose()

    def _study(self, name: str) -> int:
        known = self._studies.get(name)
        return known if known is not None else self.storage.get_study_id_from_name(name)

    def _id(self, name: str, number: int) -> int | None:
        study = self._study(name)
        known = self._trials.get((study, number))
        if known is not None:
            return known
        try:
            return self.storage.get_trial_id_from_study_id_trial_number(study, number)
        except KeyError:
            return None

    def _create(self, name: str, number: int, trial: FrozenTrial) -> None:
        study = self._study(name)
        made = self.storage.create_new_trial(study, trial)
        found = self.storage.get_trial_id_from_study_id_trial_number(study, number)
        assert found == made, f"study {name} has trials that this service did not ask for"
        if trial.state == TrialState.RUNNING:
            with self._lock:
                self._trials[study, number] = made
                if len(self._trials) > MAX_TRIALS:
                    self._trials.popitem(last=False)

    def _index_numbers(self) -> None:
        engine = self.storage.engine
        if NUMBERS in {index["name"] for index in inspect(engine).get_indexes("trials")}:
            return
        with engine.begin() as connection:
            connection.execute(text(f"CREATE INDEX IF NOT EXISTS {NUMBERS} ON trials (study_id, number)"))


def _trial(state: TrialState, space: SearchSpace | None, point: Point, result: Result | None = None) -> FrozenTrial:
    trial = optuna.create_trial(
        state=state,
        value=result.value if result else None,
        params=dict(point),
        distributions=distributions.of_point(space, point) if space else {},
        intermediate_values=dict(result.intermediate) if result else {},
        user_attrs=dict(result.attributes) if result else {},
    )
    if result is not None and result.started_at is not None and result.ended_at is not None:
        trial.datetime_start, trial.datetime_complete = result.started_at, result.ended_at
    return trial


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
