"""Failed trials that are tried again: N trials are N results, in our rows and in the study."""

import pytest
from optuna.trial import TrialState

from service.domain import events
from service.errors import ConflictError
from service.sampling import Sampling
from service.studies import Studies
from tests.integration.conftest import Database, Study
from tests.integration.harness import GRID, RANDOM
from tests.integration.living import Living

ONE = GRID | {"space": {"schedule": ["linear"], "warmup_steps": [2], "peak_lr": [0.01]}}


@pytest.mark.parametrize("spec", [GRID, RANDOM | {"trials": 5}], ids=["grid", "random"])
def test_failed_trials_are_tried_again_and_have_one_result_each(
    living: Living, study_of: Study, spec: dict[str, object]
) -> None:
    sweep = living.submit(spec)
    worker = living.worker()
    failing = living.claim(worker, 3)
    living.fail(worker, *failing)
    count = 3 + living.train(worker)
    assert living.sweep(sweep).state == "completed"
    for _ in range(2):
        assert living.retry(sweep).state == "running"
    assert living.states(sweep) == ["completed"] * (count - 3) + ["queued"] * 3
    assert living.train(worker) == 3
    assert (living.sweep(sweep).state, living.retry(sweep).state) == ("completed", "completed")
    trials = living.trials(sweep)
    assert [trial.number for trial in trials] == list(range(count))
    assert {trial.state for trial in trials} == {"completed"}
    living.sampling.tell(sweep)
    in_study = study_of(f"red/{spec['name']} #{sweep}").trials
    complete = {trial.user_attrs["trial"]: trial.value for trial in in_study if trial.state == TrialState.COMPLETE}
    assert complete == {trial.number: trial.value for trial in trials}
    assert len(in_study) == count + 3, "what failed stays in the study, as failed"
    assert [trial.state for trial in in_study].count(TrialState.FAIL) == 3


def test_a_sampler_goes_on_behind_what_was_tried_again(living: Living, study_of: Study) -> None:
    sweep = living.submit(RANDOM, trials=6)
    worker = living.worker()
    living.fail(worker, *living.claim(worker, 3))
    living.retry(sweep)
    again = living.claim(worker, 3)
    living.claim(worker, 2)
    living.finish(worker, again)
    living.sampling.tell(sweep)
    living.expire()
    living.train(worker)
    living.sampling.tell(sweep)
    in_study = study_of(f"red/random #{sweep}").trials
    assert [trial.number for trial in in_study] == list(range(9))
    assert [trial.state for trial in in_study].count(TrialState.COMPLETE) == 6
    assert {trial.number for trial in living.trials(sweep)} == set(range(6))
    assert len({trial.optuna_number for trial in living.trials(sweep)}) == 6


def test_a_retried_run_has_all_of_its_attempts_again(living: Living) -> None:
    sweep = living.submit(ONE)
    worker = living.worker()
    for _ in range(2):
        for left in (2, 1, 0):
            living.fail(worker, *living.claim(worker), cause="crash")
            assert living.states(sweep) == (["queued"] if left else ["failed"])
        assert living.sweep(sweep).state == "failed"
        living.retry(sweep)
    assert living.train(worker) == 1
    assert living.runs(sweep)[0].attempt == 7


def test_a_quarantined_run_that_is_retried_is_trained_beside_others_again(living: Living) -> None:
    sweep = living.submit(ONE)
    while living.claim(living.worker()):
        living.expire()
    assert living.runs(sweep)[0].cause == "quarantined"
    living.retry(sweep)
    (lease,) = living.claim(living.worker())
    assert not lease.alone


def test_a_replicate_that_failed_is_tried_again_and_the_others_stay(living: Living) -> None:
    sweep = living.submit(ONE, replicates=3)
    worker = living.worker()
    leases = living.claim(worker)
    living.finish(worker, leases[:2])
    living.fail(worker, leases[2])
    (trial,) = living.trials(sweep)
    assert (trial.state, trial.value) == ("failed", None)
    living.retry(sweep)
    assert living.states(sweep) == ["completed", "completed", "queued"]
    assert living.train(worker) == 1
    (trial,) = living.trials(sweep)
    assert trial.value == pytest.approx(3.001, rel=1e-12)


def test_what_diverged_is_not_tried_again_and_a_cancelled_sweep_is_refused(living: Living) -> None:
    sweep, other = living.submit(ONE), living.submit()
    worker = living.worker()
    living.finish(worker, living.claim(worker, 1), value=5.5, state="diverged", diverged_at=3)
    assert living.retry(sweep).state == "completed"
    living.cancel(other)
    with pytest.raises(ConflictError, match="cancelled, which is final"):
        living.retry(other)


def test_failed_runs_of_a_paused_sweep_wait_with_it(living: Living) -> None:
    sweep = living.submit()
    worker = living.worker()
    living.fail(worker, *living.claim(worker, 3))
    living.pause(sweep)
    assert living.retry(sweep).state == "paused"
    assert living.states(sweep) == ["paused"] * 8
    living.resume(sweep)
    assert living.train(worker) == 8


def test_a_follower_is_told_of_the_end_that_counts(living: Living) -> None:
    sweep = living.submit()
    worker = living.worker()
    leases = living.claim(worker, 8)
    living.finish(worker, leases[:6])
    living.fail(worker, *leases[6:])
    living.retry(sweep)
    with living.store.read() as session:
        look, told = events.look(session, sweep), events.ends(session, sweep, 6, 100)
    assert (look.state, look.ends, told) == ("running", 8, [])
    living.train(worker)
    with living.store.read() as session:
        told = events.ends(session, sweep, 6, 100)
    assert [(number, end.state) for number, end in told] == [(9, "completed"), (10, "completed")]


def test_another_process_tells_what_was_tried_again(living: Living, database: Database) -> None:
    sweep = living.submit(RANDOM, trials=3)
    worker = living.worker()
    living.fail(worker, *living.claim(worker, 3))
    living.retry(sweep)
    living.train(worker)
    studies = Studies(database.optuna_url)
    assert Sampling(living.store, studies).tell(sweep) == 3
    studies.close()
    assert sorted(trial.optuna_number or 0 for trial in living.trials(sweep)) == [3, 4, 5]
