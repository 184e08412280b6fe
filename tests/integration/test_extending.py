"""More of a sweep: trials, lengths, a wider space, on the way and after the end; repeating it changes nothing."""

from typing import Any

import optuna
import pytest
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import Connection

from service.errors import ConflictError, InvalidError
from service.sampling import Sampling
from service.studies import Studies, writing
from tests.integration.conftest import Database, Study
from tests.integration.harness import GRID, RANDOM, SPACE, TPE
from tests.integration.living import Living

# What is decided before anything is stored is asked on one database.
on_one_database = pytest.mark.parametrize("backend", ["sqlite"])


def complete(study: optuna.Study) -> dict[int, float | None]:
    """The values of a study's complete trials, by the numbers that they have here."""
    return {one.user_attrs["trial"]: one.value for one in study.trials if one.state == TrialState.COMPLETE}


@pytest.mark.parametrize("ended", [True, False])
def test_more_trials_come_from_the_same_study(living: Living, study_of: Study, ended: bool) -> None:
    sweep = living.submit(TPE, trials=6)
    worker = living.worker()
    if ended:
        living.train(worker)
        assert living.sweep(sweep).state == "completed"
    else:
        living.finish(worker, living.claim(worker, 2))
    for _ in range(2):
        assert living.extend(sweep, trials=9).state == "running"
        assert living.sweep(sweep).trials_total == 9
    assert living.sweep(sweep).updates_total == 9 * 20
    living.train(worker)
    living.sampling.tell(sweep)
    assert living.sweep(sweep).state == "completed"
    assert complete(study_of(f"red/tpe #{sweep}")) == {trial.number: trial.value for trial in living.trials(sweep)}
    assert len(living.trials(sweep)) == len(study_of(f"red/tpe #{sweep}").trials) == 9


def test_a_grid_gets_the_points_that_it_lacks_and_keeps_its_trials(living: Living, study_of: Study) -> None:
    sweep = living.submit()
    worker = living.worker()
    living.train(worker)
    living.sampling.tell(sweep)
    before = [(trial.number, trial.params, trial.value) for trial in living.trials(sweep)]
    wider = {"schedule": ["rex", "linear"], "peak_lr": [0.02, 0.01], "warmup_steps": 4}
    for _ in range(2):
        assert living.extend(sweep, space=wider).state == "running"
    trials = living.trials(sweep)
    assert [(trial.number, trial.params, trial.value) for trial in trials[:8]] == before
    assert len(trials) == living.sweep(sweep).trials_total == 3 * 2 * 3
    points = {tuple(sorted(trial.params.items())) for trial in trials}
    assert len(points) == 18
    assert living.train(worker) == 10
    living.sampling.tell(sweep)
    told = study_of(f"red/grid #{sweep} (space 2)")
    assert complete(told) == {trial.number: trial.value for trial in living.trials(sweep)}
    assert {tuple(sorted(trial.params.items())) for trial in told.trials} == points
    assert living.extend(sweep, space=wider).state == "completed"


@pytest.mark.parametrize("spec", [GRID, TPE | {"trials": 4}], ids=["grid", "tpe"])
def test_every_configuration_is_trained_at_a_further_length(
    living: Living, study_of: Study, spec: dict[str, Any]
) -> None:
    sweep = living.submit(spec)
    worker = living.worker()
    count = living.train(worker)
    for _ in range(2):
        living.extend(sweep, total_steps=[20, 40])
    assert living.train(worker) == count
    trials = living.trials(sweep)
    assert len(trials) == living.sweep(sweep).trials_total == 2 * count
    assert living.sweep(sweep).updates_total == count * 20 + count * 40

    def at(length: int) -> list[str]:
        own = [trial.schedule for trial in trials if trial.schedule["total_steps"] == length]
        return sorted(str(sorted((one | {"total_steps": 0}).items())) for one in own)

    assert at(20) == at(40)
    living.sampling.tell(sweep)
    told = study_of(f"red/{spec['name']} #{sweep} (space 2)")
    assert complete(told) == {trial.number: trial.value for trial in trials}
    assert {trial.params["total_steps"] for trial in told.trials} == {20, 40}
    assert living.sweep(sweep).state == "completed"


def test_a_sampler_proposes_from_the_whole_of_a_wider_space(living: Living, study_of: Study) -> None:
    space = SPACE | {"schedule": ["linear"], "peak_lr": {"low": 0.01, "high": 0.011, "log": True}}
    sweep = living.submit(TPE, space=space | {"factor": None}, trials=6)
    worker = living.worker()
    living.finish(worker, living.claim(worker, 5))
    running = living.claim(worker, 1)
    wider = {"schedule": ["cosine"], "peak_lr": {"low": 1e-4, "high": 1.0, "log": True}}
    for _ in range(2):
        living.extend(sweep, trials=22, space=wider)
    living.finish(worker, running)
    living.train(worker)
    living.sampling.tell(sweep)
    trials = living.trials(sweep)
    assert len(trials) == 22
    later = [trial.schedule for trial in trials[6:]]
    assert {one["type"] for one in later} == {"linear", "cosine"}
    assert len([one for one in later if not 0.01 <= one["peak_lr"] <= 0.011]) > 8
    told = study_of(f"red/tpe #{sweep} (space 2)")
    assert complete(told) == {trial.number: trial.value for trial in trials}
    assert [trial.number for trial in told.trials] == [trial.optuna_number for trial in trials]
    left = study_of(f"red/tpe #{sweep}").trials
    assert len(left) == 6
    assert not [trial for trial in left if not trial.state.is_finished()]
    assert left[5].user_attrs["outcome"] == f"goes on in red/tpe #{sweep} (space 2)"


