"""The audit trail."""

from typing import Annotated

from fastapi import APIRouter, Query

from service.api.dates import Moment
from service.api.dependencies import Member, Service
from service.api.paging import BIGGEST, Cursor, Limit, NameQuery
from service.domain import audit
from service.domain.audit import Filter
from service.wire.audit import AuditPage
from service.wire.names import PRINTABLE

router = APIRouter(tags=["access"])


Kind = Annotated[
    str | None, Query(min_length=1, max_length=40, pattern=PRINTABLE, description="for example token.created")
]
UserQuery = Annotated[
    str | None, Query(min_length=1, max_length=241, pattern=PRINTABLE, description="NAME, or TEAM/NAME")
]


@router.get("/audit", summary="Who changed what")
def list_events(
    service: Service,
    member: Member,
    team: NameQuery = None,
    user: UserQuery = None,
    sweep: Annotated[int | None, Query(ge=1, le=BIGGEST)] = None,
    kind: Kind = None,
    since: Moment | None = None,
    until: Moment | None = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> AuditPage:
    """Changes that concern your team, newest first; an admin sees those of all. Times without a zone are in UTC."""
    wanted = Filter(team=team, user=user, sweep_id=sweep, kind=kind, since=since, until=until)
    with service.store.read() as session:
        return audit.page(session, member, wanted, cursor, limit)
