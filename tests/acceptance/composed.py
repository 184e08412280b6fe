"""The services of docker-compose.yml as processes.

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

import psycopg
import yaml

from service.client import Client
from service.wire.tokens import Role
from tests.acceptance.running import free_port
from tests.postgres import Postgres

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker-compose.yml"
BIN = Path(sys.executable).parent


class Composed:
    """The services of the file as processes."""

    def __init__(self, directory: Path, postgres: Postgres) -> None:
        self.services = yaml.safe_load(COMPOSE.read_text())["services"]
        self.directory = directory
        self.ports = {name: free_port() for name in ("mlflow", "service", "dashboard")}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.translations = {
            "@postgres:5432/": f"@127.0.0.1:{postgres.port}/",
            "/run/secrets/": f"{directory}/secrets/",
            "0.0.0.0": "127.0.0.1",
            **self._addresses(),
            "/tmp/rampline": f"{directory}/scratch",
        }

    def _addresses(self) -> dict[str, str]:
        """What the file calls the places where its services listen, and where their processes do."""
        said = {"mlflow": 5000, "service": 8000, "dashboard": 8080}
        addresses = {}
        for name, port in said.items():
            for host in (name, "127.0.0.1"):
                addresses[f"{host}:{port}"] = f"127.0.0.1:{self.ports[name]}"
            addresses[f"--port={port}"] = f"--port={self.ports[name]}"
        return addresses

    @property
    def url(self) -> str:
        """The address of the only published port."""
        return f"http://127.0.0.1:{self.ports['service']}"

    def secret(self, name: str) -> str:
        """A secret's text."""
        return (self.directory / "secrets" / name).read_text().strip()

    def person(self, team: str, role: Role) -> str:
        """The token of somebody new in a team."""
        with contextlib.closing(Client(self.url, self.secret("admin_token"))) as admin:
            if not admin.teams(name=team).items:
                admin.create_team(team)
            admin.create_user(team, role)
            return admin.create_token(role, role, team=team, user=role).token

    def translated(self, text: str, name: str) -> str:
        for said, meant in self.translations.items():
            text = text.replace(said, meant)
        return text.replace("/data", f"{self.directory}/{name}")

    def environment(self, name: str) -> dict[str, str]:
        """What the container would see, and where its image has programs and packages."""
        given = {key: self.translated(value, name) for key, value in self.services[name]["environment"].items()}
        if "RAMPLINE_PORT" in given:
            given["RAMPLINE_PORT"] = str(self.ports["service"])
        image = {"PATH": f"{BIN}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
        return {**image, "HOME": str(self.directory), **given}

    def start(self, name: str) -> None:
        (self.directory / name).mkdir(exist_ok=True)
        command = [self.translated(part, name) for part in self.services[name]["command"]]
        with (self.directory / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [str(BIN / command[0]), *command[1:]],
                env=self.environment(name),
                cwd=self.directory / name,
                stdout=log,
                stderr=log,
                start_new_session=True,
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
        for process in reversed(self.processes.values()):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            process.wait(45)

    @classmethod
    @contextlib.contextmanager
    def running(cls, directory: Path, postgres: Postgres) -> Iterator["Composed"]:
        """The services of the profile cpu on a new database, with new secrets."""
        (directory / "deploy").symlink_to(ROOT / "deploy")
        subprocess.run(["sh", "deploy/secrets.sh"], cwd=directory, check=True, capture_output=True)
        postgres.execute("CREATE DATABASE rampline")
        with psycopg.connect(postgres.url("rampline"), autocommit=True) as connection:
            connection.execute((ROOT / "deploy" / "postgres" / "schemas.sql").read_bytes())
        composed = cls(directory, postgres)
        try:
            for name in ("mlflow", "service"):
                composed.start(name)
            composed.wait_until_healthy("service")
            for name in ("dashboard", "worker-cpu"):
                composed.start(name)
            for name in ("mlflow", "dashboard"):
                composed.wait_until_healthy(name)
            yield composed
        finally:
            composed.stop()
            postgres.drop(postgres.url("rampline"))
