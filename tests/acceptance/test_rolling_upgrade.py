"""The release before this one beside this one: its service gives way to ours in the middle of a sweep, and both workers
train on. The old processes run the very files of that release.
"""

import os
import signal
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.api import versions as api_versions
from service.client import Client
from service.settings import Settings
from service.store import migrate
from service.studies import Studies
from service.wire import versions
from service.wire.tokens import Role, mint
from tests.acceptance.running import READY_SECONDS, free_port, wait_for_end
from tests.integration.serving import TOKENS, running
from tests.postgres import Postgres
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]
RELEASE = ROOT / "tests" / "data" / "releases" / "rampline-0.1.0.tar.xz"
TRIALS = 48
SWEEP: dict[str, Any] = {
    "name": "through an upgrade",
    "space": {
        "schedule": ["cosine", "linear"],
        "warmup_steps": [10, 20, 30, 40, 50, 60, 70, 80],
        "peak_lr": [1e-3, 2e-3, 3e-3],
    },
    "sampler": {"type": "grid"},
    "total_steps": 250,
    "model": {"d_model": 16, "n_layers": 1, "n_heads": 2, "context": 16},
    "data": {"batch_size": 4, "val_windows": 8, "corpus": "file:words.txt"},
}


@pytest.fixture(scope="module")
def old_release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of the release's packages."""
    directory = tmp_path_factory.mktemp("release")
    with tarfile.open(RELEASE) as archive:
        archive.extractall(directory, filter="data")
    return directory


@dataclass
class Processes:
    """Processes of either release on one database."""

    directory: Path
    environment: dict[str, str]
    stack: ExitStack = field(default_factory=ExitStack)

    def start(self, release: Path, name: str, *arguments: str, **more: str) -> "subprocess.Popen[bytes]":
        """Run `rampline` with the packages of a release; the process is killed at the end, if it lives."""
        with (self.directory / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "rampline", *arguments],
                env=self.environment | {"PYTHONPATH": str(release)} | more,
                cwd=release,
                stdout=log,
                stderr=log,
            )
        self.stack.callback(process.wait, 30)
        self.stack.callback(process.kill)
        return process

    def worker(self, release: Path, name: str) -> "subprocess.Popen[bytes]":
        scratch = {"RAMPLINE_SCRATCH_DIR": str(self.directory / name), "RAMPLINE_WORKER_NAME": name}
        return self.start(release, name, "worker", "--device", "cpu", "--lanes", "2", **scratch)

    def said(self, name: str) -> str:
        return (self.directory / f"{name}.log").read_text()


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    tokens = {}
    roles: tuple[Role, ...] = ("admin", "worker")
    for role in roles:
        (tmp_path / role).write_text(mint(role))
        tokens[f"RAMPLINE_{role.upper()}_TOKEN_FILE"] = str(tmp_path / role)
    (tmp_path / "corpora").mkdir()
    (tmp_path / "corpora" / "words.txt").write_text("to be or not to be, that is the question\n" * 400)
    port = str(free_port())
    own = {name: value for name, value in os.environ.items() if not name.startswith(("RAMPLINE_", "MLFLOW_"))}
    given = {
        "RAMPLINE_DATA_DIR": str(tmp_path),
        "RAMPLINE_PORT": port,
        "RAMPLINE_URL": f"http://127.0.0.1:{port}",
        "RAMPLINE_REPORT_SECONDS": "0.2",
    }
    running = Processes(tmp_path, own | given | tokens)
    with running.stack:
        yield running


@pytest.mark.timeout(600)
def test_a_service_and_its_workers_are_upgraded_one_by_one_and_nothing_is_lost(
    processes: Processes, old_release: Path, postgres: Postgres
) -> None:
    processes.environment["RAMPLINE_DATABASE_URL"] = postgres.fresh()
    old_service = processes.start(old_release, "old service", "serve")
    workers = [processes.worker(old_release, "old worker"), processes.worker(ROOT, "new worker")]
    url, token = processes.environment["RAMPLINE_URL"], (processes.directory / "admin").read_text()
    old = httpx.Client(base_url=f"{url}/api/v1", headers={"Authorization": f"Bearer {token}"})
    processes.stack.enter_context(old)
    wait_until(lambda: len(answered(old, "/workers")) == 2, READY_SECONDS)
    sweep = old.post("/sweeps", json=SWEEP).json()["id"]
    wait_until(lambda: all(worker["runs"] for worker in answered(old, "/workers")))

    old_service.send_signal(signal.SIGTERM)
    assert old_service.wait(30) == 0
    upgraded_at = datetime.now(UTC)
    processes.start(ROOT, "new service", "serve")

    client = processes.stack.enter_context(Client(url, token))
    wait_until(lambda: bool(answered(old, "/health/live")), READY_SECONDS)
    view = wait_for_end(client, sweep, 240)
    assert view.state == "completed"
    assert view.progress.trials_done == TRIALS
    runs = [run for trial in client.all_trials(sweep) for run in trial.runs]
    assert [run.attempt for run in runs] == [1] * TRIALS, "no lease was lost"
    begun = [(run.worker, run.attempts[0].started_at > upgraded_at) for run in runs]
    assert set(begun) == {(worker, after) for worker in ("old worker", "new worker") for after in (False, True)}
    for worker in workers:
        worker.terminate()
    assert [worker.wait(40) for worker in workers] == [0, 0], processes.said("new worker")


def answered(http: httpx.Client, path: str) -> Any:
    """The answer, empty as long as there is none."""
    try:
        response = http.get(path)
    except httpx.TransportError:
        return []
    return response.json() if response.is_success else []


def test_a_worker_that_is_too_old_says_what_to_upgrade_and_ends(
    processes: Processes, old_release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (versions, api_versions):
        monkeypatch.setattr(module, "OLDEST", 2)
    settings = Settings(data_dir=tmp_path)
    migrate.upgrade(settings.database)
    Studies(settings.optuna).close()
    (tmp_path / "worker").write_text(TOKENS["worker"])
    with running(settings.database, settings.optuna, tmp_path) as serving:
        processes.environment["RAMPLINE_URL"] = serving.url
        assert processes.worker(old_release, "old worker").wait(READY_SECONDS) == 1
    said = processes.said("old worker")
    assert "the worker speaks protocol 1" in said
    assert "install Rampline" in said
