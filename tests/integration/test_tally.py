"""What of a sweep has ended is counted as it ends; after any history the counters say what adding up the rows says."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from service.domain import leases as holding
from service.domain import metrics, overview, progress, quarantine, sweeps, tally
from service.store.tables import Run, Sweep
from service.wire.protocol import Held, Lease, Outcome
from service.wire.views import QueuedSweep
from tests.integration.harness import LEASE_SECONDS, RANDOM, Harness, news
from tests.integration.twins import added_up, counted, progress_of

STEPS = 40
OUTCOMES = (
    Outcome(state="completed", value=2.0),
    Outcome(state="diverged", diverged_at=3, value=5.5),
    Outcome(state="failed", cause="bad_data", error="no text"),
    Outcome(state="failed", cause="crash", error="a fault"),
)


def check(harness: Harness, sweep_ids: list[int]) -> None:
    """Compare what is counted, and what is shown of it, with the rows."""
    found = [harness.sweep(sweep_id) for sweep_id in sweep_ids]
    for sweep in found:
        assert counted(sweep) == added_up(harness, sweep)
    expected = {sweep.id: progress_of(harness, sweep) for sweep in found}
    with harness.store.read() as session:
        shown = progress.of_sweeps(session, found)
        waiting = overview.of_queue(session, harness.principal, 100)
        load = metrics.facts(session, LEASE_SECONDS, tracked=True).teams["red"]
    assert shown == expected
    queued, running = (sum(one.runs[state] for one in expected.values()) for state in ("queued", "running"))
    assert (waiting.queued_runs, waiting.running_runs, waiting.further_sweeps) == (queued, running, 0)
    assert (load.queued_runs, load.running_runs) == (queued, running)
    order = sorted(found, key=lambda sweep: (-sweep.priority, sweep.id))
    assert waiting.sweeps == [
        QueuedSweep(
            sweep_id=sweep.id,
            name=sweep.name,
            team="red",
            priority=sweep.priority,
            queued_runs=expected[sweep.id].runs["queued"],
            running_runs=expected[sweep.id].runs["running"],
        )
        for sweep in order
        if expected[sweep.id].runs["queued"] + expected[sweep.id].runs["running"]
    ]


class Walk:
    """A random history; every step is one that users, workers and the service itself make."""

    def __init__(self, harness: Harness, seed: int) -> None:
        self.harness = harness
        self.draw = random.Random(seed)
        self.workers = [harness.worker() for _ in range(3)]
        self.held: list[tuple[int, Lease]] = []
        self.sweeps: list[int] = []

    def step(self) -> None:
        """Do something."""
        steps: dict[Callable[[], None], int] = {
            self.submit: 3, self.claim: 8, self.report: 6, self.end: 10, self.repeat: 2, self.release: 2,
            self.expire: 2, self.cancel: 1,
        }  # fmt: skip
        self.draw.choices(list(steps), list(steps.values()))[0]()

    def submit(self) -> None:
        kinds: tuple[dict[str, Any], ...] = (
            {},
            {"replicates": 2},
            RANDOM | {"trials": 5},
            {"priority": 3, "total_steps": 30},
        )
        self.sweeps.append(self.harness.submit(**self.draw.choice(kinds)))

    def claim(self) -> None:
        worker = self.draw.choice(self.workers)
        self.held += [(worker, lease) for lease in self.harness.claim(worker, self.draw.randint(1, 5))]

    def report(self) -> None:
        for worker, lease in self.some():
            self.harness.report(
                worker, news(lease, step=self.draw.randint(1, 10)).model_copy(update={"lane_share": 0.5})
            )

    def end(self) -> None:
        for worker, lease in self.some():
            outcome = self.draw.choice(OUTCOMES)
            twice = [news(lease, outcome, step=self.draw.randint(1, 20))] * self.draw.choice((1, 1, 2))
            self.harness.report(worker, *twice)

    def repeat(self) -> None:
        for worker, lease in self.some():
            for _ in range(2):
                self.harness.finish(worker, [lease])

    def release(self) -> None:
        with self.harness.store.write() as session:
            for worker, lease in self.some():
                holding.release(session, worker, [Held(run_id=lease.run_id, fence=lease.fence)])

    def expire(self) -> None:
        self.harness.expire()
        with self.harness.store.write() as session:
            quarantine.judge(session, quarantine.suspects(session))

    def cancel(self) -> None:
        with self.harness.store.write() as session:
            sweeps.cancel(session, self.harness.principal, self.draw.choice(self.sweeps or [self.harness.submit()]))

    def some(self) -> list[tuple[int, Lease]]:
        """Leases that were held once; some are not any more."""
        return self.draw.sample(self.held, min(len(self.held), self.draw.randint(1, 4)))


@pytest.mark.parametrize("seed", range(2))
def test_after_any_history_the_counters_say_what_the_rows_say(harness: Harness, seed: int) -> None:
    walk = Walk(harness, seed)
    walk.submit()
    for _ in range(STEPS):
        walk.step()
        check(harness, walk.sweeps)
    states = {run.state for sweep_id in walk.sweeps for run in harness.runs(sweep_id)}
    assert {"completed", "diverged", "failed"} <= states


def test_what_ends_at_the_same_time_is_counted_once_each(harness: Harness) -> None:
    space = {"schedule": ["linear"], "warmup_steps": [2], "peak_lr": [index / 1000 for index in range(1, 61)]}
    long, short = harness.submit(space=space), harness.submit()

    def work(worker: int) -> None:
        for _ in range(10):
            leases = harness.claim(worker, 3)
            harness.report(worker, *(news(lease, step=5) for lease in leases))
            harness.finish(worker, leases)

    def stop(_worker: int) -> None:
        with harness.store.write() as session:
            sweeps.cancel(session, harness.principal, short)

    with ThreadPoolExecutor(4) as threads:
        ends = [threads.submit(work, harness.worker()) for _ in range(3)]
        ends.append(threads.submit(stop, 0))
        for end in ends:
            end.result()
    check(harness, [long, short])
    assert harness.sweep(short).state == "cancelled"


def test_a_recount_finds_what_was_changed_past_the_counters(harness: Harness) -> None:
    sweep_id = harness.submit()
    worker = harness.worker()
    harness.finish(worker, harness.claim(worker, 8))
    with harness.store.write() as session:
        run = session.get_one(Run, harness.runs(sweep_id)[0].id)
        run.state, run.step = "queued", 0
        tally.recount(session, session.get_one(Sweep, sweep_id))
    sweep = harness.sweep(sweep_id)
    assert counted(sweep) == added_up(harness, sweep)
    assert sweep.runs_unended == 1


def test_a_sweep_whose_counters_are_wrong_ends_all_the_same(harness: Harness) -> None:
    sweep_id = harness.submit()
    with harness.store.write() as session:
        session.get_one(Sweep, sweep_id).runs_unended += 1
    harness.train(harness.worker())
    assert harness.sweep(sweep_id).state == "completed"


def test_the_queue_lists_as_many_sweeps_as_were_asked_for_and_counts_all(harness: Harness) -> None:
    first, urgent, _ = harness.submit(), harness.submit(priority=1), harness.submit()
    with harness.store.read() as session:
        shown = overview.of_queue(session, harness.principal, 2)
    assert [sweep.sweep_id for sweep in shown.sweeps] == [urgent, first]
    assert (shown.queued_runs, shown.running_runs, shown.further_sweeps) == (24, 0, 1)
