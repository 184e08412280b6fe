"""Users of teams: made, listed, renamed, disabled."""

from typing import Any

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from service.domain import audit, teams
from service.domain.access import Principal
from service.errors import ConflictError, InvalidError, NotFoundError
from service.store import clock
from service.store.tables import Team, Token, User
from service.wire.problem import FieldProblem
from service.wire.teams import UserChange, UserOrder, UserPage, UserView


def create(session: Session, principal: Principal, order: UserOrder) -> UserView:
    """Make a user of a team.

    Raises:
        InvalidError: there is no such team.
        ConflictError: the team has a user of this name.
    """
    team = _team(session, order.team)
    _demand_free(session, team, order.name)
    user = User(team_id=team.id, name=order.name, created_at=clock.now(session))
    session.add(user)
    session.flush()
    audit.record(session, "user.created", by=principal, team_id=team.id, name=user.name)
    return _one(session, user)


def change(session: Session, principal: Principal, user_id: int, order: UserChange) -> UserView:
    """Rename a user, or disable the user, or enable again. Doing it twice changes nothing.

    Raises:
        NotFoundError: there is none of this number.
        ConflictError: the name is taken, or the caller would be locked out.
    """
    query = select(User).where(User.id == user_id).with_for_update(key_share=True)
    user = session.scalars(query.execution_options(populate_existing=True)).one_or_none()
    if user is None:
        raise NotFoundError(f"there is no user of number {user_id}; GET /api/v1/users lists them")
    if order.disabled and principal.user_id == user_id:
        raise ConflictError("this is yourself, and you would be locked out; let another admin do it")
    if order.name is not None and order.name != user.name:
        _demand_free(session, session.get_one(Team, user.team_id), order.name)
        audit.record(session, "user.renamed", by=principal, team_id=user.team_id, name=order.name, before=user.name)
        user.name = order.name
    if order.disabled is not None and order.disabled != (user.disabled_at is not None):
        user.disabled_at = clock.now(session) if order.disabled else None
        kind = "user.disabled" if order.disabled else "user.enabled"
        audit.record(session, kind, by=principal, team_id=user.team_id, name=user.name)
    session.flush()
    return _one(session, user)


def page(session: Session, team: str | None, name: str | None, cursor: int | None, limit: int) -> UserPage:
    """Users above the number `cursor`, in the order of their numbers; of one team, or of one name."""
    query = _listed().order_by(User.id).limit(limit + 1)
    if team is not None:
        query = query.where(Team.name == team)
    if name is not None:
        query = query.where(User.name == name)
    if cursor is not None:
        query = query.where(User.id > cursor)
    found = session.execute(query).all()
    shown = [_view(*row) for row in found[:limit]]
    return UserPage(items=shown, next_cursor=shown[-1].id if len(found) > limit else None)


def named(session: Session, team: str, name: str) -> User:
    """The user of a team.

    Raises:
        InvalidError: there is no such team, or it has no such user.
    """
    found = session.scalar(select(User).where(User.team_id == _team(session, team).id, User.name == name))
    if found is None:
        remedy = f"name a user of the team, or make this one: rampline user create {team}/{name}"
        raise InvalidError.of([FieldProblem(field="user", problem=f"team {team} has no user {name}", remedy=remedy)])
    return found


def _team(session: Session, name: str) -> Team:
    team = teams.named(session, name)
    if team is None:
        remedy = f"name a team that there is, or make this one: rampline team create {name}"
        raise InvalidError.of([FieldProblem(field="team", problem=f"there is no team {name}", remedy=remedy)])
    return team


def _demand_free(session: Session, team: Team, name: str) -> None:
    if session.scalar(select(User.id).where(User.team_id == team.id, User.name == name)) is not None:
        raise ConflictError(f"team {team.name} has a user {name} already; choose another name")


def _listed() -> Select[Any]:
    lives = or_(Token.expires_at.is_(None), Token.expires_at > clock.MOMENT)
    tokens = select(func.count()).select_from(Token).where(Token.user_id == User.id, Token.revoked_at.is_(None), lives)
    return select(User, Team, tokens.scalar_subquery()).join(Team, User.team_id == Team.id)


def _one(session: Session, user: User) -> UserView:
    return _view(*session.execute(_listed().where(User.id == user.id)).one())


def _view(user: User, team: Team, tokens: int) -> UserView:
    accepted = user.disabled_at is None and team.disabled_at is None
    return UserView(
        id=user.id,
        team=team.name,
        name=user.name,
        tokens=tokens if accepted else 0,
        created_at=user.created_at,
        disabled_at=user.disabled_at,
    )
