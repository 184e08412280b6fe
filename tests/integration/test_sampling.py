"""What Optuna is asked and told: N trials are N results, whatever is cut short."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import optuna
import pytest
from optuna.storages import RDBStorage
from optuna.trial import TrialState

from service.domain import sweeps
from service.domain.space import SearchSpace
from service.sampling import Sampling
from service.store.engine import Store
from service.studies import Studies
from service.wire.protocol import Outcome
from tests.integration.conftest import Database
from tests.integration.harness import GRID, RANDOM, SPACE, TPE, Harness, news


@pytest.fixture
def study_of(storage: RDBStorage) -> Callable[..., optuna.Study]:
    """Loads a sweep's study as anybody would, with Optuna alone."""
    return lambda sweep_id, name: optuna.load_study(study_name=f"red/{name} #{sweep_id}", storage=storage)


@pytest.mark.parametrize("spec", [RANDOM, TPE], ids=["random", "tpe"])
def test_a_sampler_gives_exactly_the_trials_that_were_ordered(
    harness: Harness, study_of: Callable[..., optuna.Study], spec: dict[str, Any]
) -> None:
    sweep = harness.submit(spec, trials=13)
    assert harness.trials(sweep) == []
    assert harness.train(harness.worker(), lanes=4) == 13
    harness.sampling.tell(sweep)
    trials, told = harness.trials(sweep), study_of(sweep, spec["name"]).trials
    assert [trial.number for trial in trials] == [trial.optuna_number for trial in trials] == list(range(13))
    assert [trial.number for trial in told] == list(range(13))
    assert {trial.state for trial in told} == {TrialState.COMPLETE}
    assert [trial.value for trial in told] == [trial.value for trial in trials]
    assert [trial.params for trial in told] == [trial.params for trial in trials]
    assert harness.sweep(sweep).state == "completed"


def test_a_grid_is_told_each_configuration_once(harness: Harness, study_of: Callable[..., optuna.Study]) -> None:
    sweep = harness.submit(GRID, space=GRID["space"] | {"schedule": ["linear", "noam"]})
    assert harness.train(harness.worker()) == 4 + 2
    harness.sampling.tell(sweep)
    told, trials = study_of(sweep, "grid").trials, harness.trials(sweep)
    assert len({tuple(sorted(trial.params.items())) for trial in told}) == len(told) == 6
    assert [trial.value for trial in told] == [trial.value for trial in trials]
    assert [trial.user_attrs["trial"] for trial in told] == list(range(6))
    assert told[0].intermediate_values == {0: 5.5, 10: 2.0, 20: 3.0}


def test_a_trial_has_only_the_dimensions_that_its_schedule_uses(
    harness: Harness, study_of: Callable[..., optuna.Study]
) -> None:
    sweep = harness.submit(RANDOM)
    harness.train(harness.worker())
    for trial in study_of(sweep, "random").trials:
        expected = {"schedule", "warmup_steps", "factor" if trial.params["schedule"] == "noam" else "peak_lr"}
        assert set(trial.params) == expected


def test_telling_twice_changes_nothing(harness: Harness, study_of: Callable[..., optuna.Study]) -> None:
    sweep = harness.submit(RANDOM, trials=3)
    harness.train(harness.worker())
    assert harness.sampling.tell(sweep) + harness.sampling.tell(sweep) == len(study_of(sweep, "random").trials) == 3


def test_a_trial_that_was_asked_for_before_a_crash_is_taken_up(
    harness: Harness, study_of: Callable[..., optuna.Study], monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = harness.submit(TPE, trials=6)
    harness.sampling.ask(sweep, 2)

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sweeps, "add_trials", crash)
    with pytest.raises(KeyboardInterrupt):
        harness.sampling.ask(sweep, 2)
    monkeypatch.undo()
    assert len(study_of(sweep, "tpe").trials) == 4
    asked = [trial.params for trial in study_of(sweep, "tpe").trials]
    assert harness.train(harness.worker()) == 6
    harness.sampling.tell(sweep)
    told = study_of(sweep, "tpe").trials
    assert [trial.params for trial in told[:4]] == asked
    assert [trial.state for trial in told] == [TrialState.COMPLETE] * 6
    assert [trial.params for trial in harness.trials(sweep)] == [trial.params for trial in told]


