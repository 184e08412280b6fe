"""Time, as the database tells it: leases are compared by one clock whatever the servers' own clocks say."""

from datetime import UTC, datetime

from sqlalchemy import ColumnElement, DateTime, Dialect, literal_column, text
from sqlalchemy.orm import Session
from sqlalchemy.types import TypeDecorator
from typing_extensions import override

_NOW = {
    "sqlite": text("SELECT strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')"),
    "postgresql": text("SELECT clock_timestamp()"),
}
# On SQLite in the very form in which instants are stored, since they are compared as texts.
_MOMENT = {"sqlite": "strftime('%Y-%m-%d %H:%M:%f000', 'now')", "postgresql": "clock_timestamp()"}


def now(session: Session) -> datetime:
    """The database's time, in UTC."""
    value = session.scalar(_NOW[session.get_bind().dialect.name])
    return (datetime.fromisoformat(value) if isinstance(value, str) else value).astimezone(UTC)


def moment(session: Session) -> ColumnElement[datetime]:
    """The database's time within a statement, to compare with instants, where `now` would be a statement of its own."""
    return literal_column(_MOMENT[session.get_bind().dialect.name], Instant())


class Instant(TypeDecorator[datetime]):
    """A moment in UTC: `timestamptz` on PostgreSQL, text of fixed width (which sorts by time) on SQLite."""

    impl = DateTime(timezone=True)
    cache_ok = True

    @override
    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a time without a zone; store UTC."""
        if value is None:
            return None
        assert value.tzinfo is not None, "moments are stored with their zone"
        return value.astimezone(UTC)

    @override
    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give SQLite's text its zone back."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
