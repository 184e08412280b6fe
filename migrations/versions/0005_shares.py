"""Shares: what runs cost, what teams have used, their weights and quotas, and a queue that is read team by team."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)
FLOAT = sa.Float(precision=53)
QUEUED = "state = 'queued'"


def where(condition: str) -> dict[str, Any]:
    """The options of a partial index."""
    return {"postgresql_where": sa.text(condition), "sqlite_where": sa.text(condition)}


def upgrade() -> None:
    """Add them; runs get the team of their sweep."""
    _columns()
    _usage()
    _queue()


def _columns() -> None:
    # Without batches: SQLite would write large tables anew, and adds columns with a default in place.
    added: dict[str, list[sa.Column[Any]]] = {
        "teams": [
            sa.Column("weight", FLOAT, server_default="1", nullable=False),
            sa.Column("lane_quota", sa.BigInteger(), nullable=True),
            sa.Column("hour_quota", FLOAT, nullable=True),
            sa.Column("gave_way_at", MOMENT, nullable=True),
        ],
        "workers": [_seconds("device_seconds"), sa.Column("charged_at", MOMENT, nullable=True)],
        "attempts": [_seconds("device_seconds"), _joules("joules")],
        "runs": [
            sa.Column("team_id", sa.BigInteger(), server_default="0", nullable=False),
            sa.Column("gives_way", sa.Boolean(), server_default=sa.false(), nullable=False),
            _seconds("device_seconds"),
            _joules("joules"),
            _seconds("attempt_seconds"),
            _joules("attempt_joules"),
        ],
    }
    for table, columns in added.items():
        for column in columns:
            op.add_column(table, column)
    op.execute("UPDATE runs SET team_id = (SELECT team_id FROM sweeps WHERE sweeps.id = runs.sweep_id)")


def _seconds(name: str) -> sa.Column[float]:
    return sa.Column(name, FLOAT, server_default="0", nullable=False)


def _joules(name: str) -> sa.Column[float]:
    return sa.Column(name, FLOAT, nullable=True)


def _usage() -> None:
    op.create_table(
        "usage",
        sa.Column("sweep_id", ID, autoincrement=False, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("worker_id", ID, autoincrement=False, nullable=False),
        sa.Column("device_seconds", FLOAT, nullable=False),
        sa.Column("joules", FLOAT, nullable=True),
        sa.ForeignKeyConstraint(["sweep_id"], ["sweeps.id"], name=op.f("fk_usage_sweep_id_sweeps")),
        sa.ForeignKeyConstraint(["worker_id"], ["workers.id"], name=op.f("fk_usage_worker_id_workers")),
        sa.PrimaryKeyConstraint("sweep_id", "day", "worker_id", name=op.f("pk_usage")),
    )
    op.create_index(op.f("ix_usage_day"), "usage", ["day"])
    op.create_index(op.f("ix_usage_worker_id"), "usage", ["worker_id"])
    op.create_table(
        "team_usage",
        sa.Column("team_id", ID, autoincrement=False, nullable=False),
        sa.Column("part", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("decayed", FLOAT, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("month", sa.BigInteger(), nullable=False),
        sa.Column("month_seconds", FLOAT, nullable=False),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], name=op.f("fk_team_usage_team_id_teams")),
        sa.PrimaryKeyConstraint("team_id", "part", name=op.f("pk_team_usage")),
    )


def _queue() -> None:
    order: list[str | sa.TextClause] = [sa.text("priority DESC"), "sweep_id", "id"]
    indexes: dict[str, tuple[list[str | sa.TextClause], str]] = {
        "ix_runs_queued": (order, QUEUED),
        "ix_runs_queued_shape": (["shape", *order], QUEUED),
        "ix_runs_queued_suspected": (order, f"{QUEUED} AND losses >= 2"),
    }
    for name, (columns, condition) in indexes.items():
        op.drop_index(name, "runs")
        op.create_index(name, "runs", ["team_id", *columns], **where(condition))
