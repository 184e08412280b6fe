"""Who uses a service: teams, users, tokens, sessions."""

from datetime import datetime
from typing import get_args

from sqlalchemy import (
    ForeignKey,
    Index,
    String,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from service.store.tables.base import Base, Id, one_of
from service.wire.tokens import Role


class Team(Base):
    """Who shares the cluster, by `weight`: see `service.domain.fairness`.

    It has at most `lane_quota` lanes at once, and `hour_quota` hours of devices in a month. `gave_way_at` is when runs
    of it were last told to make room for another team.
    """

    __tablename__ = "teams"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(120), unique=True)
    weight: Mapped[float] = mapped_column(server_default="1")
    lane_quota: Mapped[int | None]
    hour_quota: Mapped[float | None]
    gave_way_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]


class User(Base):
    """A person of a team."""

    __tablename__ = "users"
    __table_args__ = (UniqueConstraint("team_id", "name"), Index(None, "name"))

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    team_id: Mapped[int] = mapped_column(ForeignKey("teams.id"))
    name: Mapped[str] = mapped_column(String(120))
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]


class Token(Base):
    """A bearer token, kept as its hash; a worker's token belongs to no user.

    `key_id` says with which key the hash was made (see `service.token_key`); None is for one of version 0.1, which is
    a plain sha256 until the next start. `hint` is the part of the token that may be shown.
    """

    __tablename__ = "tokens"
    __table_args__ = (one_of("role", get_args(Role)), Index(None, "user_id"))

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    key_id: Mapped[str | None] = mapped_column(String(16))
    hint: Mapped[str | None] = mapped_column(String(40))
    role: Mapped[str] = mapped_column(String(16))
    name: Mapped[str] = mapped_column(String(120))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class BrowserSession(Base):
    """A person who logged in to the pages with a token: the hash of what the browser keeps; it dies with the token."""

    __tablename__ = "browser_sessions"
    __table_args__ = (Index(None, "token_id"), Index(None, "expires_at"))

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    token_id: Mapped[int] = mapped_column(ForeignKey("tokens.id"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
