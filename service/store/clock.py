"""Time, as the database tells it: leases are compared by one clock whatever the servers' own clocks say."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import DateTime, Dialect, literal_column, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator
from typing_extensions import override

# The very form in which SQLite stores instants, since they are compared as texts.
_STORED = "%Y-%m-%d %H:%M:%f000"


def now(session: Session) -> datetime:
    """The database's time, in UTC."""
    return session.execute(_NOW).scalar_one()


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


class _Moment(FunctionElement[datetime]):
    name = "moment"
    type = Instant()
    inherit_cache = True


# The database's time within a statement, to compare with instants, where `now` would be a statement of its own.
MOMENT = _Moment()
_NOW = select(MOMENT)


def ago(age: timedelta) -> "_Ago":
    """A moment before the one at which a statement begins; it may be looked for in an index."""
    return _Ago(literal_column(f"{age.total_seconds():.3f}"))


class _Ago(FunctionElement[datetime]):
    name = "ago"
    type = Instant()
    inherit_cache = True


@compiles(_Moment, "postgresql")
def _on_postgresql(_element: _Moment, _compiler: SQLCompiler, **_options: Any) -> str:
    return "clock_timestamp()"


@compiles(_Moment, "sqlite")
def _on_sqlite(_element: _Moment, _compiler: SQLCompiler, **_options: Any) -> str:
    return f"strftime('{_STORED}', 'now')"


@compiles(_Ago, "postgresql")
def _before_on_postgresql(element: _Ago, compiler: SQLCompiler, **options: Any) -> str:
    return f"(statement_timestamp() - make_interval(secs => {compiler.process(element.clauses, **options)}))"


@compiles(_Ago, "sqlite")
def _before_on_sqlite(element: _Ago, compiler: SQLCompiler, **options: Any) -> str:
    return f"strftime('{_STORED}', 'now', '-{compiler.process(element.clauses, **options)} seconds')"
