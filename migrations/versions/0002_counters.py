"""Counters of what has ended on the rows of sweeps, when a server was last there, and indexes for pages."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
ENDED = ("completed", "pruned", "diverged", "failed", "cancelled")
COUNTERS = ("trials_done", "runs_unended", *(f"runs_{state}" for state in ENDED), "updates_ended")


def upgrade() -> None:
    for name in COUNTERS:
        op.add_column("sweeps", sa.Column(name, sa.BigInteger(), server_default="0", nullable=False))
    _count()
    op.create_index("ix_sweeps_open", "sweeps", [sa.text("priority DESC"), "id"], **where("finished_at IS NULL"))
    op.create_index(op.f("ix_sweeps_team_id_state_id"), "sweeps", ["team_id", "state", "id"])
    op.create_index(op.f("ix_sweeps_corpus_team_id"), "sweeps", ["corpus", "team_id"])
    op.create_index("ix_trials_best", "trials", ["sweep_id", "value", "number"], **where("state = 'completed'"))
    op.drop_index(op.f("ix_trials_sweep_id_value"), "trials")
    op.create_index("ix_runs_training", "runs", ["sweep_id", "state"], **where("state = 'running'"))
    op.create_index(op.f("ix_workers_last_seen_at"), "workers", ["last_seen_at"])
    op.drop_index(op.f("ix_workers_left_at_last_seen_at"), "workers")
    op.create_table(
        "heartbeats",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_heartbeats")),
    )


def where(condition: str) -> dict[str, Any]:
    """The options of a partial index."""
    return {"postgresql_where": sa.text(condition), "sqlite_where": sa.text(condition)}


def _count() -> None:
    """Count what is there: one statement, which reads each sweep's rows by their indexes and writes each sweep once."""
    sweeps = sa.table("sweeps", sa.column("id"), *(sa.column(name) for name in COUNTERS))
    trials = sa.table("trials", sa.column("sweep_id"), sa.column("state"))
    runs = sa.table("runs", sa.column("sweep_id"), sa.column("state"), sa.column("step"))

    def counted(rows: sa.TableClause, *states: str) -> sa.ScalarSelect[int]:
        mine = rows.c.sweep_id == sweeps.c.id, rows.c.state.in_(states)
        return sa.select(sa.func.count()).select_from(rows).where(*mine).scalar_subquery()

    steps = sa.select(sa.func.coalesce(sa.func.sum(runs.c.step), 0))
    ended = steps.where(runs.c.sweep_id == sweeps.c.id, runs.c.state.in_(ENDED)).scalar_subquery()
    op.execute(
        sweeps.update().values(
            trials_done=counted(trials, *ENDED),
            runs_unended=counted(runs, "queued", "running"),
            **{f"runs_{state}": counted(runs, state) for state in ENDED},
            updates_ended=ended,
        )
    )
