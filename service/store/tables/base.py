"""What the tables are made of: types of columns, constraints, partial indexes, the words of states."""

from datetime import date, datetime
from typing import Any, ClassVar, get_args

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    ColumnElement,
    Date,
    Float,
    Index,
    Integer,
    MetaData,
    literal_column,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, InstrumentedAttribute

from service.store.clock import Instant
from service.wire.views import RunState

Json = JSON().with_variant(JSONB(), "postgresql")
# SQLite numbers rows by itself only where the column's type is exactly INTEGER.
Id = BigInteger().with_variant(Integer(), "sqlite")

TRIAL_STATES = tuple(state for state in get_args(RunState) if state != "paused")  # a trial is queued until it has ended
ENDED_RUN_STATES = ("completed", "pruned", "diverged", "failed", "cancelled")
ENDED_SWEEP_STATES = ("completed", "failed", "cancelled")
SUSPECT = 2  # losses of its worker in a row after which a run is trained alone; see service.domain.quarantine
FAILURE_CAUSES = ("out_of_memory", "crash", "bad_data", "quarantined")
# An evicted attempt was released by its worker, or lost with it.
ATTEMPT_ENDS = (
    "completed",
    "pruned",
    "diverged",
    "out_of_memory",
    "crash",
    "bad_data",
    "cancelled",
    "released",
    "lost",
    "paused",
)


def one_of(column: str, values: tuple[str, ...]) -> CheckConstraint:
    """A constraint that a column holds one of a few words."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


def partial(name: str, *columns: str, where: str) -> Index:
    """An index of the rows of which `where` is true; it is one boolean column, or a comparison."""
    # SQLite has no booleans: statements ask it for `column = 1`, and it takes only an index that says the same.
    for_sqlite = where if " " in where else f"{where} = 1"
    parts = [text(column) if " " in column else column for column in columns]
    return Index(name, *parts, postgresql_where=text(where), sqlite_where=text(for_sqlite))


def in_state(column: InstrumentedAttribute[str] | InstrumentedAttribute[str | None], state: str) -> ColumnElement[bool]:
    """That a column holds one word, which is written into the statement.

    A bound value would hide it from the planner, which then could not use the partial indexes.
    """
    assert state.isidentifier()
    return column == literal_column(f"'{state}'")


class Base(DeclarativeBase):
    """The declarative base; constraints are named by one convention, so that migrations can name them too."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: Instant(),
        date: Date(),
        dict[str, Any]: Json,
        list[dict[str, Any]]: Json,
        list[int]: Json,
        float: Float(53),
        int: BigInteger(),
    }
