"""The queue: who is granted which runs. The table `runs` is the queue; see `service.store.tables`.

Rows are always locked in the order sweeps, trials, runs, so that no two transactions wait for each other.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import Select, bindparam, delete, exists, func, not_, select
from sqlalchemy.orm import Session

from service.domain import (
    attempts,
    descriptions,
    fairness,
    heads,
    placement,
    quarantine,
    shares,
    workers,
)
from service.domain.fairness import USUAL, Policy, Standing
from service.domain.placement import ANY, Fit
from service.store import clock
from service.store.tables import QUEUE_ORDER, SUSPECT, Run, Sweep, Team, ValPoint, Worker, in_state
from service.wire.protocol import Claim, Lease

MOST_WORKERS = 10_000


class Taken(NamedTuple):
    """Leases, and the sweeps of them that had not begun."""

    leases: list[Lease]
    begun: set[int]


def claim(session: Session, request: Claim, lease_seconds: float, policy: Policy = USUAL) -> Taken:
    """Take up to `request.lanes` runs that can share a batch: for whichever teams are next (`service.domain.fairness`).

    Within a team they go by priority, then by age of the sweep and the run. Beyond them, siblings of what is taken or
    held come (see `_siblings`).

    A run is claimable when it is queued, or when its lease has expired and its sweep is not paused. On PostgreSQL the
    rows are locked and those that somebody else is taking are skipped; on SQLite the writing session already excludes
    everybody else. A run that is suspected of killing its workers is granted alone, to a worker that holds nothing: see
    `domain.quarantine`.
    """
    footing = Footing(*session.execute(_footing(), {"worker": request.worker_id}).one())
    now = footing.now
    runs = _take(session, request, footing, policy)
    seated = {run.id for run in runs}
    runs += _siblings(session, now, request, runs, lease_seconds)
    again = [run.id for run in runs if run.attempt]
    if again:
        session.execute(delete(ValPoint).where(ValPoint.run_id.in_(again)))
    for run in runs:
        run.state = "running"
        run.step = 0
        run.lane_share = float(run.id in seated)  # until its worker says what it has
        run.train_loss = run.initial_value = run.best_value = None
        run.worker_id = request.worker_id
        run.fence += 1
        run.attempt += 1
        run.attempt_seconds, run.attempt_joules = 0.0, None
        run.started_at = now
        run.lease_expires_at = now + timedelta(seconds=lease_seconds)
    attempts.begin(session, runs)
    session.flush()
    return _taken(session, runs)


class Footing(NamedTuple):
    """What a claim goes from: the time, and what the worker holds.

    `holds` counts its runs, `freeing` those of them that are to give way, and `losses` are the most that one has had.
    `lapsed` says that somewhere leases have expired, and `demanding` that some sweep wants more than any worker.
    """

    now: datetime
    holds: int
    freeing: int
    losses: int
    lapsed: bool
    demanding: bool


@cache
def _footing() -> Select[*tuple[Any, ...]]:
    running, moment = in_state(Run.state, "running"), clock.ago(timedelta(0))
    freeing = func.count(Run.id).filter(Run.gives_way)
    held = select(clock.MOMENT, func.count(Run.id), freeing, func.coalesce(func.max(Run.losses), 0))
    its = held.where(running, Run.worker_id == bindparam("worker"), Run.lease_expires_at >= moment).subquery()
    lapsed = exists().where(running, Run.lease_expires_at < moment)
    return select(*its.c, lapsed, placement.demanding())


def _take(session: Session, request: Claim, footing: Footing, policy: Policy) -> list[Run]:
    """Lock and choose the runs to grant; what is lost with them is counted."""
    now, holds, lapsed = footing.now, footing.holds, footing.lapsed
    if footing.losses >= SUSPECT:
        return []
    if request.shape is not None and holds and footing.freeing == holds:
        return []  # it is to come free for another shape
    fit = (
        placement.fit_of(session, request.worker_id, request.shape)
        if footing.demanding
        else Fit(request.shape, placement.NOTHING)
    )
    waiting = shares.standings(session, now, policy, fit, most=request.lanes)
    if fit.shape is None:
        while waiting:
            team = next(iter(fairness.allot(waiting, 1)), None)
            if team is None:
                return []
            first = _unsuspected(session, now, team, fit, 1, lapsed=lapsed)
            suspects = [] if holds else list(session.scalars(candidates("queued", team, fit, 1, suspects=True)))
            if suspects and (not first or _place(suspects[0]) < _place(first[0])):
                return suspects
            if first:
                fit = fit.with_shape(first[0].shape)
                break
            waiting = [one for one in waiting if one.team != team]
        else:
            return []
        if len(waiting) > 1:
            waiting = shares.standings(session, now, policy, fit, most=request.lanes)
    return _share_out(session, now, fit, request.lanes, waiting, lapsed=lapsed)


def _share_out(
    session: Session, now: datetime, fit: Fit, lanes: int, waiting: Sequence[Standing], *, lapsed: bool
) -> list[Run]:
    """Runs of one shape for so many lanes; what a team turns out to lack goes to the others."""
    given = fairness.allot(waiting, lanes)
    runs = heads.locked(session, [candidates("queued", team, fit, n, lock=False) for team, n in given.items()])
    runs.sort(key=lambda run: (list(given).index(run.team_id), _place(run)))
    waiting = heads.after(waiting, runs)
    while given := fairness.allot(waiting, lanes - len(runs)):
        for team, count in given.items():
            found = _unsuspected(session, now, team, fit, count, [run.id for run in runs], lapsed=lapsed)
            runs += found
            (one,) = (one for one in waiting if one.team == team)
            left = one.waiting - count if len(found) == count else 0
            now_has = replace(one, lanes=one.lanes + len(found), waiting=left)
            waiting = [now_has if one.team == team else one for one in waiting]
    return runs


def _unsuspected(
    session: Session, now: datetime, team: int, fit: Fit, limit: int, taken: Sequence[int] = (), *, lapsed: bool
) -> list[Run]:
    """Claimable runs, with `lapsed` those whose lease has expired, too.

    Such a run goes back to the queue, and may be suspected from then on.
    """
    wanted = [candidates("queued", team, fit, limit)]
    if lapsed:
        wanted.append(candidates("running", team, fit, limit).where(Run.lease_expires_at < now, not_(Run.paused)))
    found = [run for query in wanted for run in session.scalars(query.where(Run.id.not_in(taken)) if taken else query)]
    found = sorted(found, key=_place)[:limit]
    expired = [run for run in found if run.state == "running"]
    if expired:
        quarantine.lose(session, expired, now)
        session.flush()
    return [run for run in found if run.losses < SUSPECT]


def _place(run: Run) -> tuple[int, int, int]:
    return -run.priority, run.sweep_id, run.id


@dataclass(frozen=True)
class Outlook:
    """What there is to claim: whether sweeps have yet to make runs, and whether leases have expired.

    `idle` is for how long nobody can be granted anything unless something is queued; None if somebody might be now.
    """

    idle: timedelta | None
    asking: bool
    lapsed: bool


def outlook(session: Session, worker_id: int) -> Outlook:
    """What there is to claim, by one statement.

    Raises:
        NotFoundError: the worker never registered, or it said that it leaves.
    """
    present, queued, asking, expiry, now = session.execute(_outlook(), {"worker": worker_id}).one()
    if present is None:
        raise workers.absent(worker_id)
    lapsed = expiry is not None and expiry <= now
    if queued is not None or asking is not None or lapsed:
        return Outlook(None, asking is not None, lapsed)
    return Outlook(timedelta.max if expiry is None else expiry - now, asking=False, lapsed=False)


@cache
def _outlook() -> Select[*tuple[Any, ...]]:
    return select(
        workers.present().scalar_subquery(),
        select(Run.id).where(in_state(Run.state, "queued")).limit(1).scalar_subquery(),
        select(Sweep.id).where(Sweep.asking).limit(1).scalar_subquery(),
        select(func.min(Run.lease_expires_at)).where(in_state(Run.state, "running")).scalar_subquery(),
        clock.MOMENT,
    )


def _siblings(
    session: Session, now: datetime, request: Claim, granted: Sequence[Run], lease_seconds: float
) -> list[Run]:
    """Queued runs that share a beginning with those granted, or with what the worker holds.

    No more than leave each worker that lives as many of these teams' runs as this one has: a beginning saved is less
    than a worker idle. A worker that is alone gets all of them.
    """
    if not request.siblings or not granted or granted[0].losses >= SUSPECT:
        return []
    held = session.scalars(
        select(Run.trunk).where(in_state(Run.state, "running"), Run.worker_id == request.worker_id)
    ).all()
    trunks = {*held, *(run.trunk for run in granted)}
    taken = [run.id for run in granted]
    siblings = select(Run).where(in_state(Run.state, "queued"), Run.trunk.in_(trunks), Run.id.not_in(taken))
    siblings = siblings.where(not_(quarantine.suspected()))
    # A team with a quota gets no more runs than lanes: siblings want a lane of their own when they part.
    teams = {run.team_id for run in granted}
    unlimited = session.scalars(select(Team.id).where(Team.id.in_(teams), Team.lane_quota.is_(None))).all()
    siblings = siblings.where(Run.team_id.in_(unlimited))
    there = _count(session, siblings, request.siblings)
    if not there:
        return []
    alive = select(Worker).where(Worker.left_at.is_(None), Worker.last_seen_at > now - timedelta(seconds=lease_seconds))
    living = max(1, _count(session, alive, MOST_WORKERS))
    has = len(held) + len(granted)
    left = sum(
        _count(
            session,
            _of_shape(state, teams, granted[0].shape),
            living * (has + there),
        )
        for state in ("queued", "running")
    )
    wanted = min(there, -(-left // living) - has)
    if wanted <= 0:
        return []
    return list(session.scalars(siblings.order_by(Run.id).limit(wanted).with_for_update(skip_locked=True)))


def _of_shape(state: str, teams: set[int], shape: str) -> Select[Run]:
    """The runs of teams, of one shape and state; one team's in the order of the index, which is then gone through."""
    rows = select(Run).where(in_state(Run.state, state), Run.team_id.in_(teams), Run.shape == shape)
    return rows.order_by(*QUEUE_ORDER) if state == "queued" and len(teams) == 1 else rows


