"""Tokens as rows: made, listed, replaced, revoked. A row stays for good, since the audit trail names it."""

from datetime import timedelta
from typing import Any, cast

from sqlalchemy import Row, Select, case, or_, select
from sqlalchemy.orm import Session

from service.domain import access, audit, users
from service.domain.access import GRANTS, Principal
from service.errors import ConflictError, ForbiddenError, NotFoundError
from service.store import clock
from service.store.tables import Team, Token, User
from service.token_key import TokenKey
from service.wire.tokens import NewToken, Role, Rotation, TokenOrder, TokenPage, TokenView, mint


def create(session: Session, key: TokenKey, principal: Principal, order: TokenOrder) -> NewToken:
    """Make a token, which is told this once.

    Raises:
        InvalidError: there is no such team or user.
    """
    user = users.named(session, order.team, order.user) if order.team and order.user else None
    lifetime = timedelta(seconds=order.lifetime_seconds) if order.lifetime_seconds else None
    made = _make(session, key, order.role, order.name, user, lifetime)
    _record(session, principal, "token.created", made)
    return made


def page(
    session: Session,
    principal: Principal,
    *,
    team: str | None,
    user: str | None,
    everything: bool,
    cursor: int | None,
    limit: int,
) -> TokenPage:
    """Tokens below the number `cursor`, newest first: an admin's are all, anybody else's the own user's.

    Those that are revoked or expired are left out, unless `everything` is asked for.
    """
    query = _listed().order_by(Token.id.desc()).limit(limit + 1)
    if principal.role != "admin":
        query = query.where(Token.user_id.is_not(None), Token.user_id == principal.user_id)
    if team is not None:
        query = query.where(Team.name == team)
    if user is not None:
        query = query.where(User.name == user)
    if not everything:
        lives = or_(Token.expires_at.is_(None), Token.expires_at > clock.MOMENT)
        query = query.where(Token.revoked_at.is_(None), lives)
    if cursor is not None:
        query = query.where(Token.id < cursor)
    found = session.execute(query).all()
    shown = [_view(row) for row in found[:limit]]
    return TokenPage(items=shown, next_cursor=shown[-1].id if len(found) > limit else None)


def view(session: Session, token_id: int) -> TokenView:
    """One token as it is shown."""
    return _view(session.execute(_listed().where(Token.id == token_id)).one())


def revoke(session: Session, principal: Principal, token_id: int) -> TokenView:
    """Accept a token no more, from the next request on. Doing it twice changes nothing.

    Raises:
        NotFoundError: there is none of this number, or it is another user's.
        ForbiddenError: it may do more than the caller's token.
    """
    token = _managed(session, principal, token_id)
    if token.revoked_at is None:
        token.revoked_at = clock.now(session)
        session.flush()
        _record(session, principal, "token.revoked", view(session, token_id))
    return view(session, token_id)


def rotate(session: Session, key: TokenKey, principal: Principal, token_id: int, order: Rotation) -> NewToken:
    """Replace a token by a new one, told this once; the old one is accepted for a time of grace, or no more.

    Raises:
        NotFoundError: as `revoke`.
        ForbiddenError: as `revoke`, or the new one is to live for longer, and the caller is no admin.
        ConflictError: the token is revoked or has expired.
    """
    token = _managed(session, principal, token_id)
    state = view(session, token_id).state
    if state in ("revoked", "expired"):
        raise ConflictError(f"token {token_id} is {state}, so there is nothing to replace; ask for a new token")
    lifetime = _lifetime(principal, token, order.lifetime_seconds)
    user = session.get_one(User, token.user_id) if token.user_id is not None else None
    made = _make(session, key, cast("Role", token.role), token.name, user, lifetime)
    last = made.created_at + timedelta(seconds=order.grace_seconds)
    if not order.grace_seconds:
        token.revoked_at = made.created_at
    elif token.expires_at is None or token.expires_at > last:
        token.expires_at = last
    session.flush()
    _record(session, principal, "token.rotated", made, replaces=token_id, grace_seconds=order.grace_seconds)
    return made


def note_refusal(session: Session, token_id: int, reason: str) -> None:
    """Write down that somebody still shows a token that is accepted no more."""
    token = session.get_one(Token, token_id)
    owner = Principal(token.id, token.role, token.name, token.user_id, None)
    audit.record(session, "token.refused", by=owner, name=token.name, reason=reason)


def _make(
    session: Session, key: TokenKey, role: Role, name: str, user: User | None, lifetime: timedelta | None
) -> NewToken:
    text = mint(role)
    token = access.ensure_token(session, key, text, role, name, user)
    assert token is not None, "256 random bits are new"
    token.expires_at = token.created_at + lifetime if lifetime is not None else None
    session.flush()
    return NewToken(**dict(view(session, token.id)), token=text)


def _lifetime(principal: Principal, token: Token, seconds: int | None) -> timedelta | None:
    """How long the token that replaces another is accepted."""
    before = token.expires_at - token.created_at if token.expires_at is not None else None
    if seconds is None:
        return before
    wanted = timedelta(seconds=seconds)
    if principal.role != "admin" and before is not None and wanted > before:
        raise ForbiddenError(f"the new token would live for longer than the old one did, {before}; ask an admin")
    return wanted


def _managed(session: Session, principal: Principal, token_id: int) -> Token:
    """A token that the caller may revoke, locked. A lesser token of a user has no power over a mightier one."""
    query = select(Token).where(Token.id == token_id).with_for_update()
    token = session.scalars(query.execution_options(populate_existing=True)).one_or_none()
    if token is None or not (principal.role == "admin" or _owns(principal, token)):
        raise NotFoundError(f"there is no token of number {token_id}; GET /api/v1/tokens lists yours")
    if token.role not in GRANTS[principal.role]:
        yours = f"yours has role {principal.role}"
        raise ForbiddenError(f"token {token_id} has role {token.role}, and {yours}; use it itself, or ask an admin")
    return token


def _owns(principal: Principal, token: Token) -> bool:
    return principal.user_id is not None and token.user_id == principal.user_id


def _record(session: Session, principal: Principal, kind: str, token: TokenView, **more: Any) -> None:
    """Write an event, which concerns the team of the token's user; of a worker's token, that of the caller."""
    team_id = session.scalar(select(Team.id).where(Team.name == token.team)) if token.team else None
    detail = {"token": token.id, "role": token.role, "name": token.name, "user": token.user, **more}
    audit.record(session, kind, by=principal, team_id=team_id, **detail)


def _listed() -> Select[Any]:
    state = case(
        (Token.revoked_at.is_not(None), "revoked"),
        (Token.expires_at <= clock.MOMENT, "expired"),
        (or_(User.disabled_at.is_not(None), Team.disabled_at.is_not(None)), "disabled"),
        else_="active",
    )
    rows = select(Token, Team.name.label("team"), User.name.label("user"), state.label("state"))
    return rows.outerjoin(User, Token.user_id == User.id).outerjoin(Team, User.team_id == Team.id)


def _view(row: Row[Any]) -> TokenView:
    token: Token = row.Token
    return TokenView(
        id=token.id,
        role=token.role,
        name=token.name,
        team=row.team,
        user=row.user,
        hint=token.hint,
        state=row.state,
        created_at=token.created_at,
        expires_at=token.expires_at,
        last_used_at=token.last_used_at,
        revoked_at=token.revoked_at,
    )
