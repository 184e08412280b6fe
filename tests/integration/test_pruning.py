"""Hopeless trials end early: the order, the rows, the study; N trials remain N results."""

from collections import Counter
from io import StringIO
from typing import Any

import pytest
from optuna.trial import TrialState
from rich.console import Console

from rampline.display import leaderboard
from service.domain import best
from service.domain.sweeps import Glance
from service.store.tables import Run, Trial
from service.wire.protocol import Claim, Lease, Outcome, Report, RunReport, ValPoint
from tests.integration.harness import GRID, TPE, Harness
from tests.integration.serving import Serving, hello
from tests.integration.twins import added_up, counted

PHASE = {"type": "phase", "n_startup_trials": 2}
LINEAR = {"schedule": ["linear"], "warmup_steps": [2], "peak_lr": [0.001, 0.01, 0.02, 0.03, 0.04, 0.05]}


def told(lease: Lease, step: int, value: float, outcome: Outcome | None = None) -> RunReport:
    """A report with the initial loss and one more."""
    val = [ValPoint(step=0, value=5.5), ValPoint(step=step, value=value)]
    return RunReport(run_id=lease.run_id, fence=lease.fence, step=step, train_loss=3.0, val=val, outcome=outcome)


def pruned(value: float | None) -> Outcome:
    return Outcome(state="pruned", value=value)


def orders(harness: Harness, worker: int, *news: RunReport) -> list[str]:
    return [command.command for command in harness.report(worker, *news)]


def rows(harness: Harness, sweep: int) -> tuple[list[Trial], list[Run]]:
    with harness.store.read() as session:
        trials = list(session.query(Trial).where(Trial.sweep_id == sweep).order_by(Trial.number))
        return trials, list(session.query(Run).where(Run.sweep_id == sweep).order_by(Run.trial_id, Run.replicate))


def test_a_hopeless_run_is_ended_and_told_with_its_last_loss(harness: Harness) -> None:
    sweep = harness.submit(space=LINEAR, pruner=PHASE)
    worker = harness.worker()
    leases = harness.claim(worker, 6)
    values = [2.0, 2.1, 2.2, 2.3, 2.4, 9.0]
    assert orders(harness, worker, *(told(one, 2, 9.0) for one in leases)) == ["continue"] * 6  # warmup
    first = [told(one, 10, value) for one, value in zip(leases, values, strict=True)]
    assert orders(harness, worker, *first[:2]) == ["continue"] * 2  # too few to compare with
    assert orders(harness, worker, *first[2:])[-1] == "prune"
    assert orders(harness, worker, first[-1]) == ["prune"]  # the answer was lost
    ending = told(leases[-1], 10, 9.0, pruned(9.0))
    assert orders(harness, worker, ending, ending) == ["continue"] * 2
    harness.finish(worker, leases[:-1])
    assert harness.sweep(sweep).state == "completed"
    trials, runs = rows(harness, sweep)
    assert Counter(trial.state for trial in trials) == {"completed": 5, "pruned": 1}
    assert (trials[-1].value, runs[-1].state, runs[-1].step, runs[-1].to_track) == (9.0, "pruned", 10, True)
    harness.sampling.tell(sweep)
    study = {trial.user_attrs["trial"]: trial for trial in harness.told(f"red/grid #{sweep}")}
    assert len(study) == 6
    ended = study[5]
    assert (ended.state, ended.value, ended.intermediate_values) == (TrialState.PRUNED, 9.0, {0: 5.5, 2: 9.0, 10: 9.0})
    assert ended.user_attrs["outcome"] == "pruned"


def test_a_pruned_trial_is_never_the_best(harness: Harness) -> None:
    sweep = harness.submit(space=LINEAR, pruner=PHASE)
    worker = harness.worker()
    leases = harness.claim(worker, 6)
    harness.report(worker, told(leases[0], 10, 0.5, pruned(0.5)))
    harness.finish(worker, leases[1:])
    with harness.store.read() as session:
        assert best.best(session, Glance.at(harness.sweep(sweep)), None).trial.number == leases[1].trial


