"""What is written down of it: usage, heartbeats, events."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    ForeignKey,
    Index,
    String,
)
from sqlalchemy.orm import Mapped, mapped_column

from service.store.origin import bound, team_concerned
from service.store.tables.base import (
    Base,
    Id,
)


class Usage(Base):
    """What a sweep's runs have cost on one worker in one day (UTC). A row is written by one worker's reports alone."""

    __tablename__ = "usage"
    __table_args__ = (Index(None, "day"), Index(None, "worker_id"))

    sweep_id: Mapped[int] = mapped_column(ForeignKey("sweeps.id"), primary_key=True, autoincrement=False)
    day: Mapped[date] = mapped_column(primary_key=True)
    worker_id: Mapped[int] = mapped_column(ForeignKey("workers.id"), primary_key=True, autoincrement=False)
    device_seconds: Mapped[float]
    joules: Mapped[float | None]


class TeamUsage(Base):
    """What a team has used, in the two forms that every claim asks for; a few rows a team, since many workers add.

    `decayed` are device-seconds as they counted at `at`: half of them count no more after a half-life. `month_seconds`
    are those of the month `month` (12 x year + month - 1).
    """

    __tablename__ = "team_usage"

    team_id: Mapped[int] = mapped_column(ForeignKey("teams.id"), primary_key=True, autoincrement=False)
    part: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    decayed: Mapped[float]
    at: Mapped[datetime]
    month: Mapped[int]
    month_seconds: Mapped[float]


class Heartbeat(Base):
    """When a server process last reached the database while leases were held; one row, see `service.grace`."""

    __tablename__ = "heartbeats"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    at: Mapped[datetime]


class Event(Base):
    """What was changed and through whom: the trail that an audit reads.

    `team_id` is whose business it is, None for the whole service's. Whoever writes an event says what happened; with
    which token, from where and in which request is taken from the request that is served in this context.
    """

    __tablename__ = "events"
    __table_args__ = (
        Index(None, "sweep_id", "id"),
        Index(None, "team_id", "id"),
        Index(None, "user_id", "id"),
        Index(None, "kind", "id"),
        Index(None, "at"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    at: Mapped[datetime]
    kind: Mapped[str] = mapped_column(String(40))
    sweep_id: Mapped[int | None] = mapped_column(ForeignKey("sweeps.id"))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    team_id: Mapped[int | None] = mapped_column(ForeignKey("teams.id"), default=team_concerned)
    token_id: Mapped[int | None] = mapped_column(ForeignKey("tokens.id"), default=bound("token_id"))
    request_id: Mapped[str | None] = mapped_column(String(100), default=bound("request_id"))
    address: Mapped[str | None] = mapped_column(String(64), default=bound("address"))
    detail: Mapped[dict[str, Any]]
