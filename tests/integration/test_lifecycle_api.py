"""Pausing, extending, retrying, cloning over HTTP: what people send, and what they are told."""

from typing import Any

import pytest
from sqlalchemy import select

from service.client import ApiError
from service.store.tables import Event
from service.wire.events import StateChange, SweepEnd, TrialEnd
from service.wire.protocol import Claim, Outcome
from tests.integration.harness import GRID, RANDOM, TPE
from tests.integration.serving import Serving, finished, hello

# What is asked of HTTP, and not of the database, is asked on one.
on_one_database = pytest.mark.parametrize("backend", ["sqlite"])


FAILED = Outcome(state="failed", cause="bad_data", error="no")


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look more often than a server in use does."""
    monkeypatch.setattr("service.streams.POLL_SECONDS", 0.05)


def test_a_sweep_is_paused_resumed_extended_and_tried_again(serving: Serving) -> None:
    member = serving["member"]
    sweep = member.submit(GRID).id
    assert [member.pause(sweep).state for _ in range(2)] == ["paused"] * 2
    assert member.sweep(sweep).progress.runs["paused"] == 8
    assert {trial.state for trial in member.all_trials(sweep)} == {"paused"}
    assert [one.id for one in member.sweeps(state="paused").items] == [sweep]
    assert serving.train() == 0
    assert [member.resume(sweep).state for _ in range(2)] == ["queued"] * 2
    assert serving.train() == 8
    for _ in range(2):
        more = member.extend(sweep, {"total_steps": 40, "space": {"peak_lr": 0.02}})
        assert (more.state, more.progress.trials_total) == ("running", 24)
        assert (more.spec.total_steps.values, more.finished_at) == ([20, 40], None)
    assert serving.train() == 16
    assert member.retry(sweep).state == "completed"
    assert member.prioritise(sweep, 5).priority == 5
    with serving.parts.store.read() as session:
        kinds = session.scalars(select(Event.kind).order_by(Event.id)).all()
    assert kinds == [f"sweep.{what}" for what in ("submitted", "paused", "resumed", "extended", "prioritised")]


def test_a_waiting_claim_is_answered_as_soon_as_a_sweep_is_resumed(serving: Serving) -> None:
    member, worker = serving["member"], serving["worker"]
    sweep = member.submit(GRID).id
    member.pause(sweep)
    worker_id = worker.register(hello()).worker_id
    member.resume(sweep)
    assert len(worker.claim(Claim(worker_id=worker_id, lanes=2, wait_seconds=20)).leases) == 2


def test_a_repeated_submission_is_known_after_the_sweep_has_changed(serving: Serving) -> None:
    member = serving["member"]
    sweep = member.submit(RANDOM, idempotency_key="again").id
    member.prioritise(sweep, 4)
    member.extend(sweep, {"trials": 20, "space": {"schedule": ["rex"]}})
    member.pause(sweep)
    again = member.submit(RANDOM, idempotency_key="again")
    assert (again.id, again.state, again.progress.trials_total) == (sweep, "paused", 20)
    with pytest.raises(ApiError, match="belongs to sweep"):
        member.submit(RANDOM | {"trials": 20}, idempotency_key="again")


def test_a_clone_is_the_sweep_as_it_is_by_now_but_for_what_is_changed(serving: Serving) -> None:
    member = serving["member"]
    sweep = member.submit(TPE).id
    member.extend(sweep, {"trials": 15, "space": {"schedule": ["rex"]}})
    member.cancel(sweep)
    changes: dict[str, Any] = {"name": "again", "space.peak_lr": [0.1], "model.d_model": 32, "warm_start.sweep": sweep}
    copy = member.clone(sweep, changes, idempotency_key="k")
    original = member.sweep(sweep).spec
    assert (copy.name, copy.state, copy.spec.trials) == ("again", "queued", 15)
    assert copy.spec.space.schedule == original.space.schedule
    assert (copy.spec.space.peak_lr, copy.spec.model.d_model) != (original.space.peak_lr, original.model.d_model)
    assert copy.spec.warm_start is not None
    assert member.clone(sweep, changes, idempotency_key="k").id == copy.id
    assert member.clone(sweep).spec == original
    with serving.parts.store.read() as session:
        detail = session.scalar(select(Event.detail).where(Event.sweep_id == copy.id))
    assert detail == {"cloned_from": sweep}


@on_one_database
@pytest.mark.parametrize(
    ("changes", "field", "problem"),
    [
        ({"trails": 3}, "trails", "there is no such field"),
        ({"space.peak": [1]}, "space.peak", "there is no such field"),
        ({"trials": "many"}, "trials", "input should be a valid integer"),
        ({"sampler.type": "grid"}, "space.peak_lr", "a grid needs listed values"),
        ({"warm_start.sweep": 99}, "warm_start.sweep", "your team has no sweep 99"),
    ],
    ids=str,
)
def test_a_clone_that_cannot_be_trained_is_refused_with_the_field(
    serving: Serving, changes: dict[str, Any], field: str, problem: str
) -> None:
    sweep = serving["member"].submit(RANDOM).id
    with pytest.raises(ApiError) as refused:
        serving["member"].clone(sweep, changes)
    told = {one.field: one.problem for one in refused.value.problem.errors}
    assert problem in told[field]
    assert len(serving["member"].sweeps().items) == 1


@on_one_database
@pytest.mark.parametrize(
    ("wish", "field", "problem"),
    [
        ({}, "body", "it asks for nothing"),
        ({"trials": 0}, "trials", "greater than or equal to 1"),
        ({"steps": 3}, "steps", "there is no such field"),
        ({"total_steps": [0]}, "total_steps.values.0", "greater than or equal to 1"),
        ({"space": {"peak_lr": 3}, "trials": 2}, "space.peak_lr", "a list takes nearly all away"),
        ({"space": {"peak_lr": 3}, "trials": 2}, "trials", "2 is fewer than the 12 that it has"),
        ({"trials": 100_000, "total_steps": [1]}, "space.warmup_steps", ""),
    ],
    ids=str,
)
def test_an_extension_that_cannot_be_is_refused_with_the_field(
    serving: Serving, wish: dict[str, Any], field: str, problem: str
) -> None:
    sweep = serving["member"].submit(RANDOM).id
    with pytest.raises(ApiError) as refused:
        serving["member"].extend(sweep, wish)
    told = {one.field: one.problem for one in refused.value.problem.errors}
    assert problem in told[field], told
    assert serving["member"].sweep(sweep).progress.trials_total == 12


@on_one_database
def test_what_cannot_be_any_more_is_a_conflict(serving: Serving) -> None:
    member = serving["member"]
    sweep = member.submit(GRID).id
    member.cancel(sweep)
    for call in (member.resume, member.retry, lambda one: member.extend(one, {"total_steps": 40})):
        with pytest.raises(ApiError, match=f"sweep {sweep} was cancelled, which is final; `rampline clone") as refused:
            call(sweep)
        assert (refused.value.problem.status, refused.value.problem.code) == (409, "conflict")
    assert member.pause(sweep).state == "cancelled"


def test_followers_are_told_of_pauses_and_go_on_after_an_end_that_was_none(serving: Serving) -> None:
    member, worker = serving["member"], serving["worker"]
    sweep = member.submit(GRID).id
    stream = member.events(sweep)
    states = []
    for act in (None, member.pause, member.resume):
        if act is not None:
            act(sweep)
        states.append(next(event.news.state for event in stream if isinstance(event.news, StateChange)))
    assert states == ["queued", "paused", "queued"]
    serving.train()
    told = list(stream)
    assert isinstance(told[-1].news, SweepEnd)
    assert serving.http().get(f"/sweeps/{sweep}/events", headers={"Last-Event-ID": told[-1].id}).status_code == 204
    member.extend(sweep, {"total_steps": 40})
    more = member.events(sweep, last_event_id=told[-1].id)
    assert next(more).news == StateChange(state="running")
    worker_id = worker.register(hello()).worker_id
    worker.report(finished(worker_id, worker.claim(Claim(worker_id=worker_id, lanes=100)).leases))
    rest = list(more)
    assert sorted(event.news.number for event in rest if isinstance(event.news, TrialEnd)) == list(range(8, 16))
    assert isinstance(rest[-1].news, SweepEnd)


def test_a_follower_of_trials_that_are_tried_again_is_told_how_they_end(serving: Serving) -> None:
    member, worker = serving["member"], serving["worker"]
    sweep = member.submit(GRID).id
    worker_id = worker.register(hello()).worker_id
    leases = worker.claim(Claim(worker_id=worker_id, lanes=8)).leases
    news = finished(worker_id, leases)
    failing = [one.model_copy(update={"outcome": FAILED}) for one in news.runs[:8]]
    worker.report(news.model_copy(update={"runs": [*failing[:2], *news.runs[2:]]}))
    stream = member.events(sweep, last_event_id="4-running")
    member.retry(sweep)
    assert next(event.news for event in stream if not isinstance(event.news, TrialEnd)).model_dump()
    assert serving.train() == 2
    ends = [event.news for event in stream if isinstance(event.news, TrialEnd)]
    assert {end.number: end.state for end in ends[-2:]} == {leases[0].trial: "completed", leases[1].trial: "completed"}
