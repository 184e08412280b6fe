"""What a run trains: everything that decides its result, and the names by which people know it."""

from typing import Any

from pydantic import Field

from service.wire.base import Record
from service.wire.sweep import Model, Optimizer


class RunDescription(Record):
    """One run of a trial.

    `shape` is equal for runs that can share a fused batch. `schedule` is a mapping for `schedules.build`
    and `schedule["total_steps"]` the run's length in updates.
    """

    run_id: int
    shape: str
    experiment: str = Field(description="name of the sweep's MLflow experiment")
    team: str
    user: str
    sweep_id: int
    sweep_name: str
    trial: int
    replicate: int
    seed: int
    schedule: dict[str, Any]
    model: Model
    optimizer: Optimizer
    corpus: str = Field(description="sha256 of the text")
    corpus_name: str
    batch_size: int
    val_windows: int
    eval_every: int
