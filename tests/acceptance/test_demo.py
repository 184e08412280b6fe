"""`rampline demo`: one command from nothing to a winner, in a terminal, with nothing left running."""

import os
import pty
import re
import subprocess
from pathlib import Path

import yaml

from tests.acceptance.running import RAMPLINE, environment, free_port, wait_until_gone
from tests.acceptance.test_first_sweep import SWEEP

TRIALS = 3


def run_in_terminal(command: list[str], data_dir: Path) -> tuple[int, str]:
    """Run a command whose output is a terminal; its exit status and what it drew, without control sequences."""
    ours, theirs = pty.openpty()
    shown = b""
    process = subprocess.Popen(
        command,
        env=environment(data_dir, TERM="xterm-256color", COLUMNS="120", LINES="50"),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=data_dir.parent,
    )
    os.close(theirs)
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # Linux's end of file, once the last process has closed the terminal
            break
        if not part:
            break
        shown += part
    os.close(ours)
    return process.wait(30), re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown.decode())


def test_the_demo_shows_progress_a_leaderboard_and_the_winner_and_stops_everything(tmp_path: Path) -> None:
    sweep = SWEEP | {"name": "shown", "sampler": {"type": "tpe"}, "trials": TRIALS, "replicates": 1}
    (tmp_path / "sweep.yaml").write_text(yaml.safe_dump(sweep))
    data_dir = tmp_path / "data"
    ports = ["--port", str(free_port()), "--mlflow-port", str(free_port())]
    status, shown = run_in_terminal(
        [*RAMPLINE, "demo", "sweep.yaml", "--data-dir", str(data_dir), "--workers", "1", *ports], data_dir
    )
    assert status == 0, shown
    assert wait_until_gone(data_dir) == {}
    for part in (
        "Rampline is up",
        f"{TRIALS}/{TRIALS} trials",
        "updates/s",
        "lanes in use",
        "best",
        "time left",
        "Leaderboard",
        "is best",
        "from schedules import build, scheduler",
        "#/experiments/",
        "rampline up --data-dir",
    ):
        assert part in shown, f"{part!r} is missing from:\n{shown}"
    assert {"rampline.db", "optuna.db", "mlflow", "logs"} <= {entry.name for entry in data_dir.iterdir()}


def test_an_invalid_sweep_ends_the_demo_with_its_errors_before_anything_is_started(tmp_path: Path) -> None:
    (tmp_path / "sweep.yaml").write_text(yaml.safe_dump(SWEEP | {"total_steps": 3}))
    data_dir = tmp_path / "data"
    ports = ["--port", str(free_port()), "--mlflow-port", str(free_port())]
    status, shown = run_in_terminal([*RAMPLINE, "demo", "sweep.yaml", "--data-dir", str(data_dir), *ports], data_dir)
    assert status == 1
    assert "warmup_steps" in shown
    assert "Traceback" not in shown
    assert not data_dir.exists()
