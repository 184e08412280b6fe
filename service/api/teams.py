"""Teams, for admins."""

from fastapi import APIRouter

from service.api.dependencies import Admin, Service
from service.api.errors import responses
from service.api.paging import Cursor, Limit, NameQuery, Number
from service.api.strict_json import StrictRoute
from service.domain import teams
from service.errors import ConflictError, NotFoundError
from service.wire.teams import TeamChange, TeamOrder, TeamPage, TeamView

router = APIRouter(prefix="/teams", tags=["access"], route_class=StrictRoute)


@router.get("", summary="List teams (admins)")
def list_teams(
    service: Service, _admin: Admin, name: NameQuery = None, cursor: Cursor = None, limit: Limit = 200
) -> TeamPage:
    """Every team, in the order in which they were made; with `name` the one of that name."""
    with service.store.read() as session:
        return teams.page(session, name, cursor, limit)


@router.post("", status_code=201, summary="Make a team (admins)", responses=responses(ConflictError))
def create_team(order: TeamOrder, service: Service, admin: Admin) -> TeamView:
    """A team keeps its name for good: experiments and studies bear it."""
    with service.store.write() as session:
        return teams.create(session, admin, order)


@router.patch("/{team_id}", summary="Change a team (admins)", responses=responses(NotFoundError, ConflictError))
def change_team(team_id: Number, order: TeamChange, service: Service, admin: Admin) -> TeamView:
    """Disable a team, whose users' tokens are refused from then on, or enable it again."""
    with service.store.write() as session:
        return teams.change(session, admin, team_id, order)
