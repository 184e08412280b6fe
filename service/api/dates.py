"""Dates and times in queries, as RFC 3339 writes them."""

import re
from datetime import UTC, date, datetime
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

from service.wire.base import refusal

_WRITTEN = re.compile(r"\d{4}-\d\d-\d\d")


def _written(given: object) -> object:
    """Refuse a number, which pydantic takes for seconds since 1970."""
    if isinstance(given, str) and not _WRITTEN.match(given):
        raise refusal(f'"{given[:40]}" is no date', "write it as 2026-01-31")
    return given


def _in_utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


Day = Annotated[date, BeforeValidator(_written)]
Moment = Annotated[datetime, BeforeValidator(_written), AfterValidator(_in_utc)]
