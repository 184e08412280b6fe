"""Runs that give way: those of teams with more than their share, while other teams wait; and of teams without hours.

A run is told by the answer to its worker's next report (`park`): its state is kept, its lane is free, it is queued
again, and goes on where it was. See `service.domain.fairness` for whose turn it is.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from sqlalchemy import not_, select, update
from sqlalchemy.orm import Session

from service.domain import fairness, queue, shares, usage
from service.domain.fairness import Holding, Policy
from service.domain.placement import Fit
from service.domain.usage import Used
from service.store import clock
from service.store.tables import SUSPECT, Run, Team, Worker, in_state

# Nothing is parked for a run that its worker may not be able to take.
UNDEMANDING = Fit(keys=("",))


def give_way(session: Session, policy: Policy, lease_seconds: float) -> list[int]:
    """Mark the runs that are to be parked now; returns their ids."""
    now = clock.now(session)
    spent = _of_spent_teams(session, now, policy)
    chosen = spent or _for_others(session, now, policy, timedelta(seconds=lease_seconds))
    if not chosen:
        return []
    # In the order in which reports lock them.
    running = select(Run).where(Run.id.in_(chosen), in_state(Run.state, "running")).order_by(Run.id)
    runs = session.scalars(running.with_for_update().execution_options(populate_existing=True)).all()
    for run in runs:
        run.gives_way = True
    if not spent:
        teams = {run.team_id for run in runs}
        session.execute(update(Team).where(Team.id.in_(teams)).values(gave_way_at=now))
    session.flush()
    return [run.id for run in runs]


def _of_spent_teams(session: Session, now: datetime, policy: Policy) -> list[int]:
    """What trains for teams that have used up their month."""
    limited = session.scalars(select(Team).where(Team.hour_quota.is_not(None))).all()
    used = usage.of_teams(session, now, policy.half_life) if limited else {}
    spent = [team.id for team in limited if shares.hours_left(team, used.get(team.id, Used())) <= 0]
    if not spent:
        return []
    running = select(Run.id).where(in_state(Run.state, "running"), not_(Run.gives_way), Run.team_id.in_(spent))
    return list(session.scalars(running))


def _for_others(session: Session, now: datetime, policy: Policy, lease: timedelta) -> list[int]:
    lanes = _lanes(session, now, lease)
    most = max(1, sum(lanes.values()))
    standings = shares.standings(session, now, policy, UNDEMANDING, most=most, asking=True, with_holders=True)
    if len(standings) < 2:
        return []
    holdings, free = _held(session, now, lanes)
    due = fairness.dues(standings, sum(one.lanes for one in standings) + sum(free.values()))
    lacking = [one.team for one in standings if one.waiting and due[one.team] > one.lanes]
    if not lacking:
        return []
    shapes = _next_shapes(session, lacking)
    return fairness.evictions(standings, holdings, shapes, free, least_seconds=policy.least.total_seconds())


def _lanes(session: Session, now: datetime, lease: timedelta) -> dict[int, int]:
    """The lanes of the workers that live, by the workers' ids."""
    alive = select(Worker.id, Worker.lanes).where(Worker.left_at.is_(None), Worker.last_seen_at > now - lease)
    return dict(session.execute(alive).all())


def _held(session: Session, now: datetime, lanes: Mapping[int, int]) -> tuple[list[Holding], dict[str | None, float]]:
    """What trains and may be parked, and the lanes that are free for a shape, or for any (None)."""
    running = select(
        Run.id,
        Run.team_id,
        Run.worker_id,
        Run.lane_share,
        Run.started_at,
        Run.shape,
        Run.trunk,
        Run.losses,
        Run.gives_way,
    ).where(in_state(Run.state, "running"), Run.worker_id.in_(lanes))
    holdings: list[Holding] = []
    taken: defaultdict[int, float] = defaultdict(float)
    shape_of: dict[int, str] = {}
    for run in session.execute(running):
        if run.losses >= SUSPECT:
            taken[run.worker_id] = lanes[run.worker_id]  # it trains alone, and until it ends
        elif not run.gives_way:
            taken[run.worker_id] += run.lane_share
            shape_of[run.worker_id] = run.shape
            holdings.append(
                Holding(
                    run=run.id,
                    team=run.team_id,
                    worker=run.worker_id,
                    lanes=run.lane_share,
                    seconds=(now - run.started_at).total_seconds(),
                    shape=run.shape,
                    lane=f"{run.worker_id} {run.trunk}" if run.lane_share < 1 else None,
                )
            )
    free: defaultdict[str | None, float] = defaultdict(float)
    for worker, count in lanes.items():
        free[shape_of.get(worker)] += max(0.0, count - taken[worker])
    return holdings, free


def _next_shapes(session: Session, teams: Collection[int]) -> dict[int, set[str]]:
    """The shape of each team's next run."""
    found = {}
    for team in teams:
        shape = queue.next_shape(session, team, UNDEMANDING)
        if shape is not None:
            found[team] = {shape}
    return found