@pytest.mark.parametrize("batch", [3, 100])
@pytest.mark.parametrize("spec", [GRID, RANDOM], ids=["grid", "random"])
def test_a_result_that_was_told_before_a_crash_is_not_told_again(
    harness: Harness,
    study_of: Callable[..., optuna.Study],
    spec: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    batch: int,
) -> None:
    sweep = harness.submit(spec)
    harness.train(harness.worker(), lanes=100)
    tell_or_add = Studies.tell_or_add

    def crash(studies: Studies, name: str, space: SearchSpace, results: dict[int, Any]) -> None:
        tell_or_add(studies, name, space, results)
        if 5 in results:
            raise KeyboardInterrupt

    monkeypatch.setattr(Studies, "tell_or_add", crash)
    monkeypatch.setattr("service.sampling._BATCH", batch)
    with pytest.raises(KeyboardInterrupt):
        harness.sampling.tell(sweep)
    monkeypatch.undo()
    count = len(harness.trials(sweep))
    written = 3 if batch == 3 else 0  # the batch before the one that crashed
    assert sum(trial.to_tell for trial in harness.trials(sweep)) == count - written
    assert harness.sampling.tell(sweep) == count - written
    told = study_of(sweep, spec["name"]).trials
    assert len(told) == count
    assert [trial.value for trial in told] == [trial.value for trial in harness.trials(sweep)]


def test_a_restarted_service_does_not_repeat_configurations(harness: Harness, database: Database) -> None:
    sweep = harness.submit(RANDOM, trials=12, space=SPACE | {"schedule": ["linear", "wsd"]})
    harness.sampling.ask(sweep, 6)
    studies = Studies(database.optuna_url)
    Sampling(harness.store, studies).ask(sweep, 6)
    studies.close()
    points = [tuple(sorted(trial.params.items())) for trial in harness.trials(sweep)]
    assert len(set(points)) == len(points) == 12


def test_the_same_sweep_with_the_same_seed_tries_the_same_configurations(harness: Harness) -> None:
    one, two, other = (
        harness.submit(RANDOM),
        harness.submit(RANDOM),
        harness.submit(RANDOM, sampler={"type": "random", "seed": 1}),
    )
    for sweep, batches in ((one, (12,)), (two, (5, 7)), (other, (12,))):
        for batch in batches:
            harness.sampling.ask(sweep, batch)
    points = {sweep: [trial.params for trial in harness.trials(sweep)] for sweep in (one, two, other)}
    assert points[one] == points[two] != points[other]


