"""Who is calling, and what the role allows."""

import hmac
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

from sqlalchemy import Row, Select, bindparam, or_, select, update
from sqlalchemy.orm import Session

from service.errors import ForbiddenError, UnauthorizedError
from service.store import clock
from service.store.tables import Team, Token, User
from service.token_key import TokenKey
from service.wire.tokens import Role, hint_of, is_damaged

# What each role may do, named by the role that a route asks for.
GRANTS: dict[str, frozenset[str]] = {
    "admin": frozenset({"admin", "member", "viewer", "worker"}),
    "member": frozenset({"member", "viewer"}),
    "viewer": frozenset({"viewer"}),
    "worker": frozenset({"worker"}),
}
LEAST_TOKEN_LENGTH = 32
DEFAULT_TEAM = "local"
USED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True)
class Principal:
    """Who is calling. Workers have neither user nor team."""

    token_id: int
    role: str
    name: str
    user_id: int | None
    team_id: int | None

    def demand(self, *roles: Role) -> None:
        """Raise ForbiddenError unless this caller may do what one of `roles` may."""
        if not GRANTS[self.role] & set(roles):
            raise ForbiddenError(f"this needs a token of role {' or '.join(roles)}; yours has role {self.role}")

    def may_see(self, team_id: int) -> bool:
        """Whether a team's sweeps are this caller's business."""
        return self.role == "admin" or self.team_id == team_id


def authenticate(session: Session, key: TokenKey, token: str) -> Principal:
    """The caller that a token stands for, found in one statement.

    Raises:
        UnauthorizedError: the token is damaged, unknown, expired or revoked, or its user or team is disabled.
    """
    if is_damaged(token):
        raise UnauthorizedError("the token is damaged: its checksum does not fit; copy all of it, and nothing more")
    digest = key.digest(token)
    row = session.execute(_lookup(), {"digest": digest, "key_id": key.id}).one_or_none()
    if row is None or not hmac.compare_digest(row.digest, digest):
        raise UnauthorizedError("the token is not known; ask an admin of this service for one")
    return _alive(row)


def owner(session: Session, token_id: int) -> Principal:
    """The caller that a token stands for which was shown before.

    Raises:
        UnauthorizedError: it has expired or was revoked since, or its user or team is disabled.
    """
    return _alive(session.execute(_tokens().where(Token.id == token_id)).one())


def _alive(row: Row[*tuple[Any, ...]]) -> Principal:
    for dead, reason in (
        (row.revoked, "the token was revoked; ask an admin of this service for another"),
        (row.expired, "the token has expired; ask an admin of this service for another"),
        (row.user_disabled, "the user of this token is disabled; ask an admin of this service"),
        (row.team_disabled, "the team of this token is disabled; ask an admin of this service"),
    ):
        if dead:
            raise UnauthorizedError(reason, token_id=row.id)
    return Principal(row.id, row.role, row.name, row.user_id, row.team_id)


@cache
def _lookup() -> Select[*tuple[Any, ...]]:
    """The statement by which a token is found. Built once: building it takes longer than SQLite takes to answer it."""
    return _tokens().where(Token.digest == bindparam("digest"), Token.key_id == bindparam("key_id"))


def _tokens() -> Select[*tuple[Any, ...]]:
    """Tokens with their team, and what makes them dead."""
    return (
        select(
            Token.id,
            Token.digest,
            Token.role,
            Token.name,
            Token.user_id,
            User.team_id,
            Token.revoked_at.is_not(None).label("revoked"),
            (Token.expires_at <= clock.MOMENT).label("expired"),
            User.disabled_at.is_not(None).label("user_disabled"),
            Team.disabled_at.is_not(None).label("team_disabled"),
        )
        .outerjoin(User, Token.user_id == User.id)
        .outerjoin(Team, User.team_id == Team.id)
    )


def mark_used(session: Session, token_ids: list[int]) -> None:
    """Note that tokens are in use, each at most once a minute."""
    now = clock.now(session)
    stale = or_(Token.last_used_at.is_(None), Token.last_used_at < now - USED_EVERY)
    session.execute(update(Token).where(Token.id.in_(token_ids), stale).values(last_used_at=now))


def ensure_team(session: Session, name: str) -> Team:
    """The team of this name, made if it is new."""
    team = session.scalar(select(Team).where(Team.name == name))
    if team is None:
        team = Team(name=name, created_at=clock.now(session))
        session.add(team)
        session.flush()
    return team


def ensure_user(session: Session, team: Team, name: str) -> User:
    """The team's user of this name, made if new."""
    user = session.scalar(select(User).where(User.team_id == team.id, User.name == name))
    if user is None:
        user = User(team_id=team.id, name=name, created_at=clock.now(session))
        session.add(user)
        session.flush()
    return user


def ensure_token(
    session: Session, key: TokenKey, token: str, role: Role, name: str, user: User | None = None
) -> Token | None:
    """Make sure that a token is known and has a role; the token itself is not stored. Returns it if it is new."""
    assert (user is None) == (role == "worker"), "every token but a worker's belongs to a user"
    digest = key.digest(token)
    if session.scalar(select(Token.id).where(Token.digest == digest)) is not None:
        return None
    new = Token(
        digest=digest,
        key_id=key.id,
        hint=hint_of(token),
        role=role,
        name=name,
        user_id=user.id if user else None,
        created_at=clock.now(session),
    )
    session.add(new)
    session.flush()
    return new
