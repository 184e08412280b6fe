"""What the holders of leases say: how far their runs are, how they have ended, that they give them back.

Rows are always locked in the order sweeps, trials, runs, so that no two transactions wait for each other.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Literal

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from service.domain import attempts, quarantine, results, triage, usage
from service.domain.attempts import Ended
from service.domain.fairness import USUAL, Policy
from service.store import clock
from service.store.among import among
from service.store.tables import Attempt, Run, ValPoint, in_state
from service.store.upsert import insert
from service.wire.protocol import Command, Held, Outcome, Report, RunReport
from service.wire.views import AttemptOutcome

Refusal = Literal["continue", "stop", "lost"]


@dataclass(frozen=True)
class Ending:
    """That a worker which holds a run says how it has ended."""

    worker_id: int
    fence: int
    outcome: Outcome


def report(
    session: Session, request: Report, now: datetime, lease_seconds: float, policy: Policy = USUAL
) -> tuple[list[Command], dict[int, Ending]]:
    """Write down what a worker says of its runs, charge it, and renew their leases.

    Returns the answers, and the ends that it told of, by the runs' ids: to be written down by `end`.

    A report under another fence, or on a run that is no longer running, changes nothing and is answered with `lost`
    (`stop` when the run was cancelled). The right fence renews even an expired lease: nobody took the run meanwhile.
    A final report that is repeated is answered as the first time. A run that is to give way, or whose sweep is paused,
    is to be parked: it is answered so until it is given back, or ends.
    """
    held = _locked(session, (news.run_id for news in request.runs))
    commands, points = [], []
    ends: dict[int, Ending] = {}
    charged = [(held[news.run_id], news) for news in request.runs if _is_charged(held.get(news.run_id), news, request)]
    usage.charge(session, request.worker_id, charged, now, policy.half_life)
    for news in request.runs:
        run = held.get(news.run_id)
        refusal = _refusal(run, request.worker_id, news.fence, news.outcome)
        if run is not None and run.id in ends:  # said twice
            refusal = "continue" if news.outcome is not None else "lost"
        if run is not None and refusal is None:
            assert run.lease_expires_at is not None
            expiry = now + timedelta(seconds=lease_seconds)
            _note(run, news, since=expiry - run.lease_expires_at)
            run.lease_expires_at = expiry
            _note_attempt(session, run, news)
            points += [{"run_id": run.id, "step": point.step, "value": point.value} for point in news.val]
            if news.outcome is not None:
                ends[run.id] = Ending(request.worker_id, news.fence, _whole(news.outcome))
        parks = run is not None and (run.gives_way or run.paused) and news.outcome is None
        commands.append(Command(run_id=news.run_id, command=refusal or ("park" if parks else "continue")))
    _add_points(session, points)
    session.flush()
    return commands, ends


def end(session: Session, ends: Mapping[int, Ending]) -> dict[int, Refusal]:
    """End runs as their workers say, by the runs' ids, and count what that ends; in a transaction of its own.

    Returns what to answer instead of `continue` where a run was cancelled or lost since its worker reported on it.
    """
    now = clock.now(session)
    locked = results.lock(session, ends)
    held = _locked(session, ends)
    refusals: dict[int, Refusal] = {}
    ending = []
    for run_id, one in ends.items():
        run = held.get(run_id)
        refusal = _refusal(run, one.worker_id, one.fence, one.outcome)
        if run is not None and refusal is None:
            ending.append((run, one.outcome))
        elif refusal is not None:
            refusals[run_id] = refusal
    ended = _end(session, ending, now)
    session.flush()
    results.settle(session, ended, locked)
    return refusals


def release(session: Session, worker_id: int, runs: Sequence[Held]) -> list[int]:
    """Put runs back into the queue, or aside if their sweep is paused; returns their ids.

    Those held under another fence are left alone.
    """
    now = clock.now(session)
    held = _locked(session, (run.run_id for run in runs))
    released = [held[one.run_id] for one in runs if one.run_id in held]
    fences = {one.run_id: one.fence for one in runs}
    released = [run for run in released if _holds(run, worker_id, fences[run.id])]
    ends = [
        Ended(run, "paused") if run.paused else Ended(run, "released", "its worker gave it back") for run in released
    ]
    attempts.end(session, ends, now)
    for run in released:
        quarantine.requeue(run)
    session.flush()
    return [run.id for run in released]


def held_by(session: Session, worker_id: int) -> list[Held]:
    """The runs that a worker holds."""
    held = select(Run.id, Run.fence).where(in_state(Run.state, "running"), Run.worker_id == worker_id).order_by(Run.id)
    return [Held(run_id=run_id, fence=fence) for run_id, fence in session.execute(held)]


def _locked(session: Session, run_ids: Iterable[int]) -> dict[int, Run]:
    return {run.id: run for run in session.scalars(_named(), {"ids": set(run_ids)})}


@cache
def _named() -> Select[Run]:
    named = select(Run).where(among(Run.id, "ids")).order_by(Run.id).with_for_update()
    return named.execution_options(populate_existing=True)


def _holds(run: Run, worker_id: int, fence: int) -> bool:
    return run.state == "running" and run.fence == fence and run.worker_id == worker_id


def _refusal(run: Run | None, worker_id: int, fence: int, outcome: Outcome | None) -> Refusal | None:
    """What to answer to news of a run that change nothing; None if they are to be taken."""
    if run is None:
        return "lost"
    if _holds(run, worker_id, fence):
        return None
    mine = run.fence == fence and run.worker_id == worker_id
    if mine and run.state == "cancelled":
        return "stop"
    repeated = mine and outcome is not None and run.state == outcome.state
    return "continue" if repeated else "lost"


def _is_charged(run: Run | None, news: RunReport, request: Report) -> bool:
    """Whether a report says what a run has cost its team: also that it went on until its worker heard of its end."""
    return run is not None and _refusal(run, request.worker_id, news.fence, news.outcome) in (None, "stop")


def _note_attempt(session: Session, run: Run, news: RunReport) -> None:
    if news.resumed_from or news.note is not None:
        attempt = session.get_one(Attempt, (run.id, run.attempt))
        attempt.resumed_from = news.resumed_from
        attempt.note = news.note


def _note(run: Run, news: RunReport, *, since: timedelta) -> None:
    quarantine.note_progress(run, news.step, resumed_from=news.resumed_from, lane_share=news.lane_share, since=since)
    run.step = min(max(run.step, news.step), run.total_steps)
    run.lane_share = news.lane_share
    run.mlflow_run_id = news.mlflow_run_id or run.mlflow_run_id
    if news.train_loss is not None:
        run.train_loss = news.train_loss
    if not news.val:
        return
    losses = {point.step: point.value for point in news.val}
    best = min(losses.values())
    run.best_value = best if run.best_value is None else min(run.best_value, best)
    if 0 in losses:
        run.initial_value = losses[0]


def _add_points(session: Session, points: list[dict[str, Any]]) -> None:
    """Add validation losses; one that is there already, from a report whose answer was lost, stays as it is."""
    if points:
        session.connection().execute(insert(session, ValPoint).on_conflict_do_nothing(), points)


def _whole(outcome: Outcome) -> Outcome:
    """An outcome that can be ranked: to complete without a validation loss is to fail."""
    if outcome.state == "completed" and outcome.value is None:
        return Outcome(state="failed", error="it completed without a validation loss")
    return outcome


def _end(session: Session, ends: Sequence[tuple[Run, Outcome]], now: datetime) -> list[Run]:
    """End the attempts of runs; returns the runs that have ended too, and are not tried again."""
    ended = []
    attempts.end(session, [Ended(run, _end_of(outcome), outcome.error) for run, outcome in ends], now)
    for run, outcome in ends:
        run.error = outcome.error
        run.lane_share = 0
        run.gives_way = False
        if outcome.state == "failed":
            cause = _end_of(outcome)
            if triage.is_tried_again(cause, attempts.count(session, run, cause)):
                quarantine.requeue(run)
                continue
            run.cause = cause
        else:
            run.value = outcome.value
            run.diverged_at = outcome.diverged_at
        run.state = outcome.state
        run.ended_at = now
        run.to_track = True
        ended.append(run)
    return ended


def _end_of(outcome: Outcome) -> AttemptOutcome:
    """How an attempt ended, in one word."""
    return (outcome.cause or "crash") if outcome.state == "failed" else outcome.state