def test_workers_that_claim_at_the_same_time_do_not_ask_for_too_many_trials(
    harness: Harness, database: Database
) -> None:
    sweep = harness.submit(RANDOM, trials=10)
    workers = [harness.worker() for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        counts = list(threads.map(harness.train, workers))
    assert sum(counts) == len(harness.trials(sweep)) == 10


def test_a_sweep_whose_trials_are_not_asked_for_yet_keeps_its_place_in_the_queue(harness: Harness) -> None:
    learning, grid = harness.submit(RANDOM, trials=6), harness.submit()
    urgent = harness.submit(RANDOM, trials=2, priority=1)
    worker = harness.worker()
    order = [lease.sweep_id for _ in range(8) for lease in harness.claim(worker, 2)]
    assert order == [urgent] * 2 + [learning] * 6 + [grid] * 8


def test_trials_are_asked_for_only_when_lanes_are_free_for_them(harness: Harness) -> None:
    sweep = harness.submit(TPE, trials=20, replicates=2)
    harness.claim(harness.worker(), 5)
    assert len(harness.trials(sweep)) == 3


def test_failed_and_cancelled_trials_are_told_as_failed_and_diverged_ones_with_their_value(
    harness: Harness, study_of: Callable[..., optuna.Study]
) -> None:
    sweep = harness.submit(RANDOM, trials=8)
    worker = harness.worker()
    diverged, failing, *_ = harness.claim(worker, 4)
    harness.report(worker, news(diverged, Outcome(state="diverged", value=5.5, diverged_at=3)))
    for _ in range(3):
        harness.report(worker, news(failing, Outcome(state="failed", error="out of luck")))
        failing = next((lease for lease in harness.claim(worker, 1) if lease.run_id == failing.run_id), failing)
    with harness.store.write() as session:
        sweeps.cancel(session, harness.principal, sweep)
    harness.sampling.tell(sweep)
    told = study_of(sweep, "random").trials
    assert (told[diverged.trial].state, told[diverged.trial].value) == (TrialState.COMPLETE, 5.5)
    assert told[diverged.trial].user_attrs["outcome"] == "diverged"
    assert {trial.user_attrs["outcome"]: trial.state for trial in told if trial.number != diverged.trial} == {
        "crash": TrialState.FAIL,
        "cancelled": TrialState.FAIL,
    }
    assert harness.sampling.untold() == []


def test_a_cancelled_grid_tells_only_what_was_begun(harness: Harness, study_of: Callable[..., optuna.Study]) -> None:
    sweep = harness.submit()
    harness.claim(harness.worker(), 2)
    with harness.store.write() as session:
        sweeps.cancel(session, harness.principal, sweep)
    assert harness.sampling.tell(sweep) == 2
    assert [trial.state for trial in study_of(sweep, "grid").trials] == [TrialState.FAIL] * 2


def test_a_long_curve_is_told_with_a_few_of_its_points(harness: Harness, study_of: Callable[..., optuna.Study]) -> None:
    sweep = harness.submit(space={"schedule": ["linear"], "peak_lr": [0.1]}, total_steps=1000)
    worker = harness.worker()
    lease = harness.claim(worker, 1)[0]
    curve = [{"step": step, "value": 5 - step / 1000} for step in range(1, 1001)]
    final = news(lease, Outcome(state="completed", value=4.0)).model_dump() | {"val": curve}
    harness.report(worker, type(news(lease)).model_validate(final))
    harness.sampling.tell(sweep)
    told = study_of(sweep, "grid").trials[0].intermediate_values
    assert len(told) == 50
    assert {step: 5 - step / 1000 for step in told} == told
    assert {1, 1000} <= set(told)


def test_replicates_are_told_as_one_trial_with_mean_and_spread(
    harness: Harness, study_of: Callable[..., optuna.Study]
) -> None:
    sweep = harness.submit(TPE, space=SPACE | {"schedule": ["linear"]}, trials=2, replicates=2)
    assert harness.train(harness.worker()) == 4
    harness.sampling.tell(sweep)
    first = study_of(sweep, "tpe").trials[0]
    assert first.value == pytest.approx(3.0005, rel=1e-12)
    assert first.user_attrs["spread"] == pytest.approx(0.001 / 2**0.5, rel=1e-9)
    assert first.intermediate_values[20] == pytest.approx(3.0005, rel=1e-12)


def test_a_second_process_asks_where_the_first_stopped(harness: Harness, database: Database) -> None:
    sweep = harness.submit(TPE, trials=9)
    store, studies = Store(database.url), Studies(database.optuna_url)
    other = Sampling(store, studies)
    for sampling in (harness.sampling, other, harness.sampling):
        sampling.ask(sweep, 3)
    studies.close()
    store.close()
    assert [trial.optuna_number for trial in harness.trials(sweep)] == list(range(9))


def test_server_processes_that_share_a_postgresql_ask_for_no_trial_twice(postgres_database: Database) -> None:
    stores = [Store(postgres_database.url) for _ in range(3)]
    studies = [Studies(postgres_database.optuna_url) for _ in stores]
    servers = [Harness(store, of_store) for store, of_store in zip(stores, studies, strict=True)]
    sweep = servers[0].submit(RANDOM, trials=15)
    with ThreadPoolExecutor(3) as threads:
        counts = list(threads.map(lambda server: server.train(server.worker(), lanes=2), servers))
    trials = servers[0].trials(sweep)
    assert sum(counts) == len(trials) == 15
    assert sorted(trial.optuna_number or 0 for trial in trials) == list(range(15))
    for of_store, store in zip(studies, stores, strict=True):
        of_store.close()
        store.close()
