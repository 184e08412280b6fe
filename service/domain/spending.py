"""What was used between two days: by team, by user or by sweep."""

from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from service.domain.access import Principal
from service.errors import InvalidError
from service.store import clock
from service.store.tables import Sweep, Team, Usage, User, Worker
from service.wire.problem import FieldProblem
from service.wire.shares import UsageKey, UsageRow, UsageView

MOST_ROWS = 1000
_KEYS: dict[UsageKey, dict[str, InstrumentedAttribute[Any]]] = {
    "team": {"team": Team.name},
    "user": {"team": Team.name, "user": User.name},
    "sweep": {"team": Team.name, "user": User.name, "sweep_id": Sweep.id, "sweep": Sweep.name},
}


def listing(session: Session, principal: Principal, by: UsageKey, first: date | None, last: date | None) -> UsageView:
    """What the caller's team has used, or all teams if it is an admin; without days, in this month.

    The most is first, and no more than `MOST_ROWS` are told; the sum is that of all.

    Raises:
        InvalidError: the first day comes after the last.
    """
    today = clock.now(session).date()
    last = last or max(today, first or today)
    first = first or last.replace(day=1)
    if first > last:
        raise InvalidError.of(
            [FieldProblem(field="from", problem=f"it is after the last day, {last}", remedy="give an earlier day")]
        )
    keys = _KEYS[by]
    seconds = func.sum(Usage.device_seconds)
    there: list[ColumnElement[bool]] = [Usage.day >= first, Usage.day <= last]
    if principal.role != "admin":
        there.append(Sweep.team_id == principal.team_id)
    total = session.scalar(select(seconds).join(Sweep, Usage.sweep_id == Sweep.id).where(*there))
    on_gpus = func.sum(case((Worker.device.like("cuda%"), Usage.device_seconds), else_=0.0))
    rows = session.execute(
        select(*(column.label(name) for name, column in keys.items()))
        .add_columns(
            seconds.label("device_seconds"), on_gpus.label("gpu_seconds"), func.sum(Usage.joules).label("joules")
        )
        .join_from(Usage, Sweep, Usage.sweep_id == Sweep.id)
        .join(Team, Sweep.team_id == Team.id)
        .join(User, Sweep.user_id == User.id)
        .join(Worker, Usage.worker_id == Worker.id)
        .where(*there)
        .group_by(*keys.values())
        .order_by(seconds.desc(), *keys.values())
        .limit(MOST_ROWS)
    )
    return UsageView(
        by=by,
        first=first,
        last=last,
        device_seconds=total or 0.0,
        rows=[UsageRow.model_validate(dict(row._mapping)) for row in rows],
    )
