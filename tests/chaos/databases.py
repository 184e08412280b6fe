"""The two kinds of database under the product, each of which can be taken away and given back."""

import shutil
import sqlite3
import tempfile
from pathlib import Path
from typing import Protocol

import psycopg

from tests.postgres import Server


class DatabaseUnderTest(Protocol):
    """A database that can be taken away, and killed if it is a process of its own."""

    @property
    def kind(self) -> str:
        """Its name in reports."""

    @property
    def has_server(self) -> bool:
        """Whether it is a process of its own."""

    @property
    def url(self) -> str | None:
        """Its address; None where the service's default is meant."""

    def start(self) -> None:
        """Have it answer; repeated after `kill`."""

    def kill(self) -> None:
        """End its server at once."""

    def take_away(self) -> None:
        """Let nobody write."""

    def give_back(self) -> None:
        """Let everybody write again."""

    def stop(self) -> None:
        """End it."""


class SqliteFile:
    """Files in the service's data directory. It is away while somebody else holds its write lock."""

    kind = "sqlite"
    has_server = False
    url = None

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / "rampline.db"
        self._holder: sqlite3.Connection | None = None

    def start(self) -> None:
        """Nothing: the service makes the file."""

    def kill(self) -> None:
        """Not possible: there is no server but the service."""
        raise NotImplementedError

    def take_away(self) -> None:
        """Hold the write lock."""
        self._holder = sqlite3.connect(self._path, timeout=60, isolation_level=None, check_same_thread=False)
        self._holder.execute("BEGIN IMMEDIATE")

    def give_back(self) -> None:
        """Let go of the write lock."""
        if self._holder is not None:
            self._holder.rollback()
            self._holder.close()
            self._holder = None

    def stop(self) -> None:
        """As `give_back`."""
        self.give_back()


class PostgresServer:
    """A PostgreSQL of its own. Commits wait for their log record, as they do in production."""

    kind = "postgresql"
    has_server = True

    def __init__(self) -> None:
        # Without fsync, since the machine itself survives; asynchronous commits would be lost with the server.
        self._directory = Path(tempfile.mkdtemp(prefix="rampline-chaos-pg-"))
        self._server = Server(self._directory, {"fsync": "off"})
        self.url: str | None = f"postgresql://rampline@127.0.0.1:{self._server.port}/rampline"

    def start(self) -> None:
        """Start the server, on the first call in an empty directory."""
        fresh = not (self._directory / "data").exists()
        if fresh:
            self._server.initialise()
        self._server.start()
        if fresh:
            postgres = f"postgresql://rampline@127.0.0.1:{self._server.port}/postgres"
            with psycopg.connect(postgres, autocommit=True) as connection:
                connection.execute("CREATE DATABASE rampline")

    def kill(self) -> None:
        """SIGKILL all of its processes."""
        self._server.kill()

    def take_away(self) -> None:
        """As `kill`."""
        self.kill()

    def give_back(self) -> None:
        """Start it again."""
        self.start()

    def stop(self) -> None:
        """End it and remove what it stored."""
        self._server.stop()
        shutil.rmtree(self._directory, ignore_errors=True)
