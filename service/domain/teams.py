"""Teams: made, listed, disabled. A team keeps its name, which its sweeps' experiments and studies bear."""

from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from service.domain import audit
from service.domain.access import Principal
from service.errors import ConflictError, NotFoundError
from service.store import clock
from service.store.tables import Team, User
from service.wire.teams import TeamChange, TeamOrder, TeamPage, TeamView

_USERS = select(func.count()).select_from(User).where(User.team_id == Team.id).scalar_subquery()
_LISTED: Select[Any] = select(Team, _USERS)


def create(session: Session, principal: Principal, order: TeamOrder) -> TeamView:
    """Make a team.

    Raises:
        ConflictError: there is one of this name.
    """
    if named(session, order.name) is not None:
        raise ConflictError(f"there is a team {order.name} already; choose another name")
    team = Team(name=order.name, created_at=clock.now(session))
    session.add(team)
    session.flush()
    audit.record(session, "team.created", by=principal, team_id=team.id, name=team.name)
    return _view(team, 0)


def change(session: Session, principal: Principal, team_id: int, order: TeamChange) -> TeamView:
    """Disable a team or enable it again. Doing it twice changes nothing.

    Raises:
        NotFoundError: there is none of this number.
        ConflictError: it is the caller's own, who would be locked out.
    """
    query = select(Team).where(Team.id == team_id).with_for_update(key_share=True)
    team = session.scalars(query.execution_options(populate_existing=True)).one_or_none()
    if team is None:
        raise NotFoundError(f"there is no team of number {team_id}; GET /api/v1/teams lists them")
    if order.disabled and principal.team_id == team_id:
        raise ConflictError("this is your own team, and disabling it would lock you out; let another admin do it")
    if order.disabled != (team.disabled_at is not None):
        team.disabled_at = clock.now(session) if order.disabled else None
        kind = "team.disabled" if order.disabled else "team.enabled"
        audit.record(session, kind, by=principal, team_id=team.id, name=team.name)
    return _view(team, session.scalar(select(func.count()).where(User.team_id == team_id)) or 0)


def page(session: Session, name: str | None, cursor: int | None, limit: int) -> TeamPage:
    """Teams above the number `cursor`, in the order of their numbers; with a name, the one of that name."""
    query = _LISTED.order_by(Team.id).limit(limit + 1)
    if name is not None:
        query = query.where(Team.name == name)
    if cursor is not None:
        query = query.where(Team.id > cursor)
    found = session.execute(query).all()
    shown = [_view(team, users) for team, users in found[:limit]]
    return TeamPage(items=shown, next_cursor=shown[-1].id if len(found) > limit else None)


def named(session: Session, name: str) -> Team | None:
    """The team of this name."""
    return session.scalar(select(Team).where(Team.name == name))


def _view(team: Team, users: int) -> TeamView:
    return TeamView(id=team.id, name=team.name, users=users, created_at=team.created_at, disabled_at=team.disabled_at)
