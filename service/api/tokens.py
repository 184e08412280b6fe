"""Tokens: admins make them; everybody sees and revokes the own ones."""

from typing import Annotated

from fastapi import APIRouter, Query

from service.api.dependencies import Admin, Member, Service, Viewer, ViewerOrWorker
from service.api.errors import responses
from service.api.paging import Cursor, Limit, NameQuery, Number
from service.api.strict_json import StrictRoute
from service.domain import tokens
from service.errors import ConflictError, NotFoundError
from service.wire.tokens import NewToken, Rotation, TokenOrder, TokenPage, TokenView

router = APIRouter(tags=["access"], route_class=StrictRoute)

Everything = Annotated[bool, Query(description="also those that are revoked or expired")]


@router.get("/whoami", summary="Your token")
def who_am_i(service: Service, caller: ViewerOrWorker) -> TokenView:
    """The token of this request: its role, its user and team, until when it is accepted."""
    with service.store.read() as session:
        return tokens.view(session, caller.token_id)


@router.get("/tokens", summary="List tokens")
def list_tokens(
    service: Service,
    viewer: Viewer,
    team: NameQuery = None,
    user: NameQuery = None,
    everything: Everything = False,
    cursor: Cursor = None,
    limit: Limit = 200,
) -> TokenPage:
    """Your tokens, newest first; an admin sees everybody's, or those of one team or user."""
    with service.store.read() as session:
        return tokens.page(session, viewer, team=team, user=user, everything=everything, cursor=cursor, limit=limit)


@router.post("/tokens", status_code=201, summary="Make a token (admins)")
def create_token(order: TokenOrder, service: Service, admin: Admin) -> NewToken:
    """The answer is the only one that holds the token; the service keeps a hash of it."""
    with service.store.write() as session:
        return tokens.create(session, service.token_key, admin, order)


@router.post("/tokens/{token_id}/revoke", summary="Revoke a token", responses=responses(NotFoundError))
def revoke_token(token_id: Number, service: Service, member: Member) -> TokenView:
    """From the next request on it is refused: one of yours, or as an admin anybody's. Twice changes nothing."""
    with service.store.write() as session:
        return tokens.revoke(session, member, token_id)


@router.post(
    "/tokens/{token_id}/rotate",
    status_code=201,
    summary="Replace a token",
    responses=responses(NotFoundError, ConflictError),
)
def rotate_token(token_id: Number, order: Rotation, service: Service, member: Member) -> NewToken:
    """A new token of the same user, role and name; the old one is accepted for `grace_seconds` more."""
    with service.store.write() as session:
        return tokens.rotate(session, service.token_key, member, token_id, order)
