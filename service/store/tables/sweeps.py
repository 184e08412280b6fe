"""What people ask for: texts, sweeps, trials."""

from datetime import datetime
from typing import Any, get_args

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    ForeignKey,
    Index,
    String,
    UniqueConstraint,
    false,
    true,
)
from sqlalchemy.orm import Mapped, mapped_column

from service.store.tables.base import TRIAL_STATES, Base, Id, one_of, partial
from service.wire.placement import MOST_KEY
from service.wire.views import SweepState


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
