"""The tables, as SQLAlchemy models. `migrations/` makes them; a test holds that both say the same."""

from datetime import datetime
from typing import Any, ClassVar, get_args

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    ColumnElement,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Text,
    UniqueConstraint,
    false,
    literal,
    text,
    true,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, InstrumentedAttribute, Mapped, mapped_column

from service.store.clock import Instant
from service.store.origin import bound, team_concerned
from service.wire.tokens import Role
from service.wire.views import RunState, SweepState

Json = JSON().with_variant(JSONB(), "postgresql")
# SQLite numbers rows by itself only where the column's type is exactly INTEGER.
Id = BigInteger().with_variant(Integer(), "sqlite")

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
    return column == literal(state, literal_execute=True)


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
        dict[str, Any]: Json,
        list[dict[str, Any]]: Json,
        float: Float(53),
        int: BigInteger(),
    }


class Team(Base):
    """Who shares the cluster."""

    __tablename__ = "teams"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(120), unique=True)
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]


class User(Base):
    """A person of a team."""

    __tablename__ = "users"
    __table_args__ = (UniqueConstraint("team_id", "name"),)

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


class Corpus(Base):
    """A text that was written to the artifact directory, named by the sha256 of its bytes."""

    __tablename__ = "corpora"
    __table_args__ = (Index(None, "name"),)

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(255))
    size: Mapped[int]
    created_at: Mapped[datetime]


class Upload(Base):
    """A text that a team uploaded, under the name that its sweeps give."""

    __tablename__ = "uploads"
    __table_args__ = (UniqueConstraint("team_id", "name"), Index(None, "user_id"))

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    team_id: Mapped[int] = mapped_column(ForeignKey("teams.id"))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    name: Mapped[str] = mapped_column(String(100))
    digest: Mapped[str] = mapped_column(String(64))
    size: Mapped[int]
    created_at: Mapped[datetime]


