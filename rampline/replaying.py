"""A finished run trained again alone, and what its difference from the record says."""

import dataclasses
import math
import time
from collections.abc import Callable
from typing import Any

from rich.console import Console

from service.client import Client
from service.wire.views import RunDetail
from worker.corpora import Corpora, CorruptCorpusError
from worker.replay import Replay, replay_run
from worker.settings import WorkerSettings
from worker.tracking import RecordError, recorded_history

PROGRESS_SECONDS = 5.0


class ReplayError(Exception):
    """A run cannot be replayed; the message says why and what to do."""


def replayed(
    client: Client, run_id: int, *, updates: int | None, mlflow_url: str | None, progress: Console
) -> tuple[RunDetail, Replay]:
    """Train an ended run alone and compare; `mlflow_url` in place of the address that the service tells.

    Raises:
        ReplayError: the run has not ended, or its record or its text cannot be had.
        ApiError, ServiceUnreachableError: see `Client`.
    """
    detail = client.run(run_id)
    run = detail.run
    if run.state in ("queued", "running", "paused"):
        raise ReplayError(
            f"run {run_id} has not ended: it is {run.state}, with {run.step} of {run.total_steps} updates done; "
            "replay it when it has"
        )
    mlflow_url = mlflow_url or detail.mlflow_tracking_url
    if mlflow_url is None:
        raise ReplayError("the service has no MLflow, so this run has no record; name one with --mlflow")
    if run.mlflow_run_id is None:
        raise ReplayError(f"run {run_id} has no record in MLflow: it was {run.state} before it began")
    try:
        history = recorded_history(mlflow_url, run.mlflow_run_id, client.token_for(mlflow_url))
        corpora = Corpora(WorkerSettings().scratch_dir, client)
        found = replay_run(
            detail.description, corpora, history, updates=updates, on_progress=_progress(progress, updates, run.step)
        )
    except (RecordError, CorruptCorpusError, ValueError) as error:
        raise ReplayError(f"run {run_id} cannot be replayed: {error}") from error
    return detail, found


def explained(detail: RunDetail, found: Replay) -> str:
    """The figures, and what they mean."""
    what, run = detail.description, detail.run
    optimizer = {"adam": "Adam", "adamw": "AdamW"}[what.optimizer.type]
    rates = "the same at every update, exactly" if found.same_rates else "DIFFERENT from the recorded ones"
    parts = "at no update" if found.parts_at is None else f"from update {found.parts_at} on"
    return "\n".join(
        [
            f"Run {run.id} (trial {what.trial} of sweep {what.sweep_id}, {what.schedule['type']}, seed {what.seed}): "
            f"{run.state}.",
            f"Trained again alone for {found.updates} of its {run.total_steps} updates with torch.nn, "
            f"torch.optim.{optimizer} and a torch scheduler:",
            f"  rates                       {rates}",
            f"  largest difference of loss  {found.loss_difference:.2g} nats per byte, "
            f"at update {found.loss_difference_at}",
            f"  losses differ by > {found.tolerance:g}    {parts}",
            f"  largest difference of norm  {found.norm_difference:.2g}, of the gradient before clipping",
            "",
            _meaning(found),
        ]
    )


def as_mapping(detail: RunDetail, found: Replay) -> dict[str, Any]:
    """The same for scripts; an infinite difference is null."""
    figures = {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in dataclasses.asdict(found).items()
    }
    return {"run_id": detail.run.id, "state": detail.run.state, **figures}


def _meaning(found: Replay) -> str:
    if not found.same_rates:
        return "The lane did not apply the rates of its schedule, or the record was changed: do not trust this run."
    if found.parts_at is None:
        return "The lane trained what plain PyTorch trains; what is left is the rounding of 32-bit numbers."
    if found.parts_at <= 2:
        return (
            "They differ from the start, so they did not train the same thing: another version of Rampline or torch, "
            "or a record of another run."
        )
    return (
        f"They agree for {found.parts_at - 1} updates. Both compute the same formulae in another order, and training "
        "at a high rate\nmultiplies the difference of rounding from update to update; it says nothing about which of "
        "the two is better."
    )


def _progress(console: Console, updates: int | None, total: int) -> Callable[[int], None]:
    """Say now and again how far it is, if it takes long."""
    count = total if updates is None else min(updates, total)
    last = time.monotonic()

    def tell(done: int) -> None:
        nonlocal last
        if time.monotonic() - last >= PROGRESS_SECONDS and done < count:
            last = time.monotonic()
            console.print(f"{done} of {count} updates replayed", highlight=False)

    return tell