def test_a_study_that_a_crash_left_half_filled_is_filled_by_the_next_process(
    living: Living, study_of: Study, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = living.submit(TPE, trials=6)
    worker = living.worker()
    living.train(worker)
    living.sampling.tell(sweep)
    living.extend(sweep, trials=8, space={"schedule": ["rex"]})
    add = writing.add

    def crash(connection: Connection, study: int, first: int, trials: list[FrozenTrial]) -> None:
        if first == 4:
            raise KeyboardInterrupt
        add(connection, study, first, trials)

    monkeypatch.setattr(writing, "add", crash)
    monkeypatch.setattr("service.studies.studies._AT_ONCE", 2)
    with pytest.raises(KeyboardInterrupt):
        living.sampling.tell(sweep)
    monkeypatch.undo()
    studies = Studies(database.optuna_url)
    living.sampling = Sampling(living.store, studies)
    living.train(worker)
    living.sampling.tell(sweep)
    studies.close()
    told = study_of(f"red/tpe #{sweep} (space 2)")
    assert complete(told) == {trial.number: trial.value for trial in living.trials(sweep)}
    assert len(told.trials) == 8


def test_the_trials_of_a_paused_sweeps_extension_wait_with_it(living: Living) -> None:
    sweep = living.submit()
    living.pause(sweep)
    assert living.extend(sweep, total_steps=40).state == "paused"
    assert living.states(sweep) == ["paused"] * 16
    living.resume(sweep)
    assert living.train(living.worker()) == 16


def test_a_grid_that_was_cut_short_goes_on_where_it_was_cut(living: Living) -> None:
    sweep = living.submit(trials=3)
    living.train(living.worker())
    living.extend(sweep, trials=5)
    assert [trial.params for trial in living.trials(sweep)] == [
        trial.params for trial in living.trials(living.submit(trials=5))
    ]


@on_one_database
@pytest.mark.parametrize(
    ("spec", "wish", "field", "problem"),
    [
        (GRID, {"trials": 9}, "trials", "a grid has all of its points"),
        (RANDOM, {"trials": 11}, "trials", "11 is fewer than the 12 that it has"),
        (RANDOM, {"space": {"warmup_steps": {"low": 3, "high": 20}}}, "space.warmup_steps", "lose some of 2 to 10"),
        (RANDOM, {"space": {"warmup_steps": [1, 200]}}, "space.warmup_steps", "of which a list takes nearly all away"),
        (RANDOM, {"space": {"peak_lr": {"low": 1e-5, "high": 1}}}, "space.peak_lr", "drawn on another scale"),
        (
            RANDOM,
            {"space": {"optimizer.weight_decay": [0.1]}},
            "space.optimizer.weight_decay",
            "trials so far have none",
        ),
        (GRID, {"space": {"peak_lr": {"low": 1e-5, "high": 1}}}, "space.peak_lr", "a grid needs listed values"),
        (GRID, {"space": {"schedule": ["cosinus"]}}, "space.schedule.2", "is not a schedule"),
        (GRID, {"space": {"peak_lr": [0.01]}, "total_steps": 20}, None, None),
    ],
    ids=str,
)
def test_what_would_take_something_away_is_refused_and_changes_nothing(
    living: Living, spec: dict[str, Any], wish: dict[str, Any], field: str | None, problem: str | None
) -> None:
    sweep = living.submit(spec)
    before = living.sweep(sweep)
    if field is None:
        living.extend(sweep, **wish)
    else:
        with pytest.raises(InvalidError) as refused:
            living.extend(sweep, **wish)
        assert [one.field for one in refused.value.fields] == [field]
        assert str(problem) in refused.value.fields[0].problem
    after = living.sweep(sweep)
    assert (after.spec, after.trials_total, after.study) == (before.spec, before.trials_total, 0)


@on_one_database
def test_a_wider_space_without_more_trials_is_refused_where_it_would_train_nothing(living: Living) -> None:
    sweep = living.submit(TPE, trials=3)
    living.extend(sweep, space={"schedule": ["rex"]})
    living.train(living.worker())
    with pytest.raises(InvalidError, match="all of its 3 trials, so this would train nothing"):
        living.extend(sweep, space={"schedule": ["cosine"]})
    with pytest.raises(InvalidError, match="3 trials so far and 3 at further lengths are 6; give 6 or more"):
        living.extend(sweep, trials=4, total_steps=40)
    living.cancel(other := living.submit())
    with pytest.raises(ConflictError, match="cancelled, which is final"):
        living.extend(other, total_steps=40)
    assert living.extend(sweep, trials=6, total_steps=40).trials_total == 6


def test_a_sweep_whose_space_was_exhausted_goes_on_in_a_wider_one(living: Living) -> None:
    few = {"schedule": ["linear"], "warmup_steps": [2, 4], "peak_lr": [0.01, 0.02]}
    sweep = living.submit(RANDOM, space=few, trials=10)
    worker = living.worker()
    assert living.train(worker) == living.sweep(sweep).trials_total == 4
    living.extend(sweep, space={"peak_lr": [0.03, 0.04, 0.05]})
    assert living.train(worker) == 6
    assert living.sweep(sweep).state == "completed"