class Sweep(Base):
    """A search space, a sampler, a budget, a model, data.

    `trials_total` trials are wanted and `trials_made` have a row; a grid makes all of its rows at submission, the other
    samplers as workers ask for them. `asking` says that more trials are to be made, `to_track` that MLflow has yet to
    show the sweep or its end. `trials_ended` counts the ends of its trials; one that is tried again ends again.
    """

    __tablename__ = "sweeps"
    __table_args__ = (
        one_of("state", get_args(SweepState)),
        CheckConstraint("trials_made <= trials_total", name="trials"),
        UniqueConstraint("team_id", "idempotency_key"),
        Index(None, "team_id", "id"),
        Index(None, "user_id"),
        Index(None, "state", "id"),
        partial("ix_sweeps_asking", "priority DESC", "id", where="asking"),
        partial("ix_sweeps_to_track", "id", where="to_track"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    team_id: Mapped[int] = mapped_column(ForeignKey("teams.id"))
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    name: Mapped[str] = mapped_column(String(120))
    spec: Mapped[dict[str, Any]]
    findings: Mapped[list[dict[str, Any]]]
    shape: Mapped[str] = mapped_column(String(200))
    corpus: Mapped[str] = mapped_column(ForeignKey("corpora.digest"))
    priority: Mapped[int]
    state: Mapped[str] = mapped_column(String(16))
    trials_total: Mapped[int]
    trials_made: Mapped[int]
    trials_ended: Mapped[int] = mapped_column(server_default="0")
    updates_total: Mapped[int]
    idempotency_key: Mapped[str | None] = mapped_column(String(255))
    mlflow_experiment_id: Mapped[str | None] = mapped_column(String(64))
    mlflow_run_id: Mapped[str | None] = mapped_column(String(64))
    asking: Mapped[bool] = mapped_column(Boolean, server_default=false())
    to_track: Mapped[bool] = mapped_column(Boolean, server_default=true())
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class Trial(Base):
    """One configuration of a sweep.

    `to_tell` says that it has ended and the Optuna study has yet to hear of it. `end_number` counts the ends of the
    sweep's trials in their order; a trial that was cancelled with its sweep has none.
    """

    __tablename__ = "trials"
    __table_args__ = (
        one_of("state", get_args(RunState)),
        UniqueConstraint("sweep_id", "number"),
        UniqueConstraint("sweep_id", "optuna_number"),
        UniqueConstraint("sweep_id", "end_number"),
        Index(None, "sweep_id", "state"),
        Index(None, "sweep_id", "value"),
        partial("ix_trials_to_tell", "sweep_id", "number", where="to_tell"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    sweep_id: Mapped[int] = mapped_column(ForeignKey("sweeps.id"))
    number: Mapped[int]
    optuna_number: Mapped[int | None]
    params: Mapped[dict[str, Any]]
    schedule: Mapped[dict[str, Any]]
    optimizer: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(String(16))
    value: Mapped[float | None]
    spread: Mapped[float | None]
    end_number: Mapped[int | None]
    to_tell: Mapped[bool] = mapped_column(Boolean, server_default=false())


class Worker(Base):
    """A process that trains runs."""

    __tablename__ = "workers"
    __table_args__ = (Index(None, "left_at", "last_seen_at"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    device: Mapped[str] = mapped_column(String(40))
    device_name: Mapped[str] = mapped_column(String(200))
    lanes: Mapped[int]
    version: Mapped[str] = mapped_column(String(40))
    updates_per_second: Mapped[float]
    backlog_bytes: Mapped[int] = mapped_column(server_default="0")
    backlog_seconds: Mapped[float] = mapped_column(server_default="0")
    registered_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    left_at: Mapped[datetime | None]


class Run(Base):
    """One training of a trial with one seed; the table is the queue.

    A run is claimable when it is queued, or when it is running and its lease has expired. `fence` grows with every
    claim; a write under another fence changes nothing. `trunk` is equal for runs of a sweep that share a beginning (see
    `service.domain.siblings`). `to_track` says that it has ended and that it is not yet certain that MLflow shows so.
    `losses`, `furthest` and `stride` are for the quarantine: workers lost in a row, the furthest update that a lost
    attempt had reached, and the most updates between two reports.
    """

    __tablename__ = "runs"
    __table_args__ = (
        one_of("state", get_args(RunState)),
        one_of("cause", FAILURE_CAUSES),
        UniqueConstraint("trial_id", "replicate"),
        Index(None, "sweep_id", "state"),
        partial("ix_runs_queued", "priority DESC", "sweep_id", "id", where="state = 'queued'"),
        partial("ix_runs_queued_shape", "shape", "priority DESC", "sweep_id", "id", where="state = 'queued'"),
        partial(
            "ix_runs_queued_suspected",
            "priority DESC",
            "sweep_id",
            "id",
            where=f"state = 'queued' AND losses >= {SUSPECT}",
        ),
        partial("ix_runs_queued_trunk", "trunk", "id", where="state = 'queued'"),
        partial("ix_runs_leased", "lease_expires_at", where="state = 'running'"),
        partial("ix_runs_held", "worker_id", where="state = 'running'"),
        partial("ix_runs_to_track", "ended_at", where="to_track"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    sweep_id: Mapped[int] = mapped_column(ForeignKey("sweeps.id"))
    trial_id: Mapped[int] = mapped_column(ForeignKey("trials.id"))
    trunk: Mapped[str] = mapped_column(String(40))
    replicate: Mapped[int]
    seed: Mapped[int]
    shape: Mapped[str] = mapped_column(String(200))
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
    attempt: Mapped[int] = mapped_column(server_default="0")
    fence: Mapped[int] = mapped_column(server_default="0")
    worker_id: Mapped[int | None] = mapped_column(ForeignKey("workers.id"))
    lease_expires_at: Mapped[datetime | None]
    mlflow_run_id: Mapped[str | None] = mapped_column(String(64))
    to_track: Mapped[bool] = mapped_column(Boolean, server_default=false())
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]


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
