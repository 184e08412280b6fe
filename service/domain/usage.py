"""What runs cost: the time of devices, and their energy where they tell it, charged as workers report it.

A worker measures how long its device trained and divides that among the lanes that trained (`worker.metering`); what it
reports of an attempt only grows, so a report that comes twice is charged once. However much it reports, all its runs
together are charged at most for the time since it was charged last, by the database's clock.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, case, func, select, update
from sqlalchemy.orm import Session

from service.store.among import among
from service.store.tables import Attempt, Run, Sweep, TeamUsage, Usage, Worker
from service.store.upsert import insert
from service.wire.protocol import RunReport

# Rows of a team's usage: so many that workers that report at the same time seldom wait for each other.
PARTS = 8


@dataclass(frozen=True, kw_only=True)
class Used:
    """What a team has used: device-seconds as they count now, and those of this month."""

    decayed: float = 0.0
    month_seconds: float = 0.0


@dataclass
class _Cost:
    run: Run
    seconds: float
    joules: float | None


@dataclass
class _Sum:
    seconds: float = 0.0
    joules: float | None = None


def month_of(moment: datetime) -> int:
    """A month as a number that grows by one each month."""
    return 12 * moment.year + moment.month - 1


def charge(
    session: Session, worker_id: int, news: Sequence[tuple[Run, RunReport]], now: datetime, half_life: timedelta
) -> None:
    """Charge locked runs with what a worker reports of their attempts, and their sweeps and teams with it."""
    costs = {run.id: cost for run, report in news if (cost := _cost(run, report)).seconds > 0}
    claimed = sum(cost.seconds for cost in costs.values())
    if not claimed:
        return
    since = session.scalar(select(func.coalesce(Worker.charged_at, Worker.registered_at)).where(Worker.id == worker_id))
    assert since is not None
    part = min(1.0, max(0.0, (now - since).total_seconds()) / claimed)
    for cost in costs.values():
        cost.seconds *= part
        cost.joules = None if cost.joules is None else cost.joules * part
        _add(session, cost)
    paid = Worker.device_seconds + claimed * part
    session.execute(update(Worker).where(Worker.id == worker_id).values(device_seconds=paid, charged_at=now))
    _add_to_sweeps(session, worker_id, costs.values(), now)
    _add_to_teams(session, worker_id % PARTS, costs.values(), now, half_life)


def decayed(value: float, age: timedelta, half_life: timedelta) -> float:
    """What is left of usage after some time."""
    return float(value * 0.5 ** max(0.0, age / half_life))


def of_teams(session: Session, now: datetime, half_life: timedelta) -> dict[int, Used]:
    """What teams have used, by their ids; of those that have used something."""
    found: dict[int, Used] = {}
    for row in session.scalars(select(TeamUsage)):
        before = found.get(row.team_id, Used())
        found[row.team_id] = Used(
            decayed=before.decayed + decayed(row.decayed, now - row.at, half_life),
            month_seconds=before.month_seconds + (row.month_seconds if row.month == month_of(now) else 0.0),
        )
    return found


def with_costs(query: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    """A query of the sweeps whose `ids` it is given, with the `device_seconds` and `joules` of each.

    Both are None for a sweep that has cost nothing yet.
    """
    sums = func.sum(Usage.device_seconds).label("device_seconds"), func.sum(Usage.joules).label("joules")
    summed = select(Usage.sweep_id, *sums).where(among(Usage.sweep_id, "ids")).group_by(Usage.sweep_id)
    spent = summed.cte("spent").prefix_with("MATERIALIZED", dialect="postgresql")
    return query.add_columns(spent.c.device_seconds, spent.c.joules).outerjoin(spent, spent.c.sweep_id == Sweep.id)


def _cost(run: Run, report: RunReport) -> _Cost:
    joules = None if report.joules is None else max(0.0, report.joules - (run.attempt_joules or 0.0))
    return _Cost(run, max(0.0, report.device_seconds - run.attempt_seconds), joules)


def _add(session: Session, cost: _Cost) -> None:
    run = cost.run
    run.device_seconds += cost.seconds
    run.attempt_seconds += cost.seconds
    if cost.joules is not None:
        run.joules = (run.joules or 0.0) + cost.joules
        run.attempt_joules = (run.attempt_joules or 0.0) + cost.joules
    if run.state != "running":  # cancelled, while its worker had yet to hear of it
        attempt = update(Attempt).where(Attempt.run_id == run.id, Attempt.number == run.attempt)
        session.execute(attempt.values(device_seconds=run.attempt_seconds, joules=run.attempt_joules))


def _sums(costs: Iterable[_Cost], key: Callable[[Run], int]) -> dict[int, _Sum]:
    sums: dict[int, _Sum] = {}
    for cost in costs:
        total = sums.setdefault(key(cost.run), _Sum())
        total.seconds += cost.seconds
        if cost.joules is not None:
            total.joules = (total.joules or 0.0) + cost.joules
    return dict(sorted(sums.items()))  # every report locks what it adds to in the same order


def _add_to_sweeps(session: Session, worker_id: int, costs: Iterable[_Cost], now: datetime) -> None:
    rows = [
        {
            "sweep_id": sweep_id,
            "day": now.date(),
            "worker_id": worker_id,
            "device_seconds": total.seconds,
            "joules": total.joules,
        }
        for sweep_id, total in _sums(costs, lambda run: run.sweep_id).items()
    ]
    new = insert(session, Usage).values(rows)
    joules = case(
        (new.excluded.joules.is_(None), Usage.joules),
        else_=func.coalesce(Usage.joules, 0.0) + new.excluded.joules,
    )
    added = {"device_seconds": Usage.device_seconds + new.excluded.device_seconds, "joules": joules}
    session.execute(new.on_conflict_do_update(index_elements=["sweep_id", "day", "worker_id"], set_=added))


def _add_to_teams(session: Session, part: int, costs: Iterable[_Cost], now: datetime, half_life: timedelta) -> None:
    sums = _sums(costs, lambda run: run.team_id)
    month = month_of(now)
    query = select(TeamUsage).where(among(TeamUsage.team_id, sums), TeamUsage.part == part)
    query = query.order_by(TeamUsage.team_id).with_for_update().execution_options(populate_existing=True)
    rows = {row.team_id: row for row in session.scalars(query)}
    if len(rows) < len(sums):
        new = [
            {"team_id": team_id, "part": part, "decayed": 0.0, "at": now, "month": month, "month_seconds": 0.0}
            for team_id in sums
            if team_id not in rows
        ]
        session.execute(insert(session, TeamUsage).values(new).on_conflict_do_nothing())
        rows = {row.team_id: row for row in session.scalars(query)}
    for team_id, total in sums.items():
        row = rows[team_id]
        row.decayed = decayed(row.decayed, now - row.at, half_life) + total.seconds
        row.month_seconds = total.seconds + (row.month_seconds if row.month == month else 0.0)
        row.at, row.month = max(now, row.at), month
    session.flush()
