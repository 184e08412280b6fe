"""docker-compose.yml: valid by the compose specification, and its very commands run a sweep on PostgreSQL.

There may be no container engine where the tests run, so the commands, environments and health checks of the file are
run as processes; only names that a container network would resolve, and paths inside containers, are translated.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import optuna
import psycopg
import pytest
import yaml

from service.client import Client
from service.wire.views import SweepView
from tests.acceptance.running import free_port, wait_for_end
from tests.acceptance.test_first_sweep import RUNS, SWEEP, TRIALS
from tests.postgres import Postgres
from tests.tracked import Tracked

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker-compose.yml"
BIN = Path(sys.executable).parent


def test_the_file_is_valid_by_the_compose_specification() -> None:
    command = [str(BIN / "check-jsonschema"), "--builtin-schema", "vendor.compose-spec", str(COMPOSE)]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout


def test_every_service_restarts_and_no_secret_stands_in_the_file() -> None:
    compose = yaml.safe_load(COMPOSE.read_text())
    assert all(service["restart"] == "unless-stopped" for service in compose["services"].values())
    for service in compose["services"].values():
        for name, value in service["environment"].items():
            secret = any(word in name for word in ("PASSWORD", "TOKEN"))
            assert not secret or str(value).startswith("/run/secrets/"), name
    assert compose["services"]["worker"]["deploy"]["resources"]["reservations"]["devices"][0]["capabilities"] == ["gpu"]


def test_every_path_that_the_file_and_the_image_name_is_in_the_tree() -> None:
    compose = yaml.safe_load(COMPOSE.read_text())
    mounts = [volume for service in compose["services"].values() for volume in service.get("volumes", [])]
    for mount in mounts:
        if mount.startswith("./"):
            assert (ROOT / mount.split(":")[0]).exists(), mount
    for line in (ROOT / "Dockerfile").read_text().splitlines():
        if line.startswith("COPY ") and "--from" not in line:
            for source in line.split()[1:-1]:
                assert (ROOT / source).exists(), source


class Composed:
    """The services of the file as processes."""

    def __init__(self, directory: Path, postgres: Postgres) -> None:
        self.services = yaml.safe_load(COMPOSE.read_text())["services"]
        self.directory = directory
        self.ports = {"mlflow": free_port(), "service": free_port()}
        self.processes: list[subprocess.Popen[bytes]] = []
        self.translations = {
            "@postgres:5432/": f"@127.0.0.1:{postgres.port}/",
            "/run/secrets/": f"{directory}/secrets/",
            "0.0.0.0": "127.0.0.1",
            "mlflow:5000": f"127.0.0.1:{self.ports['mlflow']}",
            "127.0.0.1:5000": f"127.0.0.1:{self.ports['mlflow']}",
            "--port=5000": f"--port={self.ports['mlflow']}",
            "service:8000": f"127.0.0.1:{self.ports['service']}",
            "127.0.0.1:8000": f"127.0.0.1:{self.ports['service']}",
            "/tmp/rampline": f"{directory}/scratch",
        }

    def translated(self, text: str, name: str) -> str:
        for said, meant in self.translations.items():
            text = text.replace(said, meant)
        return text.replace("/data", f"{self.directory}/{name}")

    def environment(self, name: str) -> dict[str, str]:
        """What the container would see, and the PATH of its image."""
        given = {key: self.translated(value, name) for key, value in self.services[name]["environment"].items()}
        if "RAMPLINE_PORT" in given:
            given["RAMPLINE_PORT"] = str(self.ports["service"])
        return {"PATH": f"{BIN}:{os.environ['PATH']}", "HOME": str(self.directory), "PYTHONUNBUFFERED": "1", **given}

    def start(self, name: str) -> None:
        (self.directory / name).mkdir(exist_ok=True)
        command = [self.translated(part, name) for part in self.services[name]["command"]]
        with (self.directory / f"{name}.log").open("ab") as log:
            self.processes.append(
                subprocess.Popen(
                    [str(BIN / command[0]), *command[1:]],
                    env=self.environment(name),
                    cwd=self.directory / name,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            )

    def wait_until_healthy(self, name: str) -> None:
        check = self.services[name]["healthcheck"]
        command = [self.translated(part, name) for part in check["test"][1:]]
        for _ in range(2 * check["retries"]):
            checked = subprocess.run(
                [str(BIN / command[0]), *command[1:]], capture_output=True, check=False, env=self.environment(name)
            )
            if checked.returncode == 0:
                return
            time.sleep(1)
        raise AssertionError((self.directory / f"{name}.log").read_text())

    def stop(self) -> None:
        for process in reversed(self.processes):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            process.wait(45)


@pytest.fixture(scope="module")
def composed(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Composed]:
    directory = tmp_path_factory.mktemp("compose")
    (directory / "deploy").symlink_to(ROOT / "deploy")
    subprocess.run(["sh", "deploy/secrets.sh"], cwd=directory, check=True, capture_output=True)
    postgres.execute("CREATE DATABASE rampline")
    with psycopg.connect(postgres.url("rampline"), autocommit=True) as connection:
        connection.execute((ROOT / "deploy" / "postgres" / "schemas.sql").read_bytes())
    composed = Composed(directory, postgres)
    try:
        composed.start("mlflow")
        composed.start("service")
        composed.wait_until_healthy("service")
        composed.wait_until_healthy("mlflow")
        composed.start("worker-cpu")
        yield composed
    finally:
        composed.stop()
        postgres.drop(postgres.url("rampline"))


@pytest.fixture(scope="module")
def client(composed: Composed) -> Iterator[Client]:
    token = (composed.directory / "secrets" / "admin_token").read_text().strip()
    with Client(f"http://127.0.0.1:{composed.ports['service']}", token) as client:
        yield client


@pytest.fixture(scope="module")
def ended(client: Client) -> SweepView:
    return wait_for_end(client, client.submit(SWEEP | {"name": "composed"}).id)


def test_a_sweep_runs_to_its_end_on_postgresql(ended: SweepView) -> None:
    assert ended.state == "completed"
    assert ended.progress.runs["completed"] == RUNS


def test_mlflow_and_optuna_hold_it_in_their_own_schemas(
    composed: Composed, postgres: Postgres, client: Client, ended: SweepView
) -> None:
    mlflow = Tracked(f"http://127.0.0.1:{composed.ports['mlflow']}")
    experiment = mlflow.experiment(f"{ended.team}/composed #{ended.id}")["experiment_id"]
    deadline = time.monotonic() + 30
    while len([run for run in mlflow.runs(experiment) if run["info"]["status"] == "FINISHED"]) < RUNS + 1:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    url = postgres.url("rampline").replace("postgresql://", "postgresql+psycopg://")
    storage = optuna.storages.RDBStorage(f"{url}?options=-csearch_path%3Doptuna")
    (name,) = [name for name in optuna.get_all_study_names(storage) if name.endswith(f"#{ended.id}")]
    told = {
        trial.user_attrs["trial"]: trial.value for trial in optuna.load_study(study_name=name, storage=storage).trials
    }
    storage.engine.dispose()
    assert told == {trial.number: trial.value for trial in client.all_trials(ended.id)}
    assert len(told) == TRIALS
    with psycopg.connect(postgres.url("rampline")) as connection:
        rows = connection.execute(
            "SELECT table_schema, count(*) FROM information_schema.tables "
            "WHERE table_name LIKE '%alembic_version%' GROUP BY table_schema"
        ).fetchall()
    assert dict(rows) == {"rampline": 1, "optuna": 1, "mlflow": 1}


def test_the_secrets_are_random_private_and_never_replaced(composed: Composed) -> None:
    secrets = composed.directory / "secrets"
    assert {file.stat().st_mode & 0o777 for file in secrets.iterdir()} == {0o600}
    contents = [file.read_text() for file in secrets.iterdir()]
    assert len(set(contents)) == len(contents) == 4
    again = subprocess.run(["sh", "deploy/secrets.sh"], cwd=composed.directory, capture_output=True, check=False)
    assert again.returncode != 0
    assert [file.read_text() for file in secrets.iterdir()] == contents
