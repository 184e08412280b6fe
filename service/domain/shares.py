"""The teams' shares: how each stands, as the database has it, and what an admin grants it.

Who is next and who gives way follows from that; see `service.domain.fairness`.
"""

from collections import Counter, defaultdict
from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import ScalarSelect, Select, func, not_, select
from sqlalchemy.orm import Session

from service.domain import audit, fairness, quarantine, usage
from service.domain.access import Principal
from service.domain.fairness import USUAL, Policy, Standing
from service.domain.placement import ANY, Fit
from service.domain.usage import Used
from service.errors import NotFoundError
from service.store import clock
from service.store.among import among
from service.store.tables import QUEUE_ORDER, Run, Sweep, Team, Worker, in_state
from service.wire.shares import ShareSpec, ShareView

HOUR = 3600.0


def standings(
    session: Session,
    now: datetime,
    policy: Policy,
    fit: Fit = ANY,
    *,
    most: int,
    asking: bool = False,
    with_holders: bool = False,
) -> list[Standing]:
    """The teams that have runs to train or lanes; of the runs that wait, those that fit.

    They are counted up to `most` in each team. With `asking`, sweeps whose samplers have yet to make a run count, too.
    A team that has used up its month has nothing to wait for. If one team alone waits and has no quota, it is next
    however it stands, and nothing else is looked at unless `with_holders` asks for those who only have lanes.
    """
    rows = session.execute(_teams(now, fit, most, asking=asking)).all()
    waiting = {row.Team.id: min(most, row.queued + row.asking * most + row.lapsed) for row in rows}
    candidates = [row.Team for row in rows if waiting[row.Team.id]]
    unlimited = [team for team in candidates if team.lane_quota is None and team.hour_quota is None]
    if len(unlimited) == len(candidates) == 1 and not with_holders:
        return [Standing(team=candidates[0].id, waiting=waiting[candidates[0].id])]
    if not candidates and not with_holders:
        return []
    used, lanes = usage.of_teams(session, now, policy.half_life), lanes_of_teams(session)
    found = []
    for row in rows:
        team, its = row.Team, used.get(row.Team.id, Used())
        able = waiting[team.id] if hours_left(team, its) > 0 else 0
        if able or lanes[team.id]:
            found.append(
                Standing(
                    team=team.id,
                    weight=team.weight,
                    used=its.decayed,
                    lanes=lanes[team.id],
                    waiting=able,
                    lane_quota=team.lane_quota,
                    gave_way=team.gave_way_at is not None and now - team.gave_way_at < policy.least,
                )
            )
    return found


def lanes_of_teams(session: Session) -> defaultdict[int, float]:
    """The lanes that teams have, by their ids; those that they have been told to give back count no more."""
    rows = select(Run.team_id, func.sum(Run.lane_share)).where(in_state(Run.state, "running"), not_(Run.gives_way))
    return defaultdict(float, session.execute(rows.group_by(Run.team_id)).all())


def hours_left(team: Team, used: Used) -> float:
    """How many hours of devices a team has left in this month."""
    return float("inf") if team.hour_quota is None else team.hour_quota - used.month_seconds / HOUR


def reasons(session: Session, team_ids: Collection[int], policy: Policy = USUAL) -> dict[int, str]:
    """Why the runs of teams wait that may have no more lanes now, by the teams' ids."""
    query = select(Team).where(among(Team.id, team_ids), Team.lane_quota.is_not(None) | Team.hour_quota.is_not(None))
    limited = session.scalars(query).all()
    if not limited:
        return {}
    now = clock.now(session)
    used, lanes = usage.of_teams(session, now, policy.half_life), lanes_of_teams(session)
    found = {}
    for team in limited:
        if hours_left(team, used.get(team.id, Used())) <= 0:
            found[team.id] = (
                f"team {team.name} has used its {team.hour_quota:g} device-hours of {now:%B}; "
                f"they are counted anew from {_next_month(now):%Y-%m-%d} on"
            )
        elif team.lane_quota is not None and lanes[team.id] + 1 > team.lane_quota:
            found[team.id] = f"team {team.name} has all of its {team.lane_quota} lanes"
    return found


