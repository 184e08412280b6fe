"""What the database tells about the whole service, by queries that may be repeated every few seconds."""

from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any, cast, get_args

from sqlalchemy import Select, and_, case, func, select
from sqlalchemy.orm import Session

from service.domain.workers import SHOWN_FOR
from service.store import clock
from service.store.tables import ENDED_SWEEP_STATES, Attempt, Run, Sweep, Team, Trial, Worker, in_state
from service.wire.views import SweepState


@dataclass(frozen=True, kw_only=True)
class TeamLoad:
    """What a team has in the queue; `lanes_used` counts a run that shares its lane with n - 1 others as 1/n."""

    queued_runs: int
    paused_runs: int
    running_runs: int
    lanes_used: float


@dataclass(frozen=True, kw_only=True)
class Workers:
    """Workers of the last hour that have not said goodbye; lanes and updates per second are those of active ones."""

    active: int
    away: int
    lanes: int
    updates_per_second: float


@dataclass(frozen=True, kw_only=True)
class Facts:
    """The state of the service at one moment, the same whichever server process reads it.

    `expired_leases` have run out and nobody has taken their runs yet; `lost_leases` were taken over since the database
    was made. `unrecorded_runs` have ended and it is not certain that MLflow shows so, the first for `unrecorded_for`.
    """

    teams: dict[str, TeamLoad]
    workers: Workers
    sweeps: dict[SweepState, int]
    expired_leases: int
    lost_leases: int
    untold_trials: int
    unrecorded_runs: int
    unrecorded_sweeps: int
    unrecorded_for: timedelta


def facts(session: Session, lease_seconds: float, *, tracked: bool) -> Facts:
    """Read every figure; without MLflow (`tracked` is false) nothing counts as unrecorded."""
    one = session.execute(_figures(timedelta(seconds=lease_seconds), tracked)).one()
    return Facts(
        teams=_teams(session),
        workers=Workers(
            active=one.active,
            away=one.away,
            lanes=int(one.lanes or 0),
            updates_per_second=one.updates_per_second or 0.0,
        ),
        sweeps=_sweeps(session),
        expired_leases=one.expired_leases,
        lost_leases=one.lost_leases,
        untold_trials=one.untold_trials,
        unrecorded_runs=one.unrecorded_runs if tracked else 0,
        unrecorded_sweeps=one.unrecorded_sweeps if tracked else 0,
        unrecorded_for=one.now - one.oldest if tracked and one.oldest is not None else timedelta(0),
    )


@cache
def _figures(lease: timedelta, tracked: bool) -> Select[*tuple[Any, ...]]:
    """What is one number each, by one statement."""
    here, heard = Worker.left_at.is_(None), Worker.last_seen_at
    active = here, heard >= clock.ago(lease)
    figures: dict[str, Select[Any]] = {
        "active": select(func.count(Worker.id)).where(*active),
        "lanes": select(func.sum(Worker.lanes)).where(*active),
        "updates_per_second": select(func.sum(Worker.updates_per_second)).where(*active),
        "away": select(func.count(Worker.id)).where(here, heard < clock.ago(lease), heard > clock.ago(SHOWN_FOR)),
        "expired_leases": select(func.count(Run.id)).where(
            in_state(Run.state, "running"), Run.lease_expires_at < clock.ago(timedelta(0))
        ),
        "lost_leases": select(func.count(Attempt.run_id)).where(in_state(Attempt.outcome, "lost")),
        "untold_trials": select(func.count(Trial.id)).where(Trial.to_tell),
    }
    if tracked:  # else every run that has ended counts as not recorded yet
        figures |= {
            "unrecorded_runs": select(func.count(Run.id)).where(Run.to_track),
            "unrecorded_sweeps": select(func.count(Sweep.id)).where(
                Sweep.to_track, Sweep.state.in_(ENDED_SWEEP_STATES)
            ),
            "oldest": select(func.min(Run.ended_at)).where(Run.to_track),
        }
    return select(
        *(figure.scalar_subquery().label(name) for name, figure in figures.items()), clock.MOMENT.label("now")
    )


def _teams(session: Session) -> dict[str, TeamLoad]:
    # What waits is what has not ended and does not run: a million queued runs would take long to count.
    shares = select(Run.sweep_id, func.count().label("runs"), func.sum(Run.lane_share).label("lanes"))
    running = shares.where(in_state(Run.state, "running")).group_by(Run.sweep_id).subquery()
    waiting = Sweep.runs_unended - func.coalesce(running.c.runs, 0)
    paused = case((Sweep.state == "paused", waiting), else_=0)
    sums = func.sum(waiting), func.sum(paused), func.sum(running.c.runs), func.sum(running.c.lanes)
    by_team = (
        select(Team.name, *sums)
        .outerjoin(Sweep, and_(Sweep.team_id == Team.id, Sweep.finished_at.is_(None)))
        .outerjoin(running, running.c.sweep_id == Sweep.id)
        .group_by(Team.name)
        .order_by(Team.name)
    )
    return {
        name: TeamLoad(
            queued_runs=int(waiting or 0) - int(paused or 0),
            paused_runs=int(paused or 0),
            running_runs=int(runs or 0),
            lanes_used=float(lanes or 0),
        )
        for name, waiting, paused, runs, lanes in session.execute(by_team)
    }


def _sweeps(session: Session) -> dict[SweepState, int]:
    states = get_args(SweepState)
    by_state = select(Sweep.state, func.count(Sweep.id)).where(Sweep.state.in_(states)).group_by(Sweep.state)
    found = dict.fromkeys(states, 0)
    for state, count in session.execute(by_state):
        found[cast("SweepState", state)] = count
    return found
