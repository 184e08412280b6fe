"""A sweep's events, live."""

from collections.abc import AsyncIterable, AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Header
from fastapi.sse import EventSourceResponse, ServerSentEvent
from starlette.exceptions import HTTPException

from service.api.dependencies import Service, Viewer
from service.api.errors import responses
from service.api.sweeps import SweepId
from service.domain import events, sweeps
from service.domain.events import Cursor
from service.errors import NotFoundError, UnavailableError
from service.wire.events import KINDS

router = APIRouter(prefix="/sweeps", tags=["sweeps"])

_KIND_OF = {kind: name for name, kind in KINDS.items()}
LastEventId = Annotated[str | None, Header(max_length=100, description="the `id` of the last event that you know")]


def known(sweep_id: SweepId, service: Service, viewer: Viewer, last_event_id: LastEventId = None) -> Cursor:
    """What the caller, who may see the sweep, knows of it; a browser that knows the end is told not to come back."""
    cursor = Cursor.parse(last_event_id)
    with service.store.read() as session:
        sweep = sweeps.find(session, viewer, sweep_id)
    if events.is_over(sweep, cursor):
        raise HTTPException(204)
    return cursor


async def admitted(sweep_id: SweepId, service: Service) -> AsyncIterator[None]:
    """A place among this process's streams, for as long as the answer takes."""
    async with service.streams.admitted(sweep_id):
        yield


@router.get(
    "/{sweep_id}/events",
    summary="Follow a sweep",
    response_class=EventSourceResponse,
    responses=responses(NotFoundError, UnavailableError) | {204: {"description": "Ended, and you know it all"}},
)
async def follow(
    sweep_id: SweepId,
    service: Service,
    cursor: Annotated[Cursor, Depends(known)],
    _place: Annotated[None, Depends(admitted)],
) -> AsyncIterable[ServerSentEvent]:
    """Server-sent events: `state`, `trial` for each trial that ends, `progress` at most once a second, and last `end`.

    Without Last-Event-ID the stream begins with the first trial that ended. After five minutes it ends by itself; a
    client that comes back with the last id that it saw misses nothing. Streams beyond a limit are answered with 503.
    """
    async for event in service.streams.follow(sweep_id, cursor):
        yield ServerSentEvent(event=_KIND_OF[type(event.news)], id=event.id, data=event.news)
