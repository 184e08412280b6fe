"""The tables, as SQLAlchemy models. `migrations/` makes them; a test holds that both say the same."""

from datetime import date, datetime
from typing import Any, ClassVar, get_args

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    ColumnElement,
    Date,
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
from service.wire.placement import MOST_KEY
from service.wire.tokens import Role
from service.wire.views import RunState, SweepState

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
        date: Date(),
        dict[str, Any]: Json,
        list[dict[str, Any]]: Json,
        list[int]: Json,
        float: Float(53),
        int: BigInteger(),
    }


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


class BrowserSession(Base):
    """A person who logged in to the pages with a token: the hash of what the browser keeps; it dies with the token."""

    __tablename__ = "browser_sessions"
    __table_args__ = (Index(None, "token_id"), Index(None, "expires_at"))

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    token_id: Mapped[int] = mapped_column(ForeignKey("tokens.id"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]


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
    show the sweep or its end, `shown_state` which state it shows. `trials_ended` counts the ends of its trials; one
    that is tried again ends again.

    `spec` is what the sweep is by now; `submitted`, where it has changed since, what it was at first. `study` counts
    the times that its space has changed, each of which began another Optuna study; `warm` are the trials of an older
    sweep with which each of those begins.
    The counters from `trials_done` on are kept by `service.domain.tally`.
    """

    __tablename__ = "sweeps"
    __table_args__ = (
        one_of("state", get_args(SweepState)),
        CheckConstraint("trials_made <= trials_total", name="trials"),
        UniqueConstraint("team_id", "idempotency_key"),
        Index(None, "team_id", "id"),
        Index(None, "user_id"),
        Index(None, "state", "id"),
        Index(None, "mlflow_experiment_id"),
        Index(None, "team_id", "state", "id"),
        Index(None, "corpus", "team_id"),
        partial("ix_sweeps_open", "priority DESC", "id", where="finished_at IS NULL"),
        partial("ix_sweeps_asking", "priority DESC", "id", where="asking"),
        partial("ix_sweeps_to_track", "id", where="to_track"),
        partial("ix_sweeps_requirement", "requirement", "state", where="requirement <> ''"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    team_id: Mapped[int] = mapped_column(ForeignKey("teams.id"))
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    name: Mapped[str] = mapped_column(String(120))
    spec: Mapped[dict[str, Any]]
    findings: Mapped[list[dict[str, Any]]]
    shape: Mapped[str] = mapped_column(String(200))
    requirement: Mapped[str] = mapped_column(String(MOST_KEY), server_default="")
    corpus: Mapped[str] = mapped_column(ForeignKey("corpora.digest"))
    priority: Mapped[int]
    state: Mapped[str] = mapped_column(String(16))
    trials_total: Mapped[int]
    trials_made: Mapped[int]
    trials_ended: Mapped[int] = mapped_column(server_default="0")
    updates_total: Mapped[int]
    submitted: Mapped[dict[str, Any] | None]
    study: Mapped[int] = mapped_column(server_default="0")
    warm: Mapped[list[int] | None]
    idempotency_key: Mapped[str | None] = mapped_column(String(255))
    mlflow_experiment_id: Mapped[str | None] = mapped_column(String(64))
    mlflow_run_id: Mapped[str | None] = mapped_column(String(64))
    asking: Mapped[bool] = mapped_column(Boolean, server_default=false())
    to_track: Mapped[bool] = mapped_column(Boolean, server_default=true())
    shown_state: Mapped[str | None] = mapped_column(String(16))
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    trials_done: Mapped[int] = mapped_column(server_default="0")
    runs_unended: Mapped[int] = mapped_column(server_default="0")
    runs_completed: Mapped[int] = mapped_column(server_default="0")
    runs_pruned: Mapped[int] = mapped_column(server_default="0")
    runs_diverged: Mapped[int] = mapped_column(server_default="0")
    runs_failed: Mapped[int] = mapped_column(server_default="0")
    runs_cancelled: Mapped[int] = mapped_column(server_default="0")
    updates_ended: Mapped[int] = mapped_column(server_default="0")


class Trial(Base):
    """One configuration of a sweep.

    `to_tell` says that it has ended and the Optuna study has yet to hear of it. `end_number` counts the ends of the
    sweep's trials in their order; a trial that was cancelled with its sweep has none.
    """

    __tablename__ = "trials"
    __table_args__ = (
        one_of("state", TRIAL_STATES),
        UniqueConstraint("sweep_id", "number"),
        UniqueConstraint("sweep_id", "optuna_number"),
        UniqueConstraint("sweep_id", "end_number"),
        Index(None, "sweep_id", "state"),
        partial("ix_trials_best", "sweep_id", "value", "number", where="state = 'completed'"),
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

    `team_id` is that of its sweep, so that the queue's indexes can begin with it. `park` says that it is to give way:
    its worker is to keep its state and give it back, into the queue. `parked` says that its sweep is paused: whoever
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
        partial(
            "ix_runs_queued_requirement", "requirement", "priority DESC", "sweep_id", "id", where="state = 'queued'"
        ),
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
    parked: Mapped[bool] = mapped_column(Boolean, server_default=false())
    forgiven: Mapped[int] = mapped_column(server_default="0")
    attempt: Mapped[int] = mapped_column(server_default="0")
    fence: Mapped[int] = mapped_column(server_default="0")
    park: Mapped[bool] = mapped_column(Boolean, server_default=false())
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


class ValPoint(Base):
    """A validation loss of a run, in nats per byte, after update `step`."""

    __tablename__ = "val_points"

    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id"), primary_key=True)
    step: Mapped[int] = mapped_column(primary_key=True)
    value: Mapped[float]


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
