"""The engine and the two session scopes; nothing else in the service begins or commits a transaction.

SQLite runs in WAL mode. The driver's own transaction control is switched off and BEGIN is written by an event, as
SQLAlchemy documents for `sqlite3`, so that a writing scope begins with BEGIN IMMEDIATE: it waits for the write lock
first, where PostgreSQL locks rows (SQLAlchemy drops FOR UPDATE on SQLite without a word).
"""

import math
import threading
import time
import zlib
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from sqlite3 import Connection as SqliteConnection
from typing import Any

from pydantic_core import from_json, to_json
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.pool import ConnectionPoolEntry

from service.wire.retries import POSTGRES_OPTIONS

SCHEMA = "rampline"
BUSY_SECONDS = 30
CONNECTIONS = 32
IDLE_SECONDS = 1.0
WRITE = {"rampline_write": True}
_JSON: dict[str, Any] = {"json_serializer": lambda value: to_json(value).decode(), "json_deserializer": from_json}


def engine_for(database_url: str) -> Engine:
    """An engine for SQLite or PostgreSQL (psycopg 3); on PostgreSQL its tables are those of the schema `rampline`."""
    url = make_url(database_url)
    if url.get_backend_name() == "sqlite":
        return _sqlite_engine(url)
    if url.drivername in ("postgresql", "postgres"):
        url = url.set(drivername="postgresql+psycopg")
    if "options" not in url.query:
        url = url.update_query_dict({"options": f"-csearch_path={SCHEMA} -ctimezone=utc"})
    # None beyond the pool: those would be closed after each use, just when there is most to do.
    engine = create_engine(url, pool_size=CONNECTIONS, max_overflow=0, connect_args=POSTGRES_OPTIONS, **_JSON)
    _ping_when_idle(engine)
    return engine


def _ping_when_idle(engine: Engine) -> None:
    """Replace connections that are dead, asking only those that were not used a moment ago.

    A database that went away within that moment is noticed by the statement itself.
    """

    @event.listens_for(engine, "checkin")
    def on_checkin(_connection: object, record: ConnectionPoolEntry) -> None:
        record.info["used_at"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def on_checkout(connection: DBAPIConnection, record: ConnectionPoolEntry, _proxy: object) -> None:
        if time.monotonic() - record.info.get("used_at", math.inf) <= IDLE_SECONDS:
            return
        try:
            engine.dialect.do_ping(connection)
        except Exception as error:  # whatever it is, this connection is of no use
            raise DisconnectionError from error


def _sqlite_engine(url: URL) -> Engine:
    engine = create_engine(url, pool_size=CONNECTIONS, max_overflow=0, connect_args={"timeout": BUSY_SECONDS}, **_JSON)

    @event.listens_for(engine, "connect")
    def on_connect(connection: SqliteConnection, _record: ConnectionPoolEntry) -> None:
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("rampline_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


class Store:
    """The database. Safe to share between threads."""

    def __init__(self, database_url: str) -> None:
        self.url = database_url
        self.engine = engine_for(database_url)
        self.is_sqlite = self.engine.dialect.name == "sqlite"
        self.sessions = sessionmaker(self.engine, expire_on_commit=False)
        self._readings = sessionmaker(self.engine, expire_on_commit=False)
        event.listen(self._readings, "before_flush", _refuse_to_write)
        # SQLite's lock is unfair: writers of one process queue here instead, and none waits for seconds.
        self._writer = threading.Lock()
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session for reading.

        On PostgreSQL each statement is a transaction of its own, as it sees what is committed anyhow: to begin and to
        end one are two journeys to the server.
        """
        with self._readings() as session:
            if not self.is_sqlite:
                session.connection(execution_options={"isolation_level": "AUTOCOMMIT"})
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session for writing: committed at the end, rolled back by an exception."""
        with ExitStack() as stack:
            options: dict[str, Any] = {}
            if self.is_sqlite:
                stack.enter_context(self._writer)
                options = WRITE
            session = stack.enter_context(self.sessions())
            session.connection(execution_options=options)
            yield session
            session.commit()

    @contextmanager
    def exclusive(self, name: str) -> Iterator[None]:
        """Hold the lock `name` against every other thread, and on PostgreSQL against every other server process."""
        with self._locks[name]:
            if self.is_sqlite:
                yield
                return
            with self.engine.begin() as connection:
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": lock_key(name)})
                yield

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def _refuse_to_write(session: Session, *_given: object) -> None:
    changed = session.new or session.dirty or session.deleted
    assert not changed, "this session is for reading"


def lock_key(name: str) -> int:
    """The number of an advisory lock."""
    return zlib.crc32(f"rampline {name}".encode())
