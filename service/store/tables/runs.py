"""Who trains what: workers, fleets, runs and the attempts at them."""

from datetime import datetime
from typing import Any, get_args

from sqlalchemy import (
    Boolean,
    ForeignKey,
    Index,
    String,
    Text,
    UniqueConstraint,
    false,
)
from sqlalchemy.orm import Mapped, mapped_column

from service.store.tables.base import ATTEMPT_ENDS, FAILURE_CAUSES, SUSPECT, Base, Id, one_of, partial
from service.wire.placement import MOST_KEY
from service.wire.views import RunState


class Worker(Base):
    """A process that trains runs. A `slot` of a fleet is had by one worker at a time.

    Its device was charged to runs for `device_seconds`, last at `charged_at`.
    """

    __tablename__ = "workers"
    __table_args__ = (
        Index(None, "last_seen_at"),
        partial("ix_workers_slot", "slot", where="left_at IS NULL AND slot IS NOT NULL"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    device: Mapped[str] = mapped_column(String(40))
    device_name: Mapped[str] = mapped_column(String(200))
    lanes: Mapped[int]
    memory_gib: Mapped[float | None]
    labels: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    slot: Mapped[str | None] = mapped_column(String(200))
    version: Mapped[str] = mapped_column(String(40))
    updates_per_second: Mapped[float]
    backlog_bytes: Mapped[int] = mapped_column(server_default="0")
    backlog_seconds: Mapped[float] = mapped_column(server_default="0")
    device_seconds: Mapped[float] = mapped_column(server_default="0")
    charged_at: Mapped[datetime | None]
    registered_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    left_at: Mapped[datetime | None]


class Fleet(Base):
    """Who starts workers where the queue needs them, and what it could obtain; `most` workers at once."""

    __tablename__ = "fleets"

    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    most: Mapped[int]
    supplies: Mapped[list[dict[str, Any]]]
    seen_at: Mapped[datetime]


class Run(Base):
    """One training of a trial with one seed; the table is the queue.

    A run is claimable when it is queued, or when it is running and its lease has expired. `fence` grows with every
    claim; a write under another fence changes nothing. `requirement` is the key of what a worker must have to be given
    it. `trunk` is equal for runs of a sweep that share a beginning (see
    `service.domain.siblings`). `to_track` says that it has ended and that it is not yet certain that MLflow shows so.
    `losses`, `furthest` and `stride` are for the quarantine: workers lost in a row, the furthest update that a lost
    attempt had reached, and the most updates between two reports.

    `team_id` is that of its sweep, so that the queue's indexes can begin with it. `gives_way` says that its worker
    is to keep its state and give it back, into the queue. `paused` says that its sweep is paused: whoever
    lets go of it leaves it paused, not queued. The run itself says so, so that its lock alone decides which comes
    first, a pause or a release. `forgiven` is its last attempt that no longer counts against it: somebody has had it
    tried again since. `device_seconds` and `joules` are what all of its attempts have cost together, `attempt_seconds`
    and `attempt_joules` what the last one has; see `service.domain.usage`.
    """

    __tablename__ = "runs"
    __table_args__ = (
        one_of("state", get_args(RunState)),
        one_of("cause", FAILURE_CAUSES),
        UniqueConstraint("trial_id", "replicate"),
        Index(None, "sweep_id", "state"),
        partial("ix_runs_queued", "team_id", "priority DESC", "sweep_id", "id", where="state = 'queued'"),
        partial(
            "ix_runs_queued_shape", "team_id", "shape", "priority DESC", "sweep_id", "id", where="state = 'queued'"
        ),
        partial(
            "ix_runs_queued_suspected",
            "team_id",
            "priority DESC",
            "sweep_id",
            "id",
            where=f"state = 'queued' AND losses >= {SUSPECT}",
        ),
        partial("ix_runs_queued_trunk", "trunk", "id", where="state = 'queued'"),
        partial("ix_runs_leased", "lease_expires_at", where="state = 'running'"),
        partial("ix_runs_held", "worker_id", where="state = 'running'"),
        # The state, which is the same in all of it, spares SQLite a look at each row.
        partial("ix_runs_training", "sweep_id", "state", where="state = 'running'"),
        partial("ix_runs_to_track", "ended_at", where="to_track"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    sweep_id: Mapped[int] = mapped_column(ForeignKey("sweeps.id"))
    trial_id: Mapped[int] = mapped_column(ForeignKey("trials.id"))
    team_id: Mapped[int] = mapped_column(server_default="0")
    trunk: Mapped[str] = mapped_column(String(40))
    replicate: Mapped[int]
    seed: Mapped[int]
    shape: Mapped[str] = mapped_column(String(200))
    requirement: Mapped[str] = mapped_column(String(MOST_KEY), server_default="")
    priority: Mapped[int]
    state: Mapped[str] = mapped_column(String(16))
    step: Mapped[int] = mapped_column(server_default="0")
    total_steps: Mapped[int]
    value: Mapped[float | None]
    best_value: Mapped[float | None]
    initial_value: Mapped[float | None]
    train_loss: Mapped[float | None]
    diverged_at: Mapped[int | None]
    cause: Mapped[str | None] = mapped_column(String(16))
    error: Mapped[str | None] = mapped_column(Text)
    losses: Mapped[int] = mapped_column(server_default="0")
    furthest: Mapped[int] = mapped_column(server_default="0")
    stride: Mapped[int] = mapped_column(server_default="0")
    lane_share: Mapped[float] = mapped_column(server_default="0")
    paused: Mapped[bool] = mapped_column(Boolean, server_default=false())
    forgiven: Mapped[int] = mapped_column(server_default="0")
    attempt: Mapped[int] = mapped_column(server_default="0")
    fence: Mapped[int] = mapped_column(server_default="0")
    gives_way: Mapped[bool] = mapped_column(Boolean, server_default=false())
    device_seconds: Mapped[float] = mapped_column(server_default="0")
    joules: Mapped[float | None]
    attempt_seconds: Mapped[float] = mapped_column(server_default="0")
    attempt_joules: Mapped[float | None]
    worker_id: Mapped[int | None] = mapped_column(ForeignKey("workers.id"))
    lease_expires_at: Mapped[datetime | None]
    mlflow_run_id: Mapped[str | None] = mapped_column(String(64))
    to_track: Mapped[bool] = mapped_column(Boolean, server_default=false())
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]


# Which run is taken first, as the queue's indexes have them.
QUEUE_ORDER = (Run.priority.desc(), Run.sweep_id, Run.id)


class Attempt(Base):
    """One lease of a run, from its claim to its end."""

    __tablename__ = "attempts"
    __table_args__ = (
        one_of("outcome", ATTEMPT_ENDS),
        Index(None, "worker_id"),
        partial("ix_attempts_lost", "run_id", where="outcome = 'lost'"),
    )

    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    worker_id: Mapped[int] = mapped_column(ForeignKey("workers.id"))
    fence: Mapped[int]
    resumed_from: Mapped[int] = mapped_column(server_default="0")
    step: Mapped[int] = mapped_column(server_default="0")
    device_seconds: Mapped[float] = mapped_column(server_default="0")
    joules: Mapped[float | None]
    note: Mapped[str | None] = mapped_column(Text)
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    outcome: Mapped[str | None] = mapped_column(String(16))
    error: Mapped[str | None] = mapped_column(Text)


class ValPoint(Base):
    """A validation loss of a run, in nats per byte, after update `step`."""

    __tablename__ = "val_points"

    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id"), primary_key=True)
    step: Mapped[int] = mapped_column(primary_key=True)
    value: Mapped[float]
