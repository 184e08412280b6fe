"""Workers that are stopped, killed by what they train, cut off, or defective: real processes, one service."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from service.client import Client
from service.settings import Settings
from service.store import clock, migrate
from service.store.tables import Run
from service.studies import Studies
from service.wire.protocol import Claim, Lease
from service.wire.views import RunView
from tests.acceptance.lonely import TINY, Line, wait_until, worker
from tests.acceptance.running import environment, free_port
from tests.integration.serving import TOKENS, Serving, finished, hello, running
from worker.claiming import Claimer
from worker.main import WorkerError, run
from worker.reporting import Reporter
from worker.settings import WorkerSettings
from worker.tracking import Tracker

PEAKS = [0.001, 0.002, 0.003, 0.004]


@pytest.fixture
def settings() -> dict[str, Any]:
    """What a test changes of the service's settings."""
    return {}


@pytest.fixture
def serving(tmp_path: Path, settings: dict[str, Any]) -> Iterator[Serving]:
    """A service on a SQLite database of its own."""
    given = Settings(data_dir=tmp_path)
    migrate.upgrade(given.database)
    Studies(given.optuna).close()
    with running(given.database, given.optuna, tmp_path, **{"report_seconds": 0.2, **settings}) as server:
        yield server


def runs_of(serving: Serving, sweep: int) -> list[RunView]:
    return [run for trial in serving["member"].all_trials(sweep) for run in trial.runs]


def ends(run: RunView) -> list[str | None]:
    return [attempt.outcome for attempt in run.attempts]


@pytest.mark.parametrize("settings", [{"lease_seconds": 3}])
def test_a_worker_that_was_stopped_for_longer_than_its_lease_lets_go_and_changes_nothing(
    serving: Serving, tmp_path: Path
) -> None:
    sweep = serving["member"].submit(TINY).id
    other = serving["worker"]
    with worker(serving.url, TOKENS["worker"], tmp_path) as process:
        wait_until(lambda: all(run.step for run in runs_of(serving, sweep)))
        process.send_signal(signal.SIGSTOP)
        other_id = other.register(hello()).worker_id
        taken: list[Lease] = []
        while len(taken) < 2:
            taken += other.claim(Claim(worker_id=other_id, lanes=2 - len(taken), wait_seconds=5)).leases
        process.send_signal(signal.SIGCONT)
        wait_until(lambda: (tmp_path / "worker.log").read_text().count("taken by another worker") == 2)
        assert [run.worker for run in runs_of(serving, sweep)] == ["host:1"] * 2
        assert [run.step for run in runs_of(serving, sweep)] == [0, 0]
        other.report(finished(other_id, taken))
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert [ends(run) for run in runs_of(serving, sweep)] == [["evicted", "completed"]] * 2
    assert [run.value for run in runs_of(serving, sweep)] == [3.0, 3.01]


