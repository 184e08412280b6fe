"""Several server processes on one port: they share the work, replace each other, and end together."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from service.client import Client
from service.errors import StartupError
from service.server import serve
from service.settings import Settings
from service.wire.protocol import Claim
from service.wire.tokens import Role, mint
from tests.acceptance.running import free_port, processes_of
from tests.integration.conftest import Database
from tests.integration.harness import GRID, library
from tests.integration.serving import finished, hello
from tests.waiting import wait_until

PROCESSES = 2


class Group:
    """`rampline serve` with several processes."""

    def __init__(self, database: Database, directory: Path) -> None:
        self.metrics = f"http://127.0.0.1:{free_port()}/metrics"
        roles: tuple[Role, ...] = ("admin", "worker")
        self.tokens: dict[str, str] = {role: mint(role) for role in roles}
        for role, token in self.tokens.items():
            (directory / role).write_text(token)
        environment = {
            **os.environ,
            **{f"RAMPLINE_{role.upper()}_TOKEN_FILE": str(directory / role) for role in self.tokens},
            "RAMPLINE_DATA_DIR": str(directory / "data"),
            "RAMPLINE_DATABASE_URL": database.url,
            "RAMPLINE_OPTUNA_URL": database.optuna_url,
            "RAMPLINE_METRICS_LISTEN": self.metrics.removeprefix("http://").removesuffix("/metrics"),
            "RAMPLINE_LOG_LEVEL": "warning",
        }
        self.url = f"http://127.0.0.1:{free_port()}"
        port = self.url.rpartition(":")[2]
        command = [sys.executable, "-m", "rampline", "serve", "--port", port, "--processes", str(PROCESSES)]
        self.data = directory / "data"
        self.data.mkdir()
        library(self.data)
        self.log = directory / "log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, env=environment, stderr=log)

    def client(self, role: str) -> Client:
        """A client of whichever process answers."""
        return Client(self.url, self.tokens[role])

    def members(self) -> list[int]:
        """The server processes."""
        return [pid for pid, command in processes_of(self.data).items() if "service.member" in command]

    def ready(self) -> bool:
        """Whether the port is served, by processes that have their database."""
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(f"{self.url}/api/v1/health/ready").is_success
        return False


@pytest.fixture
def group(postgres_database: Database, tmp_path: Path) -> Iterator[Group]:
    started = Group(postgres_database, tmp_path)
    yield started
    started.process.kill()
    started.process.wait(30)
    wait_until(lambda: not started.members())


def counted(text: str, name: str) -> float:
    """The sum of a metric's samples."""
    families = text_string_to_metric_families(text)
    return sum(sample.value for family in families for sample in family.samples if sample.name == name)


def test_processes_share_the_port_replace_each_other_and_end_together(group: Group) -> None:
    wait_until(group.ready)
    wait_until(lambda: len(group.members()) == PROCESSES)
    with group.client("admin") as admin:
        before = group.members()
        os.kill(before[0], signal.SIGKILL)
        wait_until(lambda: len(group.members()) == PROCESSES and before[0] not in group.members())
        assert before[1] in group.members()
        assert admin.sweeps().items == []
    assert "server process" in group.log.read_text()
    group.process.send_signal(signal.SIGTERM)
    assert group.process.wait(40) == 0
    assert not any(Path(f"/proc/{pid}").exists() for pid in before)
    assert "Fatal" not in group.log.read_text(), "they end in good order"


def test_a_sweep_is_trained_through_any_of_them_and_a_scrape_adds_up_what_they_counted(group: Group) -> None:
    wait_until(group.ready)
    with group.client("admin") as admin:
        admin.submit(GRID)

    def train(results: list[int]) -> None:
        with group.client("worker") as worker:  # a connection of its own, to either process
            number = worker.register(hello()).worker_id
            leases = worker.claim(Claim(worker_id=number, lanes=1)).leases
            worker.report(finished(number, leases))
            results.extend(lease.run_id for lease in leases)

    trained: list[int] = []
    workers = [threading.Thread(target=train, args=(trained,)) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert len(set(trained)) == 8
    with group.client("admin") as admin:
        sweep = admin.sweep(1)
    assert (sweep.state, sweep.progress.runs["completed"]) == ("completed", 8)
    headers = {"Authorization": f"Bearer {group.tokens['admin']}"}
    for shown in (httpx.get(group.metrics), httpx.get(f"{group.url}/api/v1/metrics", headers=headers)):
        assert counted(shown.text, "rampline_runs_ended_total") == 8
        assert counted(shown.text, "rampline_claim_seconds_count") >= 8
        assert counted(shown.text, "rampline_database_up") == 1


def test_processes_do_not_outlive_the_one_that_looks_after_them(group: Group) -> None:
    wait_until(group.ready)
    wait_until(lambda: len(group.members()) == PROCESSES)
    members = group.members()
    group.process.kill()
    group.process.wait(30)
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in members))
    assert group.members() == []


def test_sqlite_refuses_several_processes_and_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match=r"2 server processes cannot share .*PostgreSQL") as refused:
        serve(Settings(data_dir=tmp_path, port=0, processes=2))
    assert "\n" not in str(refused.value)
