"""Browser sessions: a person who gave a token on the login page need not give it again for some hours.

A browser keeps 256 random bits, the database their sha256. A session is its token's: it may what the token may, and it
ends when the token is revoked or expires.
"""

import hashlib
import secrets
from datetime import timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from service.domain import access
from service.domain.access import Principal
from service.errors import UnauthorizedError
from service.store import clock
from service.store.tables import BrowserSession

LASTS = timedelta(hours=12)


def begin(session: Session, principal: Principal) -> str:
    """A new session of a caller: what its browser is to keep. Sessions that have ended are removed."""
    secret, now = secrets.token_urlsafe(32), clock.now(session)
    session.execute(delete(BrowserSession).where(BrowserSession.expires_at <= now))
    session.add(
        BrowserSession(digest=_digest(secret), token_id=principal.token_id, created_at=now, expires_at=now + LASTS)
    )
    return secret


def principal_of(session: Session, secret: str) -> Principal:
    """The caller whose browser keeps this.

    Raises:
        UnauthorizedError: there is no such session, it has ended, or its token is no longer valid.
    """
    found = session.execute(
        select(BrowserSession.token_id, BrowserSession.expires_at).where(BrowserSession.digest == _digest(secret))
    ).one_or_none()
    if found is None or found.expires_at <= clock.now(session):
        raise UnauthorizedError("the session has ended; log in again at /login")
    return access.owner(session, found.token_id)


def end(session: Session, secret: str) -> None:
    """End a session, if there is one."""
    session.execute(delete(BrowserSession).where(BrowserSession.digest == _digest(secret)))


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
