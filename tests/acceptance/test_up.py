"""`rampline up`: what it says when it cannot start, that it goes on where it was, and that it leaves nothing behind."""

import os
import signal
import socket
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

from service.client import ServiceUnreachableError
from service.wire.views import RunView
from tests.acceptance.running import RAMPLINE, Up, environment, free_port, processes_of, wait_for_end, wait_until_gone
from tests.tracked import Tracked
from tests.waiting import wait_until

SLOW_SWEEP: dict[str, Any] = {
    "name": "slow",
    "space": {"schedule": ["cosine"], "warmup_steps": [100], "peak_lr": [1e-3, 2e-3, 3e-3]},
    "sampler": {"type": "grid"},
    "total_steps": 4000,
    "model": {"d_model": 16, "n_layers": 1, "n_heads": 2, "context": 16},
    "data": {"batch_size": 4, "val_windows": 8},
}


def run_up(data_dir: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [*RAMPLINE, "up", "--data-dir", str(data_dir), *arguments]
    return subprocess.run(command, env=environment(data_dir), capture_output=True, text=True, timeout=90, check=False)


def assert_one_clear_line(ended: subprocess.CompletedProcess[str], *parts: str) -> None:
    assert ended.returncode == 1, ended
    lines = ended.stderr.strip().splitlines()
    assert len(lines) == 1, ended.stderr
    assert lines[0].startswith("error: ")
    for part in parts:
        assert part in lines[0]


def test_a_taken_port_is_one_clear_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert_one_clear_line(run_up(tmp_path / "data", "--port", port), f"port {port}", "--port")
        assert_one_clear_line(run_up(tmp_path / "data", "--mlflow-port", port), f"port {port}", "--mlflow-port")


def test_a_data_directory_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a directory")
    ended = run_up(tmp_path / "file" / "data")
    assert_one_clear_line(ended, "not writable", "--data-dir")


def test_mlflow_failing_to_start_is_one_clear_line_and_leaves_nothing(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    (data_dir / "mlflow").mkdir(parents=True)
    (data_dir / "mlflow" / "mlflow.db").write_text("this is no database")
    ports = ["--port", str(free_port()), "--mlflow-port", str(free_port())]
    assert_one_clear_line(run_up(data_dir, *ports), "mlflow did not start", "mlflow.log")
    assert wait_until_gone(data_dir) == {}


def test_stopped_while_it_starts_it_leaves_nothing(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    ports = ["--port", str(free_port()), "--mlflow-port", str(free_port())]
    command = [*RAMPLINE, "up", "--data-dir", str(data_dir), *ports]
    starting = subprocess.Popen(command, env=environment(data_dir), stdout=subprocess.PIPE, text=True)
    wait_until(lambda: any("mlflow server" in command for command in processes_of(data_dir).values()))
    starting.send_signal(signal.SIGTERM)
    printed, _ = starting.communicate(timeout=60)
    assert starting.returncode == 130
    assert "Rampline is up" not in printed
    assert wait_until_gone(data_dir) == {}


def test_a_second_product_on_the_same_data_directory_is_refused(up: Up) -> None:
    assert_one_clear_line(run_up(up.data_dir, "--port", str(free_port())), "another `rampline up` uses")


def test_only_the_user_can_read_the_token(up: Up) -> None:
    token = up.data_dir / "tokens" / "local"
    assert token.stat().st_mode & 0o777 == 0o600
    assert token.parent.stat().st_mode & 0o777 == 0o700
    database = (up.data_dir / "rampline.db").read_bytes() + (up.data_dir / "rampline.db-wal").read_bytes()
    assert token.read_bytes().strip() not in database
    assert all(token.read_text().strip() not in command for command in processes_of(up.data_dir).values())


def test_whatever_is_killed_every_run_ends_once_with_a_complete_record(tmp_path: Path) -> None:
    up = Up(tmp_path / "data", ("--workers", "1", "--lanes", "4"), {"RAMPLINE_LEASE_SECONDS": "3"})
    up.start()
    sweep = up.client.submit(SLOW_SWEEP)
    wait_until_training(up, sweep.id)

    os.kill(up.pid_of("rampline worker"), signal.SIGKILL)
    wait_for_attempt(up, sweep.id, 2)

    steps = steps_of(up, sweep.id)
    os.kill(up.pid_of("rampline serve"), signal.SIGKILL)
    os.kill(up.pid_of("mlflow server"), signal.SIGKILL)
    wait_until(lambda: bool(now := steps_of(up, sweep.id)) and all(map(int.__gt__, now, steps)))
    assert all(run.attempt == 2 for run in runs_of(up, sweep.id)), "training went on without service and MLflow"

    assert up.stop(signal.SIGINT) == 0
    assert wait_until_gone(up.data_dir) == {}
    assert "Stopped." in up.printed()

    up.start()
    ended = wait_for_end(up.client, sweep.id)
    assert ended.progress.runs["completed"] == 3
    runs = runs_of(up, sweep.id)
    assert all(run.attempt >= 3 for run in runs)
    assert all(resumed_from(up, run.id)[-1] >= min(steps) for run in runs), "they went on where the worker had left"
    mlflow = Tracked(up.mlflow_url)
    experiment = mlflow.experiment(f"{ended.team}/slow #{sweep.id}")["experiment_id"]
    wait_until(lambda: len([run for run in mlflow.runs(experiment) if run["info"]["status"] == "FINISHED"]) == 4)
    assert len(mlflow.runs(experiment)) == 4
    for run in runs:
        assert [step for step, _ in mlflow.history(str(run.mlflow_run_id), "lr")] == [1, *range(2, 4001, 2)]

    assert up.stop(signal.SIGKILL) == -signal.SIGKILL
    assert wait_until_gone(up.data_dir) == {}


def wait_until_training(up: Up, sweep: int) -> None:
    wait_until(lambda: up.client.sweep(sweep).progress.updates_done > 0)


def wait_for_attempt(up: Up, sweep: int, attempt: int) -> None:
    wait_until(lambda: all(run.attempt >= attempt and run.step > 0 for run in runs_of(up, sweep)))


def runs_of(up: Up, sweep: int) -> list[RunView]:
    return [run for trial in up.client.all_trials(sweep) for run in trial.runs]


def resumed_from(up: Up, run: int) -> list[int]:
    """Where each attempt at a run began, in their order."""
    with closing(sqlite3.connect(f"file:{up.data_dir / 'rampline.db'}?mode=ro", uri=True)) as database:
        rows = database.execute("SELECT resumed_from FROM attempts WHERE run_id = ? ORDER BY number", (run,))
        return [int(begun) for (begun,) in rows]


def steps_of(up: Up, sweep: int) -> list[int]:
    """The updates that each run has done; none while the service does not answer."""
    try:
        return [run.step for run in runs_of(up, sweep)]
    except ServiceUnreachableError:
        return []
