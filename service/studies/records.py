"""What Optuna's storage holds of sweeps: the studies that people look at, written here and never read whole.

A study object of Optuna reads all of its trials when it is asked for the next one; the storage underneath does not, so
that a call costs the same whatever the study's size (measured in `docs/decisions/0020`).
"""

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import optuna
from optuna.exceptions import DuplicatedStudyError
from optuna.storages import RDBStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import create_engine, inspect, make_url, text

from service.domain.axes import Point
from service.domain.space import SearchSpace
from service.studies import distributions, writing
from service.wire.retries import POSTGRES_OPTIONS

POSTGRES_SCHEMA = "optuna"
# Where trials are found by their number; Optuna itself indexes their study alone.
NUMBERS = "ix_rampline_trials_study_id_number"
MAX_STUDIES = 1_000
_RUNNING = TrialState.RUNNING


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


class Records:
    """The studies and their trials, by the studies' names and the trials' numbers. Safe to share between threads."""

    def __init__(self, url: str) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        _make_schema(url)
        parsed = make_url(url)
        options = {"timeout": 30} if parsed.get_backend_name() == "sqlite" else POSTGRES_OPTIONS
        self.storage = RDBStorage(_with_driver(url), engine_kwargs={"pool_pre_ping": True, "connect_args": options})
        self._index_numbers()
        self._studies: OrderedDict[str, int] = OrderedDict()
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
        try:
            trial = self.storage.get_trial_id_from_study_id_trial_number(self._study(name), number)
        except KeyError:
            return None
        return self.storage.get_trial(trial)

    def begin(self, name: str, first: int, space: SearchSpace, points: Sequence[Point | None]) -> None:
        """Add trials that are to be trained; `first` must be the next number. Of None nothing is known: it has failed.

        All are added, or none is.
        """
        trials = [_trial(TrialState.FAIL, None, {}) if it is None else _trial(_RUNNING, space, it) for it in points]
        self._add(name, first, trials)

    def add(self, name: str, first: int, space: SearchSpace, ended: Sequence[tuple[Point, Result]]) -> None:
        """Add trials that have ended; `first` must be the next number of the study. All are added, or none is."""
        self._add(name, first, [_trial(result.state, space, point, result) for point, result in ended])

    def end(self, name: str, results: Mapping[int, Result]) -> set[int]:
        """Tell the results of trials that were begun, by their numbers; a second time changes nothing.

        Returns the numbers that the study has; of others nothing is written.
        """
        ended = {number: _trial(result.state, None, {}, result) for number, result in results.items()}
        with self.storage.engine.begin() as connection:
            return writing.end(connection, self._study(name), ended)

    def size(self, name: str) -> int:
        """How many trials a study has."""
        with self.storage.engine.connect() as connection:
            return writing.number_of_next(connection, self._study(name))

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

    def _add(self, name: str, first: int, trials: Sequence[FrozenTrial]) -> None:
        if trials:
            with self.storage.engine.begin() as connection:
                writing.add(connection, self._study(name), first, trials)

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
