"""Every storage behaviour is one test, run on SQLite and on a real PostgreSQL."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import optuna
import psycopg
import pytest
from optuna.storages import RDBStorage

from service.settings import Settings
from service.store import migrate
from service.store.engine import Store
from service.studies import Studies
from tests.integration.harness import Harness
from tests.integration.living import Living
from tests.integration.serving import Serving, running
from tests.postgres import Postgres, find_binaries

Study = Callable[[str], optuna.Study]


def empty(url: str) -> None:
    """Remove all rows but those that say which version the tables have; much faster than a new database."""
    with psycopg.connect(url) as connection:
        tables = connection.execute(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables"
            " WHERE schemaname IN ('rampline', 'optuna') AND tablename !~ 'version'"
        ).fetchall()
        connection.execute("SET lock_timeout = '10s'")
        connection.execute(f"TRUNCATE {', '.join(name for (name,) in tables)} RESTART IDENTITY CASCADE".encode())


@dataclass(frozen=True)
class Database:
    """Where a test's tables and studies are."""

    url: str
    optuna_url: str


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a migrated database and an empty Optuna storage."""
    directory = tmp_path_factory.mktemp("sqlite")
    settings = Settings(data_dir=directory)
    migrate.upgrade(settings.database)
    Studies(settings.optuna).close()
    return directory


@pytest.fixture(scope="session")
def postgres_url(postgres: Postgres) -> str:
    """The address of a migrated database with an empty Optuna storage, which tests share one after another."""
    settings = Settings(database_url=postgres.fresh())
    migrate.upgrade(settings.database)
    Studies(settings.optuna).close()
    return settings.database


@pytest.fixture(params=["sqlite", "postgresql"])
def backend(request: pytest.FixtureRequest) -> str:
    """The kind of database."""
    kind: str = request.param
    return kind


@pytest.fixture
def database(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A migrated database of the test's own."""
    if backend == "sqlite":
        template = request.getfixturevalue("sqlite_template")
        for name in ("rampline.db", "optuna.db"):
            shutil.copy(template / name, tmp_path / name)
        settings = Settings(data_dir=tmp_path)
        yield Database(settings.database, settings.optuna)
        return
    yield request.getfixturevalue("postgres_database")


@pytest.fixture
def postgres_database(postgres_url: str) -> Iterator[Database]:
    """PostgreSQL, for what SQLite does not do: several server processes on one database."""
    yield Database(postgres_url, Settings(database_url=postgres_url).optuna)
    empty(postgres_url)


@pytest.fixture
def empty_database(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a database without any table."""
    if backend == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    postgres: Postgres = request.getfixturevalue("postgres")
    url = postgres.fresh()
    yield url
    postgres.drop(url)


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL's client programs on PATH."""
    monkeypatch.setenv("PATH", f"{find_binaries()}{os.pathsep}{os.environ['PATH']}")


@pytest.fixture
def store(database: Database) -> Iterator[Store]:
    """The database, open."""
    opened = Store(database.url)
    yield opened
    opened.close()


@pytest.fixture
def studies(database: Database) -> Iterator[Studies]:
    """The Optuna storage, open."""
    opened = Studies(database.optuna_url)
    yield opened
    opened.close()


@pytest.fixture
def storage(database: Database) -> Iterator[RDBStorage]:
    """The Optuna storage as anybody opens it, with Optuna alone."""
    opened = RDBStorage(database.optuna_url.replace("postgresql://", "postgresql+psycopg://"))
    yield opened
    opened.engine.dispose()


@pytest.fixture
def study_of(storage: RDBStorage) -> Study:
    """Loads a study by its name, with Optuna alone."""
    return lambda name: optuna.load_study(study_name=name, storage=storage)


@pytest.fixture
def living(store: Store, studies: Studies) -> Living:
    """A service without HTTP, whose sweeps are paused, extended and tried again."""
    return Living(store, studies)


@pytest.fixture
def harness(store: Store, studies: Studies) -> Harness:
    """A service without HTTP."""
    return Harness(store, studies)


@pytest.fixture
def serving(database: Database, tmp_path: Path) -> Iterator[Serving]:
    """A real server in a thread, on the test's database, with a token for each role and two teams."""
    with running(database.url, database.optuna_url, tmp_path) as server:
        yield server
