"""What is written into Optuna's tables in bulk reads like what Optuna's own calls write."""

import math
from datetime import UTC, datetime
from typing import Any

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.storages import RDBStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from service.studies import writing

DISTRIBUTIONS = {
    "schedule": CategoricalDistribution(("linear", "wsd")),
    "warmup_steps": IntDistribution(1, 100, log=True),
    "peak_lr": FloatDistribution(1e-5, 1e-1, log=True),
}
PARAMS: dict[str, Any] = {"schedule": "wsd", "warmup_steps": 7, "peak_lr": 3e-3}
LOSSES = {0: 5.5, 10: math.nan, 20: math.inf, 30: -math.inf}


def trials() -> list[FrozenTrial]:
    """One of each kind."""
    whole: dict[str, Any] = {"params": PARAMS, "distributions": DISTRIBUTIONS}
    return [
        optuna.create_trial(state=TrialState.RUNNING, **whole),
        optuna.create_trial(value=2.5, intermediate_values=LOSSES, user_attrs={"trial": 3, "outcome": "ok"}, **whole),
        optuna.create_trial(value=math.inf, **whole),
        optuna.create_trial(state=TrialState.PRUNED, value=4.0, intermediate_values={5: 4.0}, **whole),
        optuna.create_trial(state=TrialState.FAIL, user_attrs={"error": "\N{SNOWMAN} \"'"}),
    ]


def shown(storage: RDBStorage, study: int) -> list[dict[str, Any]]:
    """What Optuna reads of a study's trials, but for their ids; a moment is that of a study made at the same time."""
    read = storage.get_all_trials(study)
    return [
        {"number": one.number, "state": one.state, "value": one.value, "params": one.params}
        | {"distributions": one.distributions, "attributes": one.user_attrs, "system": one.system_attrs}
        | {"losses": {step: repr(loss) for step, loss in one.intermediate_values.items()}}
        | {"started": one.datetime_start, "ended": one.datetime_complete}
        for one in read
    ]


def test_added_trials_read_like_those_that_optuna_adds(storage: RDBStorage) -> None:
    ours, theirs = (storage.create_new_study([StudyDirection.MINIMIZE], name) for name in ("ours", "theirs"))
    made = trials()
    for trial in made:
        storage.create_new_trial(theirs, trial)
    with storage.engine.begin() as connection:
        writing.add(connection, ours, 0, made[:2])
        writing.add(connection, ours, 2, made[2:])
        assert writing.number_of_next(connection, ours) == len(made)
    assert shown(storage, ours) == shown(storage, theirs)
    assert len(shown(storage, ours)) == 5


def test_ended_trials_read_like_those_that_optuna_is_told(storage: RDBStorage) -> None:
    ours, theirs = (storage.create_new_study([StudyDirection.MINIMIZE], name) for name in ("ours", "theirs"))
    begun = [optuna.create_trial(state=TrialState.RUNNING, params=PARAMS, distributions=DISTRIBUTIONS)] * 4
    ends = trials()[1:]
    for trial, end in zip(begun, ends, strict=True):
        its = storage.create_new_trial(theirs, trial)
        for step, loss in end.intermediate_values.items():
            storage.set_trial_intermediate_value(its, step, loss)
        for key, value in end.user_attrs.items():
            storage.set_trial_user_attr(its, key, value)
        storage.set_trial_state_values(its, end.state, None if end.value is None else [end.value])
    with storage.engine.begin() as connection:
        writing.add(connection, ours, 0, begun)
    half_told = storage.get_trial_id_from_study_id_trial_number(ours, 0)
    storage.set_trial_intermediate_value(half_told, 10, 1.0)  # by a release that told losses one by one
    for _ in range(2):  # a second time changes nothing
        with storage.engine.begin() as connection:
            assert writing.end(connection, ours, dict(enumerate([*ends, ends[0]]))) == {0, 1, 2, 3}
    unlike = [{key: value for key, value in one.items() if key != "ended"} for one in shown(storage, ours)]
    assert unlike == [{key: value for key, value in one.items() if key != "ended"} for one in shown(storage, theirs)]
    assert [one["ended"] for one in shown(storage, ours)] == [end.datetime_complete for end in ends]


def test_a_trial_is_added_only_as_the_next_one_and_all_or_none_are(storage: RDBStorage) -> None:
    study = storage.create_new_study([StudyDirection.MINIMIZE], "ours")
    with pytest.raises(AssertionError, match="nobody here asked for"), storage.engine.begin() as connection:
        writing.add(connection, study, 1, trials())
    broken = trials()
    broken[3].params = {"unknown": 1}
    with pytest.raises(KeyError), storage.engine.begin() as connection:
        writing.add(connection, study, 0, broken)
    assert storage.get_n_trials(study) == 0


@pytest.mark.parametrize("backend", ["sqlite"])
def test_moments_are_shown_in_the_machines_own_time_as_optuna_writes_them(storage: RDBStorage) -> None:
    study = storage.create_new_study([StudyDirection.MINIMIZE], "ours")
    trial = optuna.create_trial(value=1.0)
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    trial.datetime_start = trial.datetime_complete = moment
    with storage.engine.begin() as connection:
        writing.add(connection, study, 0, [trial])
    (read,) = storage.get_all_trials(study)
    assert read.datetime_start is not None
    assert read.datetime_start.astimezone(UTC) == moment
