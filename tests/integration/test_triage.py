"""How runs fail, and what comes of it: each cause by its own rule, and runs that kill their workers end alone."""

import random
from typing import Any

import pytest

from service.domain import leases as holding
from service.domain import sweeps, trials, workers
from service.domain.sweeps import Glance
from service.store.tables import Sweep
from service.wire.protocol import Held, Lease, Outcome, RunReport
from service.wire.views import RunView, TrialView
from tests.integration.harness import GRID, Harness, news

ONE: dict[str, Any] = GRID | {"space": {"schedule": ["linear"], "warmup_steps": [2], "peak_lr": [0.01]}}
FOUR: dict[str, Any] = GRID | {"space": {"schedule": ["linear"], "warmup_steps": [2], "peak_lr": [0.1, 0.2, 0.3, 0.4]}}


def shown(harness: Harness, sweep_id: int) -> list[TrialView]:
    with harness.store.read() as session:
        return trials.page(session, Glance.at(session.get_one(Sweep, sweep_id)), None, None, 100).items


def runs_of(harness: Harness, sweep_id: int) -> list[RunView]:
    return [run for trial in shown(harness, sweep_id) for run in trial.runs]


def ends(run: RunView) -> list[str | None]:
    return [attempt.outcome for attempt in run.attempts]


def reach(harness: Harness, lease: Lease, worker: int, step: int) -> None:
    """Get so far, together with others at first, and report after each of the last two updates."""
    for reached, share in ((max(0, step - 1), 0.5), (step, 1.0)):
        report = RunReport(run_id=lease.run_id, fence=lease.fence, step=reached, lane_share=share)
        (answer,) = harness.report(worker, report)
        assert answer.command == "continue"


@pytest.mark.parametrize(("cause", "tries"), [("bad_data", 1), ("out_of_memory", 3), ("crash", 3), (None, 3)], ids=str)
def test_a_failure_is_tried_again_as_often_as_its_cause_allows(harness: Harness, cause: Any, tries: int) -> None:
    sweep = harness.submit(ONE)
    worker = harness.worker()
    for left in reversed(range(tries)):
        (lease,) = harness.claim(worker)
        harness.report(worker, news(lease, Outcome(state="failed", cause=cause, error="so it went"), step=7))
        assert (harness.runs(sweep)[0].state == "queued") == (left > 0)
    (run,) = runs_of(harness, sweep)
    assert (run.state, run.outcome, run.error) == ("failed", cause or "crash", "so it went")
    assert ends(run) == [cause or "crash"] * tries
    assert [(one.number, one.worker, one.step, one.error) for one in run.attempts] == [
        (number, "host:1", 7, "so it went") for number in range(1, tries + 1)
    ]
    assert harness.sweep(sweep).state == "failed"


def test_each_cause_has_a_budget_of_its_own_and_evictions_cost_nothing(harness: Harness) -> None:
    sweep = harness.submit(ONE)
    worker = harness.worker()
    causes: list[Any] = ["crash", "out_of_memory", "lost", "crash", "out_of_memory", "released"]
    for cause in causes:
        (lease,) = harness.claim(worker)
        if cause == "lost":
            reach(harness, lease, worker, 5)
            harness.expire()
        elif cause == "released":
            with harness.store.write() as session:
                held = [Held(run_id=lease.run_id, fence=lease.fence)]
                assert holding.release(session, worker, held) == [lease.run_id]
        else:
            harness.report(worker, news(lease, Outcome(state="failed", cause=cause, error="no"), step=3))
    (lease,) = harness.claim(worker)
    harness.finish(worker, [lease])
    (run,) = runs_of(harness, sweep)
    assert (run.state, run.outcome, run.error) == ("completed", "completed", None)
    assert ends(run) == ["crash", "out_of_memory", "evicted", "crash", "out_of_memory", "evicted", "completed"]
    assert [one.step for one in run.attempts] == [3, 3, 5, 3, 3, 0, 20]
    harness.sampling.tell(sweep)
    (told,) = harness.told(f"red/grid #{sweep}")
    assert {key: told.user_attrs[key] for key in ("outcome", "attempts", "evictions")} == {
        "outcome": "completed",
        "attempts": 7,
        "evictions": 2,
    }


def test_diverged_and_cancelled_runs_are_not_tried_again(harness: Harness) -> None:
    sweep = harness.submit(ONE | {"replicates": 2})
    worker = harness.worker()
    first, second = harness.claim(worker, 2)
    harness.report(worker, news(first, Outcome(state="diverged", value=5.5, diverged_at=9, error="too high"), step=9))
    harness.report(worker, news(second, step=4))
    with harness.store.write() as session:
        sweeps.cancel(session, harness.principal, sweep)
    diverged, cancelled = runs_of(harness, sweep)
    assert (diverged.outcome, diverged.value, diverged.error, ends(diverged)) == (
        "diverged",
        5.5,
        "too high",
        ["diverged"],
    )
    assert (cancelled.outcome, ends(cancelled), cancelled.attempts[0].step) == ("cancelled", ["cancelled"], 4)


def test_the_study_hears_why_a_trial_failed(harness: Harness) -> None:
    sweep = harness.submit(ONE)
    worker = harness.worker()
    (lease,) = harness.claim(worker)
    harness.report(worker, news(lease, Outcome(state="failed", cause="bad_data", error="no such text"), step=0))
    harness.sampling.tell(sweep)
    (told,) = harness.told(f"red/grid #{sweep}")
    assert (told.user_attrs["outcome"], told.user_attrs["error"]) == ("bad_data", "no such text")