def listing(session: Session, principal: Principal, policy: Policy, lease_seconds: float) -> list[ShareView]:
    """Each team's share, or the caller's team's alone unless it is an admin."""
    now = clock.now(session)
    teams = session.scalars(select(Team).order_by(Team.id)).all()
    used, lanes = usage.of_teams(session, now, policy.half_life), lanes_of_teams(session)
    capacity = _lanes(session, now, lease_seconds)
    wanting = standings(session, now, policy, most=max(1, capacity), asking=True, with_holders=True)
    due = fairness.dues(wanting, capacity)
    why, queued = reasons(session, [team.id for team in teams], policy), _queued(session)
    return [
        ShareView(
            team=team.name,
            weight=team.weight,
            lanes=team.lane_quota,
            hours=team.hour_quota,
            lanes_in_use=lanes[team.id],
            lanes_due=due.get(team.id, 0.0),
            queued_runs=queued[team.id],
            used_hours=used.get(team.id, Used()).decayed / HOUR,
            month_hours=used.get(team.id, Used()).month_seconds / HOUR,
            waits_for=why.get(team.id),
        )
        for team in teams
        if principal.may_see(team.id)
    ]


def grant(session: Session, principal: Principal, name: str, spec: ShareSpec) -> None:
    """Set a team's weight and quotas.

    Raises:
        NotFoundError: there is no such team.
    """
    team = session.scalar(select(Team).where(Team.name == name).with_for_update(key_share=True))
    if team is None:
        raise NotFoundError(f"there is no team {name}; GET /api/v1/shares lists those that there are")
    team.weight, team.lane_quota, team.hour_quota = spec.weight, spec.lanes, spec.hours
    detail = {"team": name, **spec.model_dump()}
    audit.record(session, "team.share", by=principal, team_id=team.id, **detail)
    session.flush()


def _teams(now: datetime, fit: Fit, most: int, *, asking: bool) -> Select[Team, int, int, int]:
    """All teams, each with its queued runs and lapsed leases, counted so far, and whether a sampler is to make some."""
    its_runs = (Run.team_id == Team.id, *fit.of(Run))
    queued = select(Run.id).where(in_state(Run.state, "queued"), *its_runs)
    if fit.shape is not None:
        queued = queued.where(not_(quarantine.suspected()))
    # In the order of the index: otherwise PostgreSQL goes through the table, where ended runs come first.
    queued = queued.order_by(*QUEUE_ORDER)
    lapsed = select(Run.id).where(in_state(Run.state, "running"), Run.lease_expires_at < now, not_(Run.paused))
    samplers = select(Sweep.id).where(Sweep.asking, Sweep.team_id == Team.id, *fit.of(Sweep))
    return select(
        Team,
        _counted(queued, most).label("queued"),
        _counted(lapsed.where(*its_runs), most).label("lapsed"),
        _counted(samplers, 1 if asking else 0).label("asking"),
    ).order_by(Team.id)


def _counted(rows: Select[int], most: int) -> ScalarSelect[int]:
    """How many rows there are of each team, counted no further than `most`."""
    return select(func.count()).select_from(rows.limit(most).correlate(Team).subquery()).scalar_subquery()


def _queued(session: Session) -> Counter[int]:
    """How many runs of each team wait: those that have not ended and do not run."""
    left = select(Team.id, func.sum(Sweep.runs_unended)).join(Sweep, Sweep.team_id == Team.id)
    left = left.where(Sweep.finished_at.is_(None), Sweep.state != "paused").group_by(Team.id)
    running = select(Run.team_id, func.count()).where(in_state(Run.state, "running"), not_(Run.paused))
    waiting = Counter({team: int(runs) for team, runs in session.execute(left).all()})
    waiting.subtract(dict(session.execute(running.group_by(Run.team_id)).all()))
    return waiting


def _lanes(session: Session, now: datetime, lease_seconds: float) -> int:
    alive = Worker.left_at.is_(None), Worker.last_seen_at > now - timedelta(seconds=lease_seconds)
    return int(session.scalar(select(func.sum(Worker.lanes)).where(*alive)) or 0)


def _next_month(now: datetime) -> datetime:
    return now.replace(year=now.year + now.month // 12, month=now.month % 12 + 1, day=1)
