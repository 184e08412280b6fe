"""Sweeps that are paused and resumed: nothing of them is trained meanwhile, and nothing is lost whoever comes first."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import select

from service.domain import leases as holding
from service.domain import queue
from service.errors import ConflictError
from service.store.tables import Attempt, Event
from service.studies import Studies
from service.wire.protocol import Claim, Lease
from tests.integration.harness import LEASE_SECONDS, RANDOM, TPE, news
from tests.integration.living import Living


def ends(living: Living, leases: Sequence[Lease]) -> list[str | None]:
    """How the first attempts at these runs ended."""
    ids = [lease.run_id for lease in leases]
    with living.store.read() as session:
        first = select(Attempt.outcome).where(Attempt.run_id.in_(ids), Attempt.number == 1)
        return list(session.scalars(first))


def test_nothing_of_a_paused_sweep_is_granted_and_others_go_on(living: Living) -> None:
    paused, other = living.submit(priority=5), living.submit()
    for _ in range(2):
        assert living.pause(paused).state == "paused"
    worker = living.worker()
    assert {lease.sweep_id for lease in living.claim(worker, 100)} == {other}
    assert living.states(paused) == ["paused"] * 8
    for _ in range(2):
        assert living.resume(paused).state == "queued"
    assert {lease.sweep_id for lease in living.claim(worker, 100)} == {paused}


def test_what_trains_is_parked_at_the_next_report_and_taken_up_after_the_resume(living: Living) -> None:
    sweep = living.submit()
    worker = living.worker()
    leases = living.claim(worker, 3)
    living.pause(sweep)
    for _ in range(2):
        answers = living.report(worker, *(news(lease, step=8) for lease in leases))
        assert [answer.command for answer in answers] == ["park"] * 3
    assert living.states(sweep) == ["paused"] * 5 + ["running"] * 3
    assert len(living.release(worker, *leases)) == 3
    assert sorted((run.state, run.step) for run in living.runs(sweep)) == [("paused", 0)] * 5 + [("paused", 8)] * 3
    assert living.claim(worker, 100) == []
    assert living.resume(sweep).state == "running"
    again = living.claim(worker, 100)
    assert sorted(lease.attempt for lease in again) == [1] * 5 + [2] * 3
    living.finish(worker, again)
    assert living.sweep(sweep).state == "completed"
    assert ends(living, leases) == ["paused"] * 3


def test_a_run_that_ends_before_its_worker_hears_of_the_pause_has_ended(living: Living) -> None:
    sweep = living.submit(space={"schedule": ["linear"], "peak_lr": [0.1, 0.2]})
    worker = living.worker()
    leases = living.claim(worker)
    living.finish(worker, leases[:1])
    living.pause(sweep)
    (answer,) = living.finish(worker, leases[1:])
    assert answer.command == "continue"
    assert living.sweep(sweep).state == "completed"
    assert living.pause(sweep).state == living.resume(sweep).state == "completed"


@pytest.mark.parametrize("way", ["lost", "failed", "gone"])
def test_whatever_lets_go_of_a_run_of_a_paused_sweep_leaves_it_paused(living: Living, way: str) -> None:
    sweep = living.submit()
    worker, other = living.worker(), living.worker()
    leases = living.claim(worker, 2)
    living.pause(sweep)
    if way == "failed":
        living.fail(worker, *leases, cause="crash")
    elif way == "lost":
        living.expire()
    else:
        with living.store.write() as session:
            holding.release(session, worker, holding.held_by(session, worker))
    assert living.claim(other, 100) == []
    assert living.states(sweep) == ["paused"] * 8
    living.resume(sweep)
    assert living.train(other) == 8


@pytest.mark.parametrize("first", ["resume", "claim"])
def test_a_resume_at_the_moment_at_which_a_lost_run_is_found_strands_nothing(living: Living, first: str) -> None:
    sweep = living.submit(space={"schedule": ["linear"], "peak_lr": [0.1]})
    living.claim(living.worker())
    living.pause(sweep)
    living.expire()
    request = Claim(worker_id=living.worker(), lanes=1)

    def claim() -> None:
        with living.store.write() as session:
            queue.claim(session, request, LEASE_SECONDS)

    acts = {"resume": lambda: living.resume(sweep), "claim": claim}
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda name: acts[name](), sorted(acts, key=lambda name: name != first)))
    assert living.states(sweep) in (["queued"], ["running"])
    living.expire()
    assert living.train(living.worker()) == 1


def test_trials_that_are_proposed_while_their_sweep_is_paused_wait_with_it(
    living: Living, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = living.submit(TPE, trials=5)
    propose = Studies.propose

    def slow(studies: Studies, *given: Any, **options: Any) -> Any:
        living.pause(sweep)
        return propose(studies, *given, **options)

    monkeypatch.setattr(Studies, "propose", slow)
    worker = living.worker()
    assert living.claim(worker, 2) == []
    monkeypatch.undo()
    assert living.states(sweep) == ["paused"] * 2
    assert living.claim(worker, 2) == []
    living.resume(sweep)
    assert living.train(worker) == len(living.trials(sweep)) == 5


def test_a_paused_sampler_is_asked_for_nothing(living: Living) -> None:
    sweep = living.submit(RANDOM)
    living.pause(sweep)
    assert living.claim(living.worker()) == []
    living.sampling.ask(sweep, 3)
    assert living.trials(sweep) == []


def test_a_paused_sweep_can_be_cancelled_and_is_not_resumed_then(living: Living) -> None:
    sweep = living.submit()
    worker = living.worker()
    leases = living.claim(worker, 2)
    living.pause(sweep)
    living.cancel(sweep)
    assert {answer.command for answer in living.report(worker, *map(news, leases))} == {"stop"}
    assert living.states(sweep) == ["cancelled"] * 8
    assert living.pause(sweep).state == "cancelled"
    with pytest.raises(ConflictError, match=r"cancelled, which is final; `rampline clone 1`"):
        living.resume(sweep)
    assert living.states(sweep) == ["cancelled"] * 8


def test_another_priority_moves_what_is_queued_and_what_comes_later(living: Living) -> None:
    first, second, learning = living.submit(), living.submit(), living.submit(RANDOM, trials=4)
    worker = living.worker()
    living.claim(worker, 2)
    for _ in range(2):
        living.prioritise(second, 7)
    living.prioritise(learning, 9)
    order = [lease.sweep_id for _ in range(9) for lease in living.claim(worker, 2)]
    assert order == [learning] * 4 + [second] * 8 + [first] * 6
    assert {run.priority for run in living.runs(first)} == {0}
    assert living.sweep(second).spec["priority"] == 7
    living.expire()
    assert {lease.sweep_id for lease in living.claim(living.worker(), 4)} == {learning}


def test_what_was_done_is_in_the_audit_trail_once(living: Living) -> None:
    sweep = living.submit()
    for act in (living.pause, living.resume):
        act(sweep)
        act(sweep)
    living.prioritise(sweep, 3)
    living.prioritise(sweep, 3)
    with living.store.read() as session:
        told = session.execute(select(Event.kind, Event.detail, Event.user_id).order_by(Event.id)).all()
    assert [row.kind for row in told] == ["sweep.submitted", "sweep.paused", "sweep.resumed", "sweep.prioritised"]
    assert told[-1].detail == {"before": 0, "now": 3}
    assert {row.user_id for row in told} == {living.principal.user_id}
