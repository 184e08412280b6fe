"""The queue: what is claimed in which order, and who may report on it."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select

from service.domain import leases as holding
from service.domain import sweeps
from service.store.tables import Attempt, Run, ValPoint
from service.wire.protocol import Held, Lease, Outcome, RunReport
from tests.integration.harness import GRID, Harness, news, value_of


def test_a_claim_gives_as_many_runs_as_there_are_lanes_and_each_run_once(harness: Harness) -> None:
    sweep = harness.submit()
    worker = harness.worker()
    first, second, third = (harness.claim(worker, 3) for _ in range(3))
    assert [len(first), len(second), len(third)] == [3, 3, 2]
    assert sorted(lease.run_id for lease in first + second + third) == [run.id for run in harness.runs(sweep)]
    assert harness.claim(worker) == []


def test_a_lease_says_everything_that_training_needs(harness: Harness) -> None:
    sweep = harness.submit(replicates=2, seed=7, model={"d_model": 32}, eval_every=5)
    leases = harness.claim(harness.worker(), 16)
    (lease,) = (one for one in leases if (one.trial, one.replicate) == (0, 1))
    assert lease.schedule == {"type": "linear", "total_steps": 20, "warmup_steps": 2, "peak_lr": 0.001}
    assert (lease.trial, lease.replicate, lease.seed, lease.attempt, lease.fence) == (0, 1, 8, 1, 1)
    assert (lease.team, lease.user, lease.sweep_id, lease.experiment) == ("red", "ada", sweep, f"red/grid #{sweep}")
    assert (lease.model.d_model, lease.optimizer.betas, lease.eval_every) == (32, (0.9, 0.98), 5)


def test_runs_are_taken_by_priority_then_by_the_age_of_their_sweep(harness: Harness) -> None:
    old, urgent, young = harness.submit(), harness.submit(priority=5), harness.submit()
    worker = harness.worker()
    order = [lease.sweep_id for _ in range(24) for lease in harness.claim(worker, 1)]
    assert order == [urgent] * 8 + [old] * 8 + [young] * 8


def test_one_claim_gives_runs_of_one_shape_only(harness: Harness) -> None:
    narrow, wide = harness.submit(), harness.submit(model={"d_model": 128})
    worker = harness.worker()
    first = harness.claim(worker, 100)
    assert {lease.sweep_id for lease in first} == {narrow}
    assert harness.claim(worker, 100, shape=first[0].shape) == []
    assert {lease.sweep_id for lease in harness.claim(worker, 100)} == {wide}


def test_two_sweeps_of_one_shape_share_a_claim(harness: Harness) -> None:
    harness.submit()
    harness.submit(total_steps=30, data=GRID["data"] | {"val_windows": 8})
    assert len(harness.claim(harness.worker(), 100)) == 16


def test_claimers_at_the_same_time_never_get_the_same_run(harness: Harness) -> None:
    harness.submit(space=GRID["space"] | {"peak_lr": [index / 1000 for index in range(1, 21)]})
    claimed = [harness.worker() for _ in range(4)]

    def claim_all(worker: int) -> list[Lease]:
        return [lease for _ in range(20) for lease in harness.claim(worker, 3)]

    with ThreadPoolExecutor(4) as threads:
        leases = [lease for taken in threads.map(claim_all, claimed) for lease in taken]
    assert len(leases) == len({lease.run_id for lease in leases}) == 80
    assert {lease.fence for lease in leases} == {1}


def test_an_expired_lease_is_taken_once_with_a_new_fence(harness: Harness) -> None:
    harness.submit()
    dead, other, third = harness.worker(), harness.worker(), harness.worker()
    lost = harness.claim(dead, 8)
    assert harness.claim(other) == []
    harness.expire()
    with ThreadPoolExecutor(2) as threads:
        taken = [
            lease for part in threads.map(lambda worker: harness.claim(worker, 8), (other, third)) for lease in part
        ]
    assert sorted(lease.run_id for lease in taken) == sorted(lease.run_id for lease in lost)
    assert {(lease.fence, lease.attempt) for lease in taken} == {(2, 2)}
    with harness.store.read() as session:
        ends = session.scalars(select(Attempt.outcome).where(Attempt.number == 1)).all()
    assert set(ends) == {"lost"}


def test_a_stale_fence_changes_nothing(harness: Harness) -> None:
    sweep = harness.submit()
    stale, owner = harness.worker(), harness.worker()
    old = harness.claim(stale, 1)[0]
    harness.report(stale, news(old, step=5))
    harness.expire()
    new = next(lease for lease in harness.claim(owner, 8) if lease.run_id == old.run_id)
    before = _content(harness, sweep)
    answers = harness.report(stale, news(old, Outcome(state="completed", value=0.1)))
    answers += harness.report(stale, RunReport(run_id=old.run_id, fence=new.fence, step=9))
    with harness.store.write() as session:
        assert holding.release(session, stale, [Held(run_id=old.run_id, fence=old.fence)]) == []
    assert [answer.command for answer in answers] == ["lost", "lost"]
    assert _content(harness, sweep) == before


def test_an_earlier_fence_of_the_same_worker_is_as_stale_as_anothers(harness: Harness) -> None:
    sweep = harness.submit()
    worker = harness.worker()
    old = harness.claim(worker, 8)
    harness.expire()
    assert len(harness.claim(worker, 8)) == 8
    harness.expire()
    before = _content(harness, sweep)
    assert {answer.command for answer in harness.finish(worker, old)} == {"lost"}
    assert _content(harness, sweep) == before


def test_a_loss_that_is_reported_twice_is_kept_once(harness: Harness) -> None:
    harness.submit()
    worker = harness.worker()
    lease = harness.claim(worker, 1)[0]
    twice = news(lease, step=10)
    again = twice.model_copy(update={"val": [*twice.val, *twice.val]})
    harness.report(worker, twice)
    harness.report(worker, again)
    with harness.store.read() as session:
        assert session.scalars(select(ValPoint.step).order_by(ValPoint.step)).all() == [0, 5, 10]


def test_a_late_report_renews_a_lease_that_nobody_took(harness: Harness) -> None:
    sweep = harness.submit()
    worker = harness.worker()
    leases = harness.claim(worker, 8)
    harness.expire()
    assert {answer.command for answer in harness.report(worker, *(news(lease, step=3) for lease in leases))} == {
        "continue"
    }
    assert harness.claim(harness.worker(), 8) == []
    assert {run.step for run in harness.runs(sweep)} == {3}


def test_a_final_report_that_is_repeated_is_answered_as_before_and_counts_once(harness: Harness) -> None:
    sweep = harness.submit()
    worker = harness.worker()
    leases = harness.claim(worker, 2)
    first, again = harness.finish(worker, leases), harness.finish(worker, leases, value=9.0)
    assert [answer.command for answer in first + again] == ["continue"] * 4
    values = {trial.number: trial.value for trial in harness.trials(sweep) if trial.value is not None}
    assert values == pytest.approx({lease.trial: 3 + lease.trial / 100 for lease in leases})


def test_released_runs_are_claimed_again_at_once(harness: Harness) -> None:
    harness.submit()
    worker, other = harness.worker(), harness.worker()
    leases = harness.claim(worker, 8)
    with harness.store.write() as session:
        holding.release(session, worker, [Held(run_id=lease.run_id, fence=lease.fence) for lease in leases])
    assert {(lease.fence, lease.attempt) for lease in harness.claim(other, 8)} == {(2, 2)}


def test_a_run_that_is_taken_over_starts_with_an_empty_record(harness: Harness) -> None:
    sweep = harness.submit()
    worker = harness.worker()
    harness.report(worker, *(news(lease, step=10) for lease in harness.claim(worker, 8)))
    harness.expire()
    harness.claim(harness.worker(), 8)
    assert {(run.step, run.best_value, run.train_loss) for run in harness.runs(sweep)} == {(0, None, None)}
    with harness.store.read() as session:
        assert session.scalars(select(ValPoint)).all() == []


def test_a_failing_run_is_tried_three_times_and_the_sweep_goes_on(harness: Harness) -> None:
    sweep = harness.submit()
    worker = harness.worker()
    victim = harness.claim(worker, 1)[0].run_id
    for attempt in (1, 2, 3):
        run = next(run for run in harness.runs(sweep) if run.id == victim)
        failure = Outcome(state="failed", error=f"exploded\0 {attempt}")
        harness.report(worker, RunReport(run_id=victim, fence=run.fence, step=1, outcome=failure))
        assert next(run for run in harness.runs(sweep) if run.id == victim).state == (
            "queued" if attempt < 3 else "failed"
        )
        if attempt < 3:
            assert harness.claim(worker, 1)[0].run_id == victim
    harness.train(worker)
    states = [trial.state for trial in harness.trials(sweep)]
    assert sorted(states) == ["completed"] * 7 + ["failed"]
    assert harness.sweep(sweep).state == "completed"
    assert next(run for run in harness.runs(sweep) if run.id == victim).error == "exploded 3"


def test_a_sweep_is_queued_then_running_then_completed(harness: Harness) -> None:
    sweep = harness.submit()
    worker = harness.worker()
    assert harness.sweep(sweep).state == "queued"
    leases = harness.claim(worker, 1)
    assert harness.sweep(sweep).state == "running"
    harness.finish(worker, leases)
    harness.train(worker)
    assert harness.sweep(sweep).state == "completed"
    assert harness.sweep(sweep).finished_at is not None


def test_replicates_give_a_trial_their_mean_and_spread(harness: Harness) -> None:
    sweep = harness.submit(replicates=3)
    harness.train(harness.worker())
    first = harness.trials(sweep)[0]
    assert first.value == pytest.approx(3.001, rel=1e-12)
    assert first.spread == pytest.approx(0.001, rel=1e-9)


def test_replicates_that_end_at_the_same_time_settle_their_trial_once(harness: Harness) -> None:
    sweep = harness.submit(replicates=8, space={"schedule": ["linear"], "peak_lr": [0.1]})
    workers = [harness.worker() for _ in range(8)]
    leases = [harness.claim(worker, 1) for worker in workers]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(harness.finish, workers, leases))
    assert [trial.state for trial in harness.trials(sweep)] == ["completed"]
    assert harness.sweep(sweep).state == "completed"


def test_the_objective_best_takes_the_best_loss_on_the_way(harness: Harness) -> None:
    sweep = harness.submit(objective={"mode": "best"})
    harness.train(harness.worker())
    assert {trial.value for trial in harness.trials(sweep)} == {2.0}


def test_a_diverged_run_is_a_result_with_its_initial_loss(harness: Harness) -> None:
    sweep = harness.submit()
    worker = harness.worker()
    leases = harness.claim(worker, 2)
    harness.finish(worker, leases[:1], value=5.6, state="diverged", diverged_at=7)
    harness.report(worker, news(leases[1], Outcome(state="diverged", diverged_at=8)))
    trials = {trial.number: trial for trial in harness.trials(sweep)}
    ended = [trials[lease.trial] for lease in leases]
    assert [(trial.state, trial.value) for trial in ended] == [("diverged", 5.6), ("diverged", 5.5)]
    assert [run.diverged_at for run in harness.runs(sweep)][:2] == [7, 8]


def test_a_completed_run_without_a_loss_is_a_failed_attempt(harness: Harness) -> None:
    sweep = harness.submit()
    worker = harness.worker()
    lease = harness.claim(worker, 1)[0]
    harness.report(
        worker, RunReport(run_id=lease.run_id, fence=lease.fence, step=20, outcome=Outcome(state="completed"))
    )
    run = harness.runs(sweep)[0]
    assert (run.state, run.error) == ("queued", "it completed without a validation loss")


def test_cancel_ends_queued_and_running_runs_and_stops_their_workers(harness: Harness) -> None:
    sweep, other = harness.submit(), harness.submit()
    worker = harness.worker()
    done, held = harness.claim(worker, 1), harness.claim(worker, 3)
    harness.finish(worker, done)
    for _ in range(2):
        with harness.store.write() as session:
            assert sweeps.cancel(session, harness.principal, sweep).state == "cancelled"
    before = _content(harness, sweep)
    answers = harness.finish(worker, held)
    assert {answer.command for answer in answers} == {"stop"}
    assert _content(harness, sweep) == before
    states = [run.state for run in harness.runs(sweep)]
    assert (states.count("completed"), states.count("cancelled")) == (1, 7)
    assert {lease.sweep_id for lease in harness.claim(worker, 100)} == {other}


def test_values_are_those_that_workers_reported(harness: Harness) -> None:
    sweep = harness.submit()
    worker = harness.worker()
    leases = harness.claim(worker, 8)
    harness.finish(worker, leases)
    assert {trial.number: trial.value for trial in harness.trials(sweep)} == {
        lease.trial: value_of(lease) for lease in leases
    }


def _content(harness: Harness, sweep: int) -> list[object]:
    with harness.store.read() as session:
        rows = [session.execute(select(table.__table__)).all() for table in (Run, Attempt, ValPoint)]
    return [rows, [(trial.state, trial.value) for trial in harness.trials(sweep)], harness.sweep(sweep).state]