def test_without_a_pruner_nothing_is_ordered(harness: Harness) -> None:
    harness.submit(space=LINEAR)
    worker = harness.worker()
    leases = harness.claim(worker, 6)
    news = [told(one, 10, 2.0 + 3 * index) for index, one in enumerate(leases)]
    assert orders(harness, worker, *news) == ["continue"] * 6


@pytest.mark.parametrize("spec", [GRID, TPE], ids=["grid", "tpe"])
def test_n_trials_are_n_results_also_where_some_are_pruned(harness: Harness, spec: dict[str, Any]) -> None:
    """Every report says how a run is at half; orders to prune are followed."""
    sweep = harness.submit(spec, pruner={"type": "median", "n_startup_trials": 1})
    worker, ended = harness.worker(), 0
    while leases := harness.claim(worker, 3):
        half = [told(one, 12, 2.0 + (one.trial * 7 % 5) / 10) for one in leases]
        for lease, order in zip(leases, orders(harness, worker, *half), strict=True):
            loss = 2.0 + (lease.trial * 7 % 5) / 10
            last = told(lease, 12, loss, pruned(loss)) if order == "prune" else told(lease, 20, loss)
            if order != "prune":
                last = last.model_copy(update={"outcome": Outcome(state="completed", value=loss)})
            harness.report(worker, last)
            ended += 1
    trials, _ = rows(harness, sweep)
    states = Counter(trial.state for trial in trials)
    assert ended == len(trials) == harness.sweep(sweep).trials_total
    assert states["pruned"] > 0 < states["completed"]
    harness.sampling.tell(sweep)
    study = Counter(trial.state for trial in harness.told(f"red/{spec['name']} #{sweep}"))
    assert (study[TrialState.PRUNED], study[TrialState.COMPLETE]) == (states["pruned"], states["completed"])
    assert harness.sweep(sweep).state == "completed"


def test_a_trial_is_pruned_as_a_whole(harness: Harness) -> None:
    sweep = harness.submit(space=LINEAR | {"peak_lr": [0.001, 0.01, 0.02]}, pruner=PHASE, replicates=3)
    worker = harness.worker()
    leases = harness.claim(worker, 8)
    of_trial = {number: [one for one in leases if one.trial == number] for number in range(3)}
    hopeless = max(of_trial, key=lambda number: number if len(of_trial[number]) == 2 else -1)
    others = [one for one in leases if one.trial != hopeless]
    harness.report(worker, *(told(one, 10, 2.0 + one.trial / 10) for one in others))
    first, second = of_trial[hopeless]
    assert orders(harness, worker, told(first, 10, 9.0), told(second, 0, 5.5)) == ["prune"] * 2
    harness.report(worker, told(first, 10, 9.0, pruned(9.0)))
    _, runs = rows(harness, sweep)
    assert {run.state for run in runs if run.trial_id == runs[hopeless * 3].trial_id} == {"pruned", "running"}
    news = RunReport(run_id=second.run_id, fence=second.fence, step=1)
    assert orders(harness, worker, news) == ["prune"]  # a sibling was pruned: no loss is needed
    harness.report(worker, told(second, 1, 5.4, pruned(5.4)))
    trials, runs = rows(harness, sweep)
    assert (trials[hopeless].state, trials[hopeless].value) == ("pruned", (9.0 + 5.4) / 2)
    waiting = [run for run in runs if run.trial_id == trials[hopeless].id and run.attempt == 0]
    assert [(run.state, run.value, run.to_track) for run in waiting] == [("pruned", None, False)]
    assert harness.claim(worker, 4) == []
    found = harness.sweep(sweep)
    assert counted(found) == added_up(harness, found)


