"""What the service answers about sweeps, trials, runs, workers and the queue."""

from datetime import datetime
from typing import Any, Literal

from service.wire.base import Record
from service.wire.description import RunDescription
from service.wire.sweep import SweepSpec

RunState = Literal["queued", "running", "paused", "completed", "pruned", "diverged", "failed", "cancelled"]
# How a run ended, and how one attempt at it did; service/domain/triage.py says which attempts are followed by another.
RunOutcome = Literal[
    "completed", "pruned", "diverged", "out_of_memory", "crash", "bad_data", "quarantined", "cancelled"
]
AttemptOutcome = Literal[
    "completed", "pruned", "diverged", "out_of_memory", "crash", "bad_data", "evicted", "paused", "cancelled"
]
SweepState = Literal["queued", "running", "paused", "completed", "failed", "cancelled"]


class Finding(Record):
    """A remark of the schedule linter."""

    code: str
    severity: Literal["error", "warning"]
    field: str | None
    message: str
    suggestion: str


class Progress(Record):
    """How far a sweep is: `updates_total` counts every run at its full length."""

    trials_done: int
    trials_total: int
    runs: dict[RunState, int]
    lanes_in_use: int
    updates_done: int
    updates_total: int
    best_value: float | None
    best_trial: int | None


class SweepView(Record):
    """One sweep: its specification, state and progress, what it has cost so far, and where MLflow shows it.

    `device_seconds` are its runs' parts of the time in which devices trained, `joules` of the energy, where devices
    tell it. `waits_for` says why its runs cannot begin now: no worker that is there or can be obtained will
    train them, or its team has what it may have.
    """

    id: int
    name: str
    state: SweepState
    team: str
    user: str
    priority: int
    created_at: datetime
    finished_at: datetime | None
    spec: SweepSpec
    progress: Progress
    device_seconds: float = 0.0
    joules: float | None = None
    waits_for: str | None = None
    findings: list[Finding]
    mlflow_url: str | None


class SweepPage(Record):
    """Sweeps, newest first; `next_cursor` is given back as `?cursor=` for the rest."""

    items: list[SweepView]
    next_cursor: int | None


class AttemptView(Record):
    """One lease of a run: a worker had it until it ended, or until it was evicted (its worker left or was lost).

    It went on from update `resumed_from`, 0 if it began the run, and came as far as `step`.
    """

    number: int
    worker: str
    started_at: datetime
    ended_at: datetime | None
    outcome: AttemptOutcome | None
    error: str | None
    resumed_from: int
    step: int
    note: str | None
    device_seconds: float = 0.0


class RunView(Record):
    """One training of a trial with one seed. `outcome` says how it ended, for a failed one what went wrong."""

    id: int
    replicate: int
    seed: int
    state: RunState
    step: int
    total_steps: int
    value: float | None
    device_seconds: float = 0.0
    joules: float | None = None
    attempt: int
    attempts: list[AttemptView]
    worker: str | None
    outcome: RunOutcome | None
    error: str | None
    mlflow_run_id: str | None
    mlflow_url: str | None


class RunDetail(Record):
    """One run, what it trains, and the address of the MLflow server that has its record."""

    run: RunView
    description: RunDescription
    mlflow_tracking_url: str | None


class TrialView(Record):
    """One configuration: its schedule and optimizer, its value over the replicates, and its runs."""

    number: int
    state: RunState
    schedule: dict[str, Any]
    optimizer: dict[str, Any]
    value: float | None
    spread: float | None
    device_seconds: float = 0.0
    runs: list[RunView]


class TrialPage(Record):
    """Trials in the order of their numbers."""

    items: list[TrialView]
    next_cursor: int | None


class Best(Record):
    """The best trial, those that noise cannot tell from it, and the PyTorch code that reproduces it."""

    trial: TrialView
    ties: list[TrialView]
    code: str


class Curve(Record):
    """A schedule's rates: `lr[i]` is the rate of update `steps[i]`; thinned to a drawable number of points."""

    schedule: dict[str, Any]
    steps: list[int]
    lr: list[float]


class PeakView(Record):
    """The largest rate of a schedule and the first update that trains with it."""

    step: int
    lr: float


class SchedulePreview(Curve):
    """One schedule: its curve, its peak, the sum of its rates, and what the linter says of it."""

    peak: PeakView
    area: float
    findings: list[Finding]


class SweepPreview(Record):
    """What a sweep would be, with nothing queued. `trials` is None when the sampler has no end of its own."""

    trials: int
    runs: int
    updates: int
    findings: list[Finding]
    curves: list[Curve]


class FamilyParameter(Record):
    """A parameter of a schedule family."""

    name: str
    type: str
    required: bool
    default: Any
    description: str


class Family(Record):
    """A schedule family, with its parameters and its formula."""

    type: str
    description: str
    parameters: list[FamilyParameter]


class CorpusView(Record):
    """A text that sweeps may train on; `digest` is the sha256 of its bytes once a sweep has used it."""

    name: str
    digest: str | None
    size: int | None
    problem: str | None


class WorkerView(Record):
    """A worker and what it trains; what waits there for MLflow, in bytes, and for how long the oldest of it has.

    `utilisation` is the part of its life in which its device trained.
    """

    id: int
    name: str
    device: str
    device_name: str
    lanes: int
    lanes_in_use: int
    updates_per_second: float
    utilisation: float = 0.0
    backlog_bytes: int
    backlog_seconds: float
    version: str
    last_seen: datetime
    state: Literal["active", "away", "left"]
    runs: list[int]


class QueuedSweep(Record):
    """A sweep's share of the queue; `waits_for` says why none of its runs may begin now, if its team may not."""

    sweep_id: int
    name: str
    team: str
    priority: int
    queued_runs: int
    running_runs: int
    waits_for: str | None = None


class QueuedTeam(Record):
    """A team's share of the queue, all of its sweeps together."""

    team: str
    queued_runs: int
    running_runs: int


class QueueView(Record):
    """What waits: your team's sweeps (an admin's are all), in the order in which they are taken, and every team.

    The totals include other teams' sweeps, and the `further_sweeps` that are not listed.
    """

    queued_runs: int
    running_runs: int
    sweeps: list[QueuedSweep]
    further_sweeps: int
    teams: list[QueuedTeam]


class Health(Record):
    """Whether the service can do its work; `checks` says what of."""

    status: Literal["ok", "unavailable"]
    checks: dict[str, str]
