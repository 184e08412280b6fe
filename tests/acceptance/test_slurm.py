"""deploy/slurm/worker.sbatch as a process, as a node of Slurm starts it: signalled before its limit, and begun again.

Slurm's own commands are stand-ins that note how they were called; `squeue` answers what the test says.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from service.settings import Settings
from service.store import migrate
from service.studies import Studies
from tests.acceptance.running import READY_SECONDS, wait_for_end
from tests.integration.serving import TOKENS, Serving, running
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "deploy" / "slurm" / "worker.sbatch"
SWEEP: dict[str, Any] = {
    "space": {"schedule": ["cosine"], "warmup_steps": [100], "peak_lr": [1e-3]},
    "sampler": {"type": "grid"},
    "total_steps": 1200,
    "model": {"d_model": 16, "n_layers": 1, "n_heads": 2, "context": 16},
    "data": {"batch_size": 4, "val_windows": 8, "corpus": "file:words.txt"},
}


@dataclass
class Node:
    """A node of a cluster that is none."""

    directory: Path
    url: str

    def start(self, **more: str) -> "subprocess.Popen[str]":
        own = {name: value for name, value in os.environ.items() if not name.startswith(("RAMPLINE_", "SLURM"))}
        environment = own | {
            "PATH": f"{self.directory / 'bin'}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "TMPDIR": str(self.directory / "tmp"),
            "RAMPLINE_URL": self.url,
            "RAMPLINE_WORKER_TOKEN_FILE": str(self.directory / "token"),
            "RAMPLINE_DEVICE": "cpu",
            "RAMPLINE_LANES": "1",
            "SLURM_JOB_ID": "4711",
            "SLURM_ARRAY_JOB_ID": "4710",
            "SLURM_ARRAY_TASK_ID": "3",
            "SLURMD_NODENAME": "node1",
        }
        return subprocess.Popen(
            ["bash", str(SCRIPT)],
            env=environment | more,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def command(self, name: str, answer: str) -> None:
        """Let a command of Slurm answer this."""
        path = self.directory / "bin" / name
        path.write_text(f'#!/bin/sh\necho "{name} $*" >> {self.directory}/called\n{answer}\n')
        path.chmod(0o755)

    @property
    def called(self) -> list[str]:
        path = self.directory / "called"
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    settings = Settings(data_dir=tmp_path)
    migrate.upgrade(settings.database)
    Studies(settings.optuna).close()
    with running(settings.database, settings.optuna, tmp_path, report_seconds=0.2) as server:
        yield server


@pytest.fixture
def node(serving: Serving, tmp_path: Path) -> Node:
    for name in ("bin", "tmp"):
        (tmp_path / name).mkdir()
    (tmp_path / "token").write_text(TOKENS["worker"])
    made = Node(tmp_path, serving.url)
    made.command("rampline", f'exec {sys.executable} -m rampline "$@"')
    made.command("squeue", "echo RUNNING")
    made.command("scontrol", "true")
    return made


def end(process: "subprocess.Popen[str]") -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


@pytest.mark.timeout(600)
def test_before_its_limit_a_worker_drains_is_queued_again_and_its_run_goes_on(serving: Serving, node: Node) -> None:
    member = serving["member"]
    sweep = member.submit(SWEEP).id
    first = node.start()
    try:
        wait_until(lambda: member.trials(sweep).items[0].runs[0].step > 100, READY_SECONDS)
        os.kill(first.pid, signal.SIGTERM)  # to the shell alone, as `--signal=B:TERM@120` has it
        output, _ = first.communicate(timeout=READY_SECONDS)
    finally:
        end(first)
    assert "worker.main: left" in output
    assert node.called[-2:] == ["squeue --noheader --jobs=4710_3 --format=%T", "scontrol requeue 4710_3"]
    assert list((node.directory / "tmp").glob("rampline-*")) == [], "what it kept on the node is gone"
    (run,) = member.trials(sweep).items[0].runs
    assert (run.state, run.attempts[0].outcome) == ("queued", "evicted")
    assert run.attempts[0].worker == "node1:slurm-4710_3"

    again = node.start()
    try:
        assert wait_for_end(member, sweep).state == "completed"
        (run,) = member.trials(sweep).items[0].runs
        assert run.attempts[1].resumed_from >= run.attempts[0].step > 100, "it went on from where it was given back"
        node.command("squeue", "echo COMPLETING")  # what it answers after scancel
        os.kill(again.pid, signal.SIGTERM)
        output, _ = again.communicate(timeout=READY_SECONDS)
    finally:
        end(again)
    assert "worker.main: left" in output
    assert node.called[-1] == "squeue --noheader --jobs=4710_3 --format=%T", "who was cancelled is not queued again"


def test_a_worker_that_cannot_work_fails_and_is_not_queued_again(node: Node) -> None:
    (node.directory / "token").write_text("of nobody")
    refused = node.start()
    try:
        output, _ = refused.communicate(timeout=READY_SECONDS)
    finally:
        end(refused)
    assert refused.returncode == 1
    assert "refuses this worker" in output
    assert not [line for line in node.called if line.startswith("scontrol")]
