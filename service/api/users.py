"""Users, for admins."""

from fastapi import APIRouter

from service.api.dependencies import Admin, Service
from service.api.errors import responses
from service.api.paging import Cursor, Limit, NameQuery, Number
from service.api.strict_json import StrictRoute
from service.domain import users
from service.errors import ConflictError, NotFoundError
from service.wire.teams import UserChange, UserOrder, UserPage, UserView

router = APIRouter(prefix="/users", tags=["access"], route_class=StrictRoute)


@router.get("", summary="List users (admins)")
def list_users(
    service: Service,
    _admin: Admin,
    team: NameQuery = None,
    name: NameQuery = None,
    cursor: Cursor = None,
    limit: Limit = 200,
) -> UserPage:
    """Users of all teams, or of one, in the order in which they were made."""
    with service.store.read() as session:
        return users.page(session, team, name, cursor, limit)


@router.post("", status_code=201, summary="Make a user (admins)", responses=responses(ConflictError))
def create_user(order: UserOrder, service: Service, admin: Admin) -> UserView:
    """A user belongs to one team, and has no token until one is made."""
    with service.store.write() as session:
        return users.create(session, admin, order)


@router.patch("/{user_id}", summary="Change a user (admins)", responses=responses(NotFoundError, ConflictError))
def change_user(user_id: Number, order: UserChange, service: Service, admin: Admin) -> UserView:
    """Rename a user; or disable one, whose tokens are refused from then on, or enable again."""
    with service.store.write() as session:
        return users.change(session, admin, user_id, order)
