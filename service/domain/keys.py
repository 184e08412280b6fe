"""Stored tokens and the key of their hashes: those of version 0.1 get one, and those of a key that is gone are dead."""

from typing import Any

from sqlalchemy import ColumnElement, func, or_, select, update
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session

from service.domain import audit
from service.store import clock
from service.store.tables import Token
from service.token_key import TokenKey


def wrap_plain(session: Session, key: TokenKey) -> int:
    """Bring the hashes of version 0.1 to the keyed form; returns how many there were."""
    plain = session.scalars(select(Token).where(Token.key_id.is_(None)).with_for_update()).all()
    for token in plain:
        token.digest, token.key_id = key.wrap(token.digest), key.id
    session.flush()
    return len(plain)


def count_foreign(session: Session, key: TokenKey) -> int:
    """How many tokens would be accepted if their hashes were not of another key."""
    return session.scalar(select(func.count()).select_from(Token).where(*_foreign(key))) or 0


def forget_foreign(session: Session, key: TokenKey | None) -> int:
    """Revoke the tokens whose hashes are of another key, all keyed ones if there is none; returns how many."""
    foreign = update(Token).where(*_foreign(key)).values(revoked_at=clock.now(session))
    found: CursorResult[Any] = session.execute(foreign, execution_options={"synchronize_session": False})  # type: ignore[assignment]  # what an UPDATE gives
    if found.rowcount:
        audit.record(session, "token.forgotten", tokens=found.rowcount)
    return found.rowcount


def _foreign(key: TokenKey | None) -> list[ColumnElement[bool]]:
    other = Token.key_id.is_not(None) if key is None else Token.key_id != key.id
    lives = or_(Token.expires_at.is_(None), Token.expires_at > clock.MOMENT)
    return [other, Token.revoked_at.is_(None), lives]
