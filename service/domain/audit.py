"""The audit trail: who changed what. Events are written in the transaction of what they tell of, and never changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, aliased

from service.domain.access import Principal
from service.store import clock
from service.store.tables import Event, Team, User
from service.wire.audit import AuditEvent, AuditPage


@dataclass(frozen=True, kw_only=True)
class Filter:
    """Which events are asked for; `user` is a name, or TEAM/NAME."""

    team: str | None = None
    user: str | None = None
    sweep_id: int | None = None
    kind: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def record(
    session: Session,
    kind: str,
    *,
    by: Principal | None = None,
    sweep_id: int | None = None,
    team_id: int | None = None,
    **detail: Any,
) -> None:
    """Write an event. It concerns `team_id`, or else the sweep's team, or else that of the caller.

    The token, the address and the request are those of the request that is served in this context.
    """
    event = Event(
        at=clock.now(session),
        kind=kind,
        sweep_id=sweep_id,
        user_id=by.user_id if by is not None else None,
        detail=detail,
    )
    if team_id is not None:
        event.team_id = team_id
    session.add(event)
    session.flush()


def page(session: Session, principal: Principal, wanted: Filter, cursor: int | None, limit: int) -> AuditPage:
    """Events that the caller may see, newest first, below the event number `cursor`: an admin all, others their team's.

    Names are those that teams and users have now.
    """
    query = _filtered(wanted).order_by(Event.id.desc()).limit(limit + 1)
    if principal.role != "admin":
        query = query.where(Event.team_id == principal.team_id)
    if cursor is not None:
        query = query.where(Event.id < cursor)
    found = session.scalars(query).all()
    shown = found[:limit]
    return AuditPage(items=_views(session, shown), next_cursor=shown[-1].id if len(found) > limit else None)


def _filtered(wanted: Filter) -> Select[Event]:
    query = select(Event)
    if wanted.team is not None:
        query = query.where(Event.team_id == select(Team.id).where(Team.name == wanted.team).scalar_subquery())
    if wanted.user is not None:
        team, slash, name = wanted.user.rpartition("/")
        users = select(User.id).where(User.name == name)
        if slash:
            users = users.join(Team, User.team_id == Team.id).where(Team.name == team)
        query = query.where(Event.user_id.in_(users))
    if wanted.sweep_id is not None:
        query = query.where(Event.sweep_id == wanted.sweep_id)
    if wanted.kind is not None:
        query = query.where(Event.kind == wanted.kind)
    if wanted.since is not None:
        query = query.where(Event.at >= wanted.since)
    if wanted.until is not None:
        query = query.where(Event.at < wanted.until)
    return query


def _views(session: Session, events: Sequence[Event]) -> list[AuditEvent]:
    home = aliased(Team)
    people = (
        select(User.id, home.name, User.name)
        .join(home, User.team_id == home.id)
        .where(User.id.in_({event.user_id for event in events}))
    )
    users = {user_id: f"{team}/{name}" for user_id, team, name in session.execute(people)}
    named = select(Team.id, Team.name).where(Team.id.in_({event.team_id for event in events}))
    teams = dict(session.execute(named).all())
    return [
        AuditEvent(
            id=event.id,
            at=event.at,
            kind=event.kind,
            team=teams.get(event.team_id) if event.team_id is not None else None,
            user=users.get(event.user_id) if event.user_id is not None else None,
            token=event.token_id,
            address=event.address,
            request_id=event.request_id,
            sweep_id=event.sweep_id,
            detail=event.detail,
        )
        for event in events
    ]
