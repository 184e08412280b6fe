"""Bring a database to the schema of this version: the migrations of the package `migrations`, run under a lock.

Rampline's tables live in the schema `rampline` on PostgreSQL. Optuna and MLflow keep an `alembic_version` of their
own; ours is named `rampline_alembic_version`, so that even a shared schema would not mix them up.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, column, inspect, make_url, select, table, text
from sqlalchemy.exc import SQLAlchemyError

from service.errors import StartupError
from service.store.engine import SCHEMA, engine_for, lock_key

VERSION_TABLE = "rampline_alembic_version"
_LOCK_SECONDS = 60


def upgrade(database_url: str) -> None:
    """Migrate to the newest schema; when several processes start at once, one migrates and the others wait for it.

    Raises StartupError when the database cannot be reached or its directory cannot be written.
    """
    engine = engine_for(database_url)
    try:
        with _alone(engine) as connection:
            configuration = config()
            configuration.attributes["connection"] = connection
            command.upgrade(configuration, "head")
    except SQLAlchemyError as error:
        where = make_url(database_url).render_as_string(hide_password=True)
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        raise StartupError(f"the database {where} cannot be used: {reason}") from error
    except OSError as error:
        raise StartupError(f"the database's directory cannot be written: {error}") from error
    finally:
        engine.dispose()


def is_current(engine: Engine) -> bool:
    """Whether the database has the newest schema."""
    with engine.connect() as connection:
        if not inspect(connection).has_table(VERSION_TABLE):
            return False
        version = connection.scalar(select(column("version_num")).select_from(table(VERSION_TABLE)))
    return bool(version == _newest())


@cache
def _newest() -> str | None:
    return ScriptDirectory.from_config(config()).get_current_head()


def config() -> Config:
    """Alembic's configuration; `migrations` is found as a package, in a checkout and in an installed wheel alike."""
    configuration = Config()
    configuration.set_main_option("script_location", "migrations:")
    configuration.set_main_option("path_separator", "os")
    return configuration


@contextmanager
def _alone(engine: Engine) -> Iterator[Connection]:
    if engine.dialect.name == "postgresql":
        with engine.begin() as connection:
            connection.execute(text(f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s'"))
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": lock_key("migrate")})
            connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}"))
            yield connection
        return
    # Before the first migration there is no table to lock, and switching to WAL fails while another process does so.
    path = Path(engine.url.database or "")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(path.name + ".migrate-lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with engine.connect().execution_options(rampline_write=True) as connection, connection.begin():
            yield connection
