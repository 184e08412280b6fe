"""Teams, users and tokens: who is calling, and what the role allows.

A token is 256 random bits, shown once; the database holds its sha256. (A slow hash protects guessable secrets; these
cannot be guessed.)
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from service.errors import ForbiddenError, UnauthorizedError
from service.store import clock
from service.store.tables import Team, Token, User

Role = Literal["admin", "member", "viewer", "worker"]
# What each role may do, named by the role that a route asks for.
GRANTS: dict[str, frozenset[str]] = {
    "admin": frozenset({"admin", "member", "viewer", "worker"}),
    "member": frozenset({"member", "viewer"}),
    "viewer": frozenset({"viewer"}),
    "worker": frozenset({"worker"}),
}
LEAST_TOKEN_LENGTH = 32
DEFAULT_TEAM = "local"
_USED_EVERY = timedelta(minutes=1)


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


def mint() -> str:
    """A new token."""
    return secrets.token_urlsafe(32)


def digest_of(token: str) -> str:
    """The form in which a token is stored."""
    return hashlib.sha256(token.encode()).hexdigest()


def authenticate(session: Session, token: str) -> Principal:
    """The caller that a token stands for.

    Raises:
        UnauthorizedError: the token is unknown, expired or revoked.
    """
    digest = digest_of(token)
    row = session.execute(
        select(Token, User.team_id).outerjoin(User, Token.user_id == User.id).where(Token.digest == digest)
    ).one_or_none()
    if row is None or not hmac.compare_digest(row.Token.digest, digest):
        raise UnauthorizedError("the token is not known; ask an admin of this service for one")
    return principal_of(session, row.Token, row.team_id)


def principal_of(session: Session, found: Token, team_id: int | None) -> Principal:
    """The caller that a stored token stands for, whose user is of a team.

    Raises:
        UnauthorizedError: the token is expired or revoked.
    """
    if found.revoked_at is not None:
        raise UnauthorizedError("the token was revoked; ask an admin of this service for another")
    if found.expires_at is not None and found.expires_at <= clock.now(session):
        raise UnauthorizedError("the token has expired; ask an admin of this service for another")
    return Principal(found.id, found.role, found.name, found.user_id, team_id)


def mark_used(session: Session, token_id: int) -> None:
    """Note that a token is in use, at most once a minute."""
    now = clock.now(session)
    stale = or_(Token.last_used_at.is_(None), Token.last_used_at < now - _USED_EVERY)
    session.execute(update(Token).where(Token.id == token_id, stale).values(last_used_at=now))


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


def ensure_token(session: Session, token: str, role: Role, name: str, user: User | None = None) -> None:
    """Make sure that a token is accepted and has a role; the token itself is not stored."""
    assert (user is None) == (role == "worker"), "every token but a worker's belongs to a user"
    digest = digest_of(token)
    if session.scalar(select(Token.id).where(Token.digest == digest)) is None:
        session.add(
            Token(
                digest=digest,
                role=role,
                name=name,
                user_id=user.id if user else None,
                created_at=clock.now(session),
            )
        )
        session.flush()