def test_a_run_that_kills_its_worker_three_times_is_quarantined_and_the_others_complete(
    serving: Serving, tmp_path: Path
) -> None:
    sweep = serving["member"].submit(TINY | {"total_steps": 100, "space": TINY["space"] | {"peak_lr": PEAKS}}).id
    given = {"RAMPLINE_URL": serving.url, "RAMPLINE_WORKER_TOKEN": TOKENS["worker"], "RAMPLINE_LANES": "4"}
    command = [sys.executable, "-m", "tests.acceptance.poisoned_worker", "2", "40", "4"]
    log = tmp_path / "worker.log"
    with log.open("wb") as errors:
        killer = subprocess.Popen(
            command,
            env=environment(tmp_path, **given, RAMPLINE_SCRATCH_DIR=str(tmp_path), RAMPLINE_DEVICE="cpu"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
        )
    assert killer.stdout is not None
    assert killer.stdin is not None
    try:
        for _ in range(3):
            assert killer.stdout.readline() == "died\n", log.read_text()
            with serving.parts.store.write() as session:  # nobody has to wait for the lease
                held = update(Run).where(Run.state == "running")
                session.execute(held.values(lease_expires_at=clock.now(session)))
            killer.stdin.write("again\n")
            killer.stdin.flush()
        wait_until(lambda: serving["member"].sweep(sweep).state == "completed", seconds=150)
    finally:
        os.killpg(killer.pid, signal.SIGKILL)
        killer.communicate()
    trials = serving["member"].all_trials(sweep)
    (poison,) = trials.pop(2).runs
    assert poison.outcome == "quarantined"
    assert [run.outcome for trial in trials for run in trial.runs] == ["completed"] * 3
    assert ends(poison) == ["evicted"] * 3
    assert str(poison.error).startswith("quarantined: 3 workers in a row were lost")


def test_sigterm_ends_a_worker_by_its_deadline_although_service_and_mlflow_hang(tmp_path: Path) -> None:
    given = Settings(data_dir=tmp_path)
    migrate.upgrade(given.database)
    Studies(given.optuna).close()
    mlflow = Line()
    settings: dict[str, Any] = {"mlflow_url": mlflow.url, "report_seconds": 0.2}
    with running(given.database, given.optuna, tmp_path, **settings) as serving:
        line = Line(int(serving.url.rsplit(":", 1)[1]))
        sweep = serving["member"].submit(TINY).id
        with worker(line.url, TOKENS["worker"], tmp_path, drain_seconds=3) as process:
            wait_until(lambda: all(run.step for run in runs_of(serving, sweep)))
            line.dead = True
            started = time.monotonic()
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0, (tmp_path / "worker.log").read_text()
            assert time.monotonic() - started < 15, "a sum of timeouts, not one deadline"
        assert "could not say goodbye, 2 leases expire by themselves" in (tmp_path / "worker.log").read_text()
        line.close()
        mlflow.close()


def test_sigterm_ends_the_service_although_mlflow_hangs(tmp_path: Path) -> None:
    mlflow, port = Line(), free_port()
    (tmp_path / "token").write_text(TOKENS["admin"])
    given = {"RAMPLINE_MLFLOW_URL": mlflow.url, "RAMPLINE_ADMIN_TOKEN_FILE": str(tmp_path / "token")}
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "rampline", "serve", "--port", str(port)],
            env=environment(tmp_path, **given, RAMPLINE_LOG_LEVEL="debug"),
            stdout=log,
            stderr=log,
        )
    try:
        wait_until(lambda: "Application startup complete" in (tmp_path / "log").read_text())
        library = tmp_path / "corpora" / "words.txt"
        library.write_text("to be or not to be\n" * 900)
        with Client(f"http://127.0.0.1:{port}", TOKENS["admin"]) as client:
            client.submit(TINY)
        wait_until(lambda: "/api/2.0/mlflow" in (tmp_path / "log").read_text())
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
        mlflow.close()


@pytest.mark.parametrize(
    ("name", "owner", "method"),
    [("claiming", Claimer, "_claim"), ("reporting", Reporter, "_report"), ("tracking", Tracker, "_flush")],
)
@pytest.mark.parametrize("settings", [{"mlflow_url": "http://127.0.0.1:9"}])
def test_a_worker_whose_thread_dies_says_so_and_gives_its_runs_back(
    serving: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, owner: type, method: str
) -> None:
    sweep = serving["member"].submit(TINY).id
    original = getattr(owner, method)

    def defective(self: Any, *given: Any) -> Any:
        if owner is Claimer or any(run.step for run in runs_of(serving, sweep)):
            raise KeyError("a defect")
        return original(self, *given)

    monkeypatch.setattr(owner, method, defective)
    given = WorkerSettings(
        url=serving.url, worker_token=TOKENS["worker"], device="cpu", lanes=1, scratch_dir=tmp_path, drain_seconds=3
    )
    with pytest.raises(WorkerError, match=f"its {name} thread died .*a defect"):
        run(given)
    assert {run.state for run in runs_of(serving, sweep)} == {"queued"}
    assert {end for run in runs_of(serving, sweep) for end in ends(run)} <= {"evicted"}
