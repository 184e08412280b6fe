"""What interrupts a worker costs its runs no more than the updates since their last state, and changes no number."""

import os
import shutil
import signal
import time
from pathlib import Path
from typing import Any

from service.wire.views import RunView, SweepView
from tests.acceptance.running import Up, wait_for_end, wait_until_gone
from tests.acceptance.test_up import resumed_from, runs_of
from tests.tracked import Tracked, tags_of
from tests.waiting import wait_until

SWEEP: dict[str, Any] = {
    "space": {"schedule": ["cosine"], "warmup_steps": [100], "peak_lr": [1e-3, 3e-3]},
    "sampler": {"type": "grid"},
    "total_steps": 2000,
    "model": {"d_model": 16, "n_layers": 1, "n_heads": 2, "context": 16},
    "data": {"batch_size": 4, "val_windows": 8},
}
METRICS = ("lr", "train_loss", "grad_norm", "val_loss")


def test_runs_of_a_killed_worker_go_on_elsewhere_as_if_nothing_had_happened(tmp_path: Path) -> None:
    environment = {
        "RAMPLINE_LEASE_SECONDS": "3",
        "RAMPLINE_REPORT_SECONDS": "0.2",
        "RAMPLINE_STATE_SECONDS": "0.3",
    }
    up = Up(tmp_path / "data", ("--workers", "2", "--lanes", "2"), environment)
    up.start()
    control = wait_for_end(up.client, up.client.submit(SWEEP | {"name": "control"}).id)
    wait_until(lambda: forgotten(up.data_dir / "states"))

    sweep = up.client.submit(SWEEP | {"name": "disturbed"})
    wait_until(lambda: all(run.worker and run.step >= 200 for run in runs_of(up, sweep.id)))
    for pid in {int(str(run.worker).rpartition(":")[2]) for run in runs_of(up, sweep.id)}:
        os.kill(pid, signal.SIGKILL)
    disturbed = wait_for_end(up.client, sweep.id)

    for run in runs_of(up, sweep.id):
        first, *later = resumed_from(up, run.id)
        assert first == 0
        assert later
        assert all(begun > 0 for begun in later)
    assert records(up, disturbed) == records(up, control)
    assert up.stop() == 0
    assert wait_until_gone(up.data_dir) == {}


def forgotten(states: Path) -> bool:
    """Delete what is kept; whether nothing has come after that, which a worker had yet to write."""
    shutil.rmtree(states, ignore_errors=True)
    time.sleep(0.5)
    return not list(states.rglob("*.safetensors"))


def records(up: Up, sweep: SweepView) -> dict[str, Any]:
    """What there is of each trial: its value, and every point that MLflow shows of its one run."""
    mlflow = Tracked(up.mlflow_url)
    experiment = mlflow.experiment(f"{sweep.team}/{sweep.name} #{sweep.id}")["experiment_id"]
    shown = [run for run in mlflow.runs(experiment) if tags_of(run).get("rampline.kind") == "run"]
    assert len(shown) == 2
    return {
        f"trial {trial.number}": record(mlflow, trial.value, trial.runs[0]) for trial in up.client.all_trials(sweep.id)
    }


def record(mlflow: Tracked, value: float | None, run: RunView) -> dict[str, Any]:
    points = {key: mlflow.history(str(run.mlflow_run_id), key) for key in METRICS}
    assert [step for step, _ in points["lr"]] == list(range(1, 2001))
    return {"value": value, "state": run.state, **points}
