"""What teams have used, and what they may."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from service.api.dates import Day
from service.api.dependencies import Admin, Service, Viewer
from service.api.errors import responses
from service.api.strict_json import StrictRoute
from service.domain import shares, spending
from service.errors import NotFoundError
from service.wire.shares import ShareSpec, ShareView, UsageKey, UsageView

router = APIRouter(tags=["usage"], route_class=StrictRoute)

From = Annotated[Day | None, Query(alias="from", description="the first day, in UTC; the month's first if left out")]
To = Annotated[Day | None, Query(description="the last day; today if left out")]


@router.get("/usage", summary="What was used")
def get_usage(
    service: Service,
    viewer: Viewer,
    by: Annotated[UsageKey, Query(description="what to add up")] = "team",
    first: From = None,
    to: To = None,
) -> UsageView:
    """Seconds of devices and joules, the most first: your team's, or every team's for an admin."""
    with service.store.read() as session:
        return spending.listing(session, viewer, by, first, to)


@router.get("/shares", summary="What teams may, have and wait for")
def list_shares(service: Service, viewer: Viewer) -> list[ShareView]:
    """Weights, quotas, lanes and usage: your team's, or every team's for an admin."""
    with service.store.read() as session:
        return shares.listing(session, viewer, service.settings.policy, service.settings.lease_seconds)


@router.put(
    "/teams/{name}/share", status_code=204, summary="Grant a team its share", responses=responses(NotFoundError)
)
def put_share(name: Annotated[str, Path(max_length=120)], spec: ShareSpec, service: Service, admin: Admin) -> None:
    """Set a team's weight and quotas, all of them; what trains now goes on."""
    with service.store.write() as session:
        shares.grant(session, admin, name, spec)
    service.dispatcher.wake()