def test_a_trial_whose_finished_seeds_are_worse_is_ended_by_wilcoxon(harness: Harness) -> None:
    sweep = harness.submit(
        space=LINEAR | {"peak_lr": [0.001, 0.01]}, pruner={"type": "wilcoxon", "p_threshold": 0.3}, replicates=4
    )
    worker = harness.worker()
    leases = harness.claim(worker, 8)
    good, bad = ([one for one in leases if one.trial == number] for number in (0, 1))
    for index, one in enumerate(good):
        harness.finish(worker, [one], value=2.0 + index / 10)
    for index, one in enumerate(bad[:2]):
        harness.finish(worker, [one], value=2.5 + index / 10)
    assert orders(harness, worker, *(told(one, 5, 3.0) for one in bad[2:])) == ["prune"] * 2
    harness.report(worker, *(told(one, 5, 3.0, pruned(3.0)) for one in bad[2:]))
    trials, _ = rows(harness, sweep)
    assert (trials[1].state, trials[1].value) == ("pruned", 2.55)  # of the seeds that completed
    assert harness.sweep(sweep).state == "completed"


def test_a_run_that_is_pruned_after_its_worker_died_is_pruned_once(harness: Harness) -> None:
    sweep = harness.submit(space=LINEAR, pruner=PHASE)
    worker, other = harness.worker(), harness.worker()
    leases = harness.claim(worker, 6, seconds=-1)
    values = [2.0, 2.1, 2.2, 2.3, 2.4, 9.0]
    news = [told(one, 10, value) for one, value in zip(leases, values, strict=True)]
    assert orders(harness, worker, *news)[-1] == "prune"
    with harness.store.write() as session:
        run = session.get_one(Run, leases[-1].run_id)
        run.lease_expires_at = run.created_at
    (again,) = harness.claim(other, 1)
    assert again.run_id == leases[-1].run_id
    assert orders(harness, worker, told(leases[-1], 10, 9.0, pruned(9.0))) == ["lost"]
    assert orders(harness, other, told(again, 10, 9.0)) == ["prune"]
    assert orders(harness, other, told(again, 10, 9.0, pruned(9.0))) == ["continue"]
    harness.finish(worker, leases[:-1])
    trials, _ = rows(harness, sweep)
    assert Counter(trial.state for trial in trials) == {"completed": 5, "pruned": 1}


def test_over_http_a_worker_is_told_to_prune_and_people_see_what_was(serving: Serving) -> None:
    """A wsd whose cooldown is swept, so that the leaderboard has to say which is which."""
    schedule = [{"type": "wsd", "decay_fraction": [0.2, 0.4]}]
    sweep = serving["member"].submit(GRID | {"space": LINEAR | {"schedule": schedule}, "pruner": PHASE})
    worker = serving["worker"]
    worker_id = worker.register(hello(12)).worker_id
    leases = worker.claim(Claim(worker_id=worker_id, lanes=12)).leases
    assert len(leases) == 12
    values = {lease.run_id: 2.0 + lease.trial / 10 for lease in leases[:-1]} | {leases[-1].run_id: 9.0}

    def report(outcomes: dict[int, Outcome]) -> list[str]:
        runs = [
            told(lease, 10, values[lease.run_id], outcomes.get(lease.run_id))
            for lease in leases
            if not outcomes or lease.run_id in outcomes
        ]
        answer = worker.report(Report(worker_id=worker_id, updates_per_second=1.0, runs=runs))
        return [command.command for command in answer.runs]

    report({})
    hopeless = [lease for lease, order in zip(leases, report({}), strict=True) if order == "prune"]
    assert leases[-1] in hopeless
    report({lease.run_id: pruned(values[lease.run_id]) for lease in hopeless})
    rest = [lease for lease in leases if lease not in hopeless]
    report({lease.run_id: Outcome(state="completed", value=values[lease.run_id]) for lease in rest})
    assert serving["member"].sweep(sweep.id).state == "completed"
    trials = serving["member"].all_trials(sweep.id)
    last = next(trial for trial in trials if trial.number == leases[-1].trial)
    assert (last.state, last.value, last.runs[0].outcome) == ("pruned", 9.0, "pruned")
    page = StringIO()
    Console(width=140, file=page).print(leaderboard(trials, top=12))
    lines = [line for line in page.getvalue().splitlines() if "wsd decay_fraction=" in line]
    assert len(lines) == 12
    assert [("pruned" in line) for line in lines] == [False] * len(rest) + [True] * len(hopeless)