def _count(session: Session, rows: Select[Any], most: int) -> int:
    """How many rows there are, counted no further than `most`."""
    return session.scalar(select(func.count()).select_from(rows.limit(most).subquery())) or 0


def candidates(
    state: str, team: int, fit: Fit, limit: int, *, lock: bool = True, suspects: bool = False
) -> Select[Run]:
    """The query for a team's runs in one state, in the order in which they are taken: those to train beside others.

    With `suspects` for those that may not.
    """
    query = select(Run).where(in_state(Run.state, state), Run.team_id == team, *fit.of(Run))
    query = query.where(quarantine.suspected() if suspects else not_(quarantine.suspected()))
    query = query.order_by(*QUEUE_ORDER).limit(limit)
    return query.with_for_update(skip_locked=True) if lock else query


def next_shape(session: Session, team: int, fit: Fit = ANY) -> str | None:
    """The shape of what is a team's first in the queue and fits: a run, or a sweep that has yet to make one."""
    firsts: list[tuple[int, int, str]] = []
    for state in ("queued", "running"):
        query = candidates(state, team, fit, 1, lock=False)
        if state == "running":
            query = query.where(Run.lease_expires_at < clock.now(session))
        firsts += [(-run.priority, run.sweep_id, run.shape) for run in session.scalars(query)]
    asking = select(Sweep).where(Sweep.asking, Sweep.team_id == team, *fit.of(Sweep))
    first = session.scalar(asking.order_by(Sweep.priority.desc(), Sweep.id).limit(1))
    if first is not None:
        firsts.append((-first.priority, first.id, first.shape))
    return min(firsts)[2] if firsts else None


def _taken(session: Session, runs: Sequence[Run]) -> Taken:
    if not runs:
        return Taken([], set())
    described = descriptions.rows(session, [run.id for run in runs])
    begun = {row.sweep_id for row in described.values() if row.sweep_state == "queued"}
    leases = [
        Lease(
            **descriptions.parts(described[run.id]),
            fence=run.fence,
            attempt=run.attempt,
            alone=run.losses >= SUSPECT,
        )
        for run in runs
    ]
    return Taken(leases, begun)
