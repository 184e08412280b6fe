"""What waits and what trains, for people who look at the queue."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.domain import shares
from service.domain.access import Principal
from service.store.tables import Run, Sweep, Team, in_state
from service.wire.views import QueuedSweep, QueuedTeam, QueueView


def of_queue(session: Session, principal: Principal, limit: int) -> QueueView:
    """What waits and what runs, in all, by team, and of the first `limit` sweeps that the caller may see.

    Those of one team are in the order in which they are taken. Of other teams' sweeps a caller learns how many runs
    they have together: enough to know why one's own wait. What waits is what has not ended and does not run: nobody
    counts it. Paused sweeps wait for nothing.
    """
    running = in_state(Run.state, "running")
    # Materialized: PostgreSQL expects few leases, and would count them anew for every sweep.
    by_sweep = (
        select(Run.sweep_id, func.count().label("runs"))
        .where(running)
        .group_by(Run.sweep_id)
        .cte("training")
        .prefix_with("MATERIALIZED", dialect="postgresql")
    )
    unended = Sweep.finished_at.is_(None), Sweep.runs_unended > 0, Sweep.state != "paused"
    sums = func.count(Sweep.id).label("sweeps"), func.sum(Sweep.runs_unended), func.sum(by_sweep.c.runs)
    totals = select(Team.id, Team.name, *sums).select_from(Sweep).join(Team, Sweep.team_id == Team.id)
    by_team = totals.outerjoin(by_sweep, by_sweep.c.sweep_id == Sweep.id).where(*unended)
    teams, visible = [], 0
    by_team = by_team.group_by(Team.id, Team.name).order_by(Team.name)
    for team_id, team, sweeps, left, trained in session.execute(by_team):
        trains = int(trained or 0)
        teams.append(QueuedTeam(team=team, queued_runs=int(left) - trains, running_runs=trains))
        visible += sweeps if principal.may_see(team_id) else 0
    own = () if principal.role == "admin" else (Sweep.team_id == principal.team_id,)
    rows = session.execute(
        select(Sweep.id, Sweep.name, Sweep.team_id, Team.name, Sweep.priority, Sweep.runs_unended, by_sweep.c.runs)
        .join(Team, Sweep.team_id == Team.id)
        .outerjoin(by_sweep, by_sweep.c.sweep_id == Sweep.id)
        .where(*unended, *own)
        .order_by(Sweep.priority.desc(), Sweep.id)
        .limit(limit)
    ).all()
    why = shares.reasons(session, {row.team_id for row in rows})
    shown = [
        QueuedSweep(
            sweep_id=sweep_id,
            name=name,
            team=team,
            priority=priority,
            queued_runs=left - (trained or 0),
            running_runs=trained or 0,
            waits_for=why.get(team_id),
        )
        for sweep_id, name, team_id, team, priority, left, trained in rows
    ]
    return QueueView(
        queued_runs=sum(team.queued_runs for team in teams),
        running_runs=sum(team.running_runs for team in teams),
        sweeps=shown,
        further_sweeps=visible - len(shown),
        teams=teams,
    )
