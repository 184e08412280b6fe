"""A running product is copied, killed, and goes on elsewhere from the copy; its secrets are nowhere in clear."""

import contextlib
import signal
import sqlite3
import subprocess
import time
from pathlib import Path
from typing import Any

from service.client import Client
from tests.acceptance.running import RAMPLINE, Up, environment, processes_of, wait_for_end, wait_until_gone
from tests.tracked import Tracked

TRIALS = 6
SWEEP: dict[str, Any] = {
    "name": "moved",
    "space": {"schedule": ["cosine"], "warmup_steps": [50], "peak_lr": {"low": 1e-4, "high": 1e-2, "log": True}},
    "sampler": {"type": "random"},
    "trials": TRIALS,
    "total_steps": 1000,
    "model": {"d_model": 16, "n_layers": 1, "n_heads": 2, "context": 16},
    "data": {"corpus": "upload:mine", "batch_size": 4, "val_windows": 8},
}


def rampline(data_dir: Path, *arguments: str) -> str:
    command = [*RAMPLINE, *arguments]
    ended = subprocess.run(command, env=environment(data_dir), capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_a_running_product_is_copied_and_its_sweep_is_finished_elsewhere(tmp_path: Path) -> None:
    up = Up(tmp_path / "here", ("--workers", "1", "--lanes", "2"))
    up.start()
    (tmp_path / "mine.txt").write_text("It was a bright cold day in a text of mine. " * 200)
    uploaded = rampline(up.data_dir, "corpora", "upload", str(tmp_path / "mine.txt"), "--name", "mine")
    assert "upload:mine" in uploaded
    assert "upload:mine" in rampline(up.data_dir, "corpora")
    sweep = up.client.submit(SWEEP)
    wait_until_some_have_ended(up.client, sweep.id)
    rampline(up.data_dir, "backup", str(tmp_path / "copy"))
    assert_secrets_are_nowhere(up, tmp_path / "copy")
    assert up.stop(signal.SIGKILL) == -signal.SIGKILL
    assert wait_until_gone(up.data_dir) == {}

    assert 0 < left_in(tmp_path / "copy") < TRIALS
    there = Up(tmp_path / "there", ("--workers", "1", "--lanes", "2"))
    assert "1 sweeps are in" in rampline(there.data_dir, "restore", str(tmp_path / "copy"))
    there.start()
    ended = wait_for_end(there.client, sweep.id, 240)
    assert ended.progress.runs["completed"] == ended.progress.trials_done == TRIALS
    mlflow = Tracked(there.mlflow_url)
    experiment = mlflow.experiment(f"{ended.team}/moved #{sweep.id}")["experiment_id"]
    deadline = time.monotonic() + 60
    while [run["info"]["status"] for run in mlflow.runs(experiment)] != ["FINISHED"] * (TRIALS + 1):
        assert time.monotonic() < deadline, [run["info"]["status"] for run in mlflow.runs(experiment)]
        time.sleep(0.2)
    recorded = {run["info"]["run_id"] for run in mlflow.runs(experiment)}
    runs = [run for trial in there.client.all_trials(sweep.id) for run in trial.runs]
    assert len(runs) == TRIALS
    assert {run.mlflow_run_id for run in runs} < recorded
    assert there.stop() == 0


def wait_until_some_have_ended(client: Client, sweep: int) -> None:
    deadline = time.monotonic() + 90
    while not 0 < client.sweep(sweep).progress.trials_done < TRIALS:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def left_in(copy: Path) -> int:
    """How many trials the copy has yet to finish."""
    with contextlib.closing(sqlite3.connect(copy / "rampline.db")) as database:
        (ended,) = database.execute("SELECT count(*) FROM runs WHERE state = 'completed'").fetchone()
    return TRIALS - int(ended)


def assert_secrets_are_nowhere(up: Up, copy: Path) -> None:
    """Neither a token nor the key of their hashes is in a process list, a log, a database, a copy, or an answer."""
    secrets = [*(up.data_dir / "tokens").iterdir(), up.data_dir / "token-key"]
    tokens = {path: path.read_bytes().strip() for path in secrets}
    assert len(tokens) == 3
    commands = " ".join(processes_of(up.data_dir).values()).encode()
    assert b"rampline worker" in commands
    answered = up.client.sweeps().model_dump_json() + " ".join(str(one) for one in up.client.workers())
    files = [path for root in (up.data_dir, copy) for path in root.rglob("*") if path.is_file() and path not in tokens]
    assert {"service.log", "mlflow.log", "mlflow.db", "rampline.db", "optuna.db", "worker-1.log"} <= {
        path.name for path in files
    }
    for token in tokens.values():
        assert token not in commands
        assert token.decode() not in answered
        assert [path for path in files if token in content_of(path)] == []


def content_of(path: Path) -> bytes:
    """A file's bytes; none if it is gone by now, as the journals of databases go."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
