"""The version of the protocol in which a worker calls, and answers in it."""

from importlib.metadata import version as release_of
from typing import Annotated

from fastapi import Depends, Header, Response

from service.errors import ProtocolError
from service.wire.base import Record
from service.wire.versions import HEADER, NEWEST, OLDEST, disagreement, spoken

SPOKEN = f"{OLDEST}-{NEWEST}"


def demand(version: int) -> None:
    """Refuse a version that this service does not speak.

    Raises:
        ProtocolError: it is one.
    """
    if not OLDEST <= version <= NEWEST:
        raise ProtocolError(disagreement(version, release_of("rampline")))


async def _version(
    given: Annotated[int, Header(alias=HEADER, ge=1, description="the version of the protocol of this call")] = 1,
) -> int:
    demand(given)
    return given


Version = Annotated[int, Depends(_version)]


def said(record: Record, version: int, *, status: int = 200) -> Response:
    """An answer in the version of its call."""
    return Response(spoken(record, version), status_code=status, media_type="application/json")
