"""The first schema: teams, sweeps, their trials and runs (which are the queue), workers, corpora."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
MOMENT = sa.DateTime(timezone=True)


def where(condition: str) -> dict[str, Any]:
    """The options of a partial index; SQLite has no booleans and is asked for `column = 1`."""
    for_sqlite = condition if " " in condition else f"{condition} = 1"
    return {"postgresql_where": sa.text(condition), "sqlite_where": sa.text(for_sqlite)}


def upgrade() -> None:
    _people_and_sweeps()
    _access_and_events()
    _trials_and_runs()


def _people_and_sweeps() -> None:
    op.create_table(
        "corpora",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_corpora")),
    )
    op.create_index(op.f("ix_corpora_name"), "corpora", ["name"])
    op.create_table(
        "teams",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_teams")),
        sa.UniqueConstraint("name", name=op.f("uq_teams_name")),
    )
    op.create_table(
        "workers",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("device", sa.String(length=40), nullable=False),
        sa.Column("device_name", sa.String(length=200), nullable=False),
        sa.Column("lanes", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.String(length=40), nullable=False),
        sa.Column("updates_per_second", sa.Float(precision=53), nullable=False),
        sa.Column("backlog_bytes", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("backlog_seconds", sa.Float(precision=53), server_default="0", nullable=False),
        sa.Column("registered_at", MOMENT, nullable=False),
        sa.Column("last_seen_at", MOMENT, nullable=False),
        sa.Column("left_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workers")),
    )
    op.create_index(op.f("ix_workers_left_at_last_seen_at"), "workers", ["left_at", "last_seen_at"])
    op.create_table(
        "users",
        sa.Column("id", ID, nullable=False),
        sa.Column("team_id", ID, nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], name=op.f("fk_users_team_id_teams")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("team_id", "name", name=op.f("uq_users_team_id_name")),
    )
    op.create_table(
        "uploads",
        sa.Column("id", ID, nullable=False),
        sa.Column("team_id", ID, nullable=False),
        sa.Column("user_id", ID, nullable=True),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], name=op.f("fk_uploads_team_id_teams")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_uploads_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_uploads")),
        sa.UniqueConstraint("team_id", "name", name=op.f("uq_uploads_team_id_name")),
    )
    op.create_index(op.f("ix_uploads_user_id"), "uploads", ["user_id"])
    op.create_table(
        "sweeps",
        sa.Column("id", ID, nullable=False),
        sa.Column("team_id", ID, nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("spec", JSON, nullable=False),
        sa.Column("findings", JSON, nullable=False),
        sa.Column("shape", sa.String(length=200), nullable=False),
        sa.Column("corpus", sa.String(length=64), nullable=False),
        sa.Column("priority", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("trials_total", sa.BigInteger(), nullable=False),
        sa.Column("trials_made", sa.BigInteger(), nullable=False),
        sa.Column("trials_ended", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("updates_total", sa.BigInteger(), nullable=False),
        sa.Column("idempotency_key", sa.String(length=255), nullable=True),
        sa.Column("mlflow_experiment_id", sa.String(length=64), nullable=True),
        sa.Column("mlflow_run_id", sa.String(length=64), nullable=True),
        sa.Column("asking", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("to_track", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("finished_at", MOMENT, nullable=True),
        sa.CheckConstraint(
            "state IN ('queued', 'running', 'paused', 'completed', 'failed', 'cancelled')", name=op.f("ck_sweeps_state")
        ),
        sa.CheckConstraint("trials_made <= trials_total", name=op.f("ck_sweeps_trials")),
        sa.ForeignKeyConstraint(["corpus"], ["corpora.digest"], name=op.f("fk_sweeps_corpus_corpora")),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], name=op.f("fk_sweeps_team_id_teams")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_sweeps_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sweeps")),
        sa.UniqueConstraint("team_id", "idempotency_key", name=op.f("uq_sweeps_team_id_idempotency_key")),
    )
    op.create_index(op.f("ix_sweeps_state_id"), "sweeps", ["state", "id"])
    op.create_index(op.f("ix_sweeps_team_id_id"), "sweeps", ["team_id", "id"])
    op.create_index("ix_sweeps_to_track", "sweeps", ["id"], **where("to_track"))
    op.create_index(op.f("ix_sweeps_user_id"), "sweeps", ["user_id"])
    op.create_index("ix_sweeps_asking", "sweeps", [sa.text("priority DESC"), "id"], **where("asking"))


def _access_and_events() -> None:
    op.create_table(
        "tokens",
        sa.Column("id", ID, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("user_id", ID, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=True),
        sa.Column("last_used_at", MOMENT, nullable=True),
        sa.Column("revoked_at", MOMENT, nullable=True),
        sa.CheckConstraint("role IN ('admin', 'member', 'viewer', 'worker')", name=op.f("ck_tokens_role")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_tokens_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tokens")),
        sa.UniqueConstraint("digest", name=op.f("uq_tokens_digest")),
    )
    op.create_index(op.f("ix_tokens_user_id"), "tokens", ["user_id"])
    op.create_table(
        "events",
        sa.Column("id", ID, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("sweep_id", ID, nullable=True),
        sa.Column("user_id", ID, nullable=True),
        sa.Column("detail", JSON, nullable=False),
        sa.ForeignKeyConstraint(["sweep_id"], ["sweeps.id"], name=op.f("fk_events_sweep_id_sweeps")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_events_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
    )
    op.create_index(op.f("ix_events_at"), "events", ["at"])
    op.create_index(op.f("ix_events_sweep_id_id"), "events", ["sweep_id", "id"])


def _trials_and_runs() -> None:
    op.create_table(
        "trials",
        sa.Column("id", ID, nullable=False),
        sa.Column("sweep_id", ID, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("optuna_number", sa.BigInteger(), nullable=True),
        sa.Column("params", JSON, nullable=False),
        sa.Column("schedule", JSON, nullable=False),
        sa.Column("optimizer", JSON, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("value", sa.Float(precision=53), nullable=True),
        sa.Column("spread", sa.Float(precision=53), nullable=True),
        sa.Column("end_number", sa.BigInteger(), nullable=True),
        sa.Column("to_tell", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.CheckConstraint(
            "state IN ('queued', 'running', 'completed', 'pruned', 'diverged', 'failed', 'cancelled')",
            name=op.f("ck_trials_state"),
        ),
        sa.ForeignKeyConstraint(["sweep_id"], ["sweeps.id"], name=op.f("fk_trials_sweep_id_sweeps")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trials")),
        sa.UniqueConstraint("sweep_id", "number", name=op.f("uq_trials_sweep_id_number")),
        sa.UniqueConstraint("sweep_id", "optuna_number", name=op.f("uq_trials_sweep_id_optuna_number")),
        sa.UniqueConstraint("sweep_id", "end_number", name=op.f("uq_trials_sweep_id_end_number")),
    )
    op.create_index(op.f("ix_trials_sweep_id_state"), "trials", ["sweep_id", "state"])
    op.create_index(op.f("ix_trials_sweep_id_value"), "trials", ["sweep_id", "value"])
    op.create_index("ix_trials_to_tell", "trials", ["sweep_id", "number"], **where("to_tell"))
    op.create_table(
        "runs",
        sa.Column("id", ID, nullable=False),
        sa.Column("sweep_id", ID, nullable=False),
        sa.Column("trial_id", ID, nullable=False),
        sa.Column("trunk", sa.String(length=40), nullable=False),
        sa.Column("replicate", sa.BigInteger(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("shape", sa.String(length=200), nullable=False),
        sa.Column("priority", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("step", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("total_steps", sa.BigInteger(), nullable=False),
        sa.Column("value", sa.Float(precision=53), nullable=True),
        sa.Column("best_value", sa.Float(precision=53), nullable=True),
        sa.Column("initial_value", sa.Float(precision=53), nullable=True),
        sa.Column("train_loss", sa.Float(precision=53), nullable=True),
        sa.Column("diverged_at", sa.BigInteger(), nullable=True),
        sa.Column("cause", sa.String(length=16), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("losses", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("furthest", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("stride", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("lane_share", sa.Float(precision=53), server_default="0", nullable=False),
        sa.Column("attempt", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("fence", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("worker_id", ID, nullable=True),
        sa.Column("lease_expires_at", MOMENT, nullable=True),
        sa.Column("mlflow_run_id", sa.String(length=64), nullable=True),
        sa.Column("to_track", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("started_at", MOMENT, nullable=True),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.CheckConstraint(
            "state IN ('queued', 'running', 'completed', 'pruned', 'diverged', 'failed', 'cancelled')",
            name=op.f("ck_runs_state"),
        ),
        sa.CheckConstraint(
            "cause IN ('out_of_memory', 'crash', 'bad_data', 'quarantined')",
            name=op.f("ck_runs_cause"),
        ),
        sa.ForeignKeyConstraint(["sweep_id"], ["sweeps.id"], name=op.f("fk_runs_sweep_id_sweeps")),
        sa.ForeignKeyConstraint(["trial_id"], ["trials.id"], name=op.f("fk_runs_trial_id_trials")),
        sa.ForeignKeyConstraint(["worker_id"], ["workers.id"], name=op.f("fk_runs_worker_id_workers")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_runs")),
        sa.UniqueConstraint("trial_id", "replicate", name=op.f("uq_runs_trial_id_replicate")),
    )
    op.create_index("ix_runs_queued_trunk", "runs", ["trunk", "id"], **where("state = 'queued'"))
    op.create_index("ix_runs_held", "runs", ["worker_id"], **where("state = 'running'"))
    op.create_index("ix_runs_leased", "runs", ["lease_expires_at"], **where("state = 'running'"))
    op.create_index(op.f("ix_runs_sweep_id_state"), "runs", ["sweep_id", "state"])
    op.create_index("ix_runs_to_track", "runs", ["ended_at"], **where("to_track"))
    op.create_index("ix_runs_queued", "runs", [sa.text("priority DESC"), "sweep_id", "id"], **where("state = 'queued'"))
    op.create_index(
        "ix_runs_queued_suspected",
        "runs",
        [sa.text("priority DESC"), "sweep_id", "id"],
        **where("state = 'queued' AND losses >= 2"),
    )
    op.create_index(
        "ix_runs_queued_shape",
        "runs",
        ["shape", sa.text("priority DESC"), "sweep_id", "id"],
        **where("state = 'queued'"),
    )
    op.create_table(
        "attempts",
        sa.Column("run_id", ID, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("worker_id", ID, nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("resumed_from", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("step", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.Column("outcome", sa.String(length=16), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "outcome IN ('completed', 'pruned', 'diverged', 'out_of_memory', 'crash', 'bad_data', 'cancelled', "
            "'released', 'lost')",
            name=op.f("ck_attempts_outcome"),
        ),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_attempts_run_id_runs")),
        sa.ForeignKeyConstraint(["worker_id"], ["workers.id"], name=op.f("fk_attempts_worker_id_workers")),
        sa.PrimaryKeyConstraint("run_id", "number", name=op.f("pk_attempts")),
    )
    op.create_index(op.f("ix_attempts_worker_id"), "attempts", ["worker_id"])
    op.create_index("ix_attempts_lost", "attempts", ["run_id"], **where("outcome = 'lost'"))
    op.create_table(
        "val_points",
        sa.Column("run_id", ID, nullable=False),
        sa.Column("step", sa.BigInteger(), nullable=False),
        sa.Column("value", sa.Float(precision=53), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_val_points_run_id_runs")),
        sa.PrimaryKeyConstraint("run_id", "step", name=op.f("pk_val_points")),
    )