def die(harness: Harness, worker: int, leases: list[Lease], places: dict[int, int]) -> None:
    """A worker comes as far as this with each of its runs, and is never heard of again."""
    for lease in leases:
        reach(harness, lease, worker, places[lease.run_id])
    harness.expire()


def test_a_run_that_kills_three_workers_is_quarantined_with_the_evidence_and_the_others_complete(
    harness: Harness,
) -> None:
    sweep = harness.submit(FOUR)
    poison = harness.runs(sweep)[1].id
    chance = random.Random(0)
    killed = []
    for _ in range(30):
        worker = harness.worker()
        leases = harness.claim(worker, 4)
        if not leases:
            break
        if any(lease.alone for lease in leases):
            assert len(leases) == 1
            assert harness.claim(worker, 4, shape=leases[0].shape) == [], "nothing trains beside it"
        if poison in {lease.run_id for lease in leases}:
            killed.append(worker)
            places = {lease.run_id: chance.randrange(14) for lease in leases} | {poison: 7}
            die(harness, worker, leases, places)
        else:
            harness.finish(worker, leases)
    states = {run.id: run for run in runs_of(harness, sweep)}
    assert (states[poison].state, states[poison].outcome, states[poison].step) == ("failed", "quarantined", 7)
    assert len(killed) == 3
    assert str(states[poison].error).count("host:1, after update 7 of 20") == 3
    assert "attempt 3 on" in str(states[poison].error)
    assert {run.outcome for run_id, run in states.items() if run_id != poison} == {"completed"}
    assert harness.sweep(sweep).state == "completed"
    harness.sampling.tell(sweep)
    told = harness.told(f"red/grid #{sweep}")
    assert [one.user_attrs["outcome"] for one in told].count("quarantined") == 1


def test_a_run_that_kills_its_workers_before_it_is_ever_reported_on_is_quarantined(harness: Harness) -> None:
    sweep = harness.submit(ONE)
    alone = []
    while leases := harness.claim(harness.worker()):
        alone.append(leases[0].alone)
        harness.expire()
    assert alone == [False, False, True]
    assert harness.runs(sweep)[0].cause == "quarantined"


@pytest.mark.parametrize("resumes", [True, False])
def test_innocent_runs_survive_thirty_random_deaths_of_their_workers(harness: Harness, resumes: bool) -> None:
    sweep = harness.submit(ONE | {"total_steps": 100_000, "replicates": 2})
    chance = random.Random(1)
    places = dict.fromkeys((run.id for run in harness.runs(sweep)), 0)
    for _ in range(30):
        worker = harness.worker()
        leases = harness.claim(worker, 4)
        for lease in leases:
            places[lease.run_id] = chance.randrange(1, 3_000) + (places[lease.run_id] if resumes else 0)
        die(harness, worker, leases, places)
    assert {run.state for run in runs_of(harness, sweep)} <= {"queued", "running"}
    harness.train(harness.worker())
    assert {run.outcome for run in runs_of(harness, sweep)} == {"completed"}


def test_a_suspect_that_gets_further_than_ever_is_cleared(harness: Harness) -> None:
    sweep = harness.submit(ONE)
    for _ in range(2):
        worker = harness.worker()
        die(harness, worker, harness.claim(worker), {harness.runs(sweep)[0].id: 5})
    worker = harness.worker()
    (lease,) = harness.claim(worker)
    assert lease.alone
    reach(harness, lease, worker, 12)
    harness.expire()
    (lease,) = harness.claim(harness.worker())
    assert not lease.alone
    assert harness.runs(sweep)[0].losses == 1


def test_a_suspect_waits_for_a_worker_that_holds_nothing(harness: Harness) -> None:
    sweep = harness.submit(ONE)
    for _ in range(2):
        harness.claim(harness.worker())
        harness.expire()
    urgent = harness.submit(ONE | {"name": "urgent", "priority": 1})
    worker = harness.worker()
    held = harness.claim(worker, 4)
    assert [lease.sweep_id for lease in held] == [urgent]
    assert harness.claim(worker, 4) == []
    assert harness.claim(worker, 4, shape=held[0].shape) == []
    harness.finish(worker, held)
    (lease,) = harness.claim(worker, 4)
    assert (lease.sweep_id, lease.alone) == (sweep, True)


def test_a_run_that_a_living_worker_let_go_of_counts_as_no_loss(harness: Harness) -> None:
    sweep = harness.submit(ONE)
    for _ in range(5):
        worker = harness.worker()
        (lease,) = harness.claim(worker)
        harness.expire()
        with harness.store.write() as session:
            workers.seen(session, worker)
    (lease,) = harness.claim(harness.worker())
    assert not lease.alone
    assert harness.runs(sweep)[0].losses == 0
    (run,) = runs_of(harness, sweep)
    assert ends(run) == ["evicted"] * 5 + [None]


def test_a_stalled_worker_that_comes_back_after_the_verdict_changes_nothing(harness: Harness) -> None:
    sweep = harness.submit(ONE)
    leases: list[Lease] = []
    while granted := harness.claim(worker := harness.worker()):
        leases = granted
        stalled = worker
        harness.expire()
    (answer,) = harness.finish(stalled, leases)
    assert answer.command == "lost"
    assert harness.runs(sweep)[0].state == "failed"
