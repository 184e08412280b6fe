"""Migrations: they make what the models declare, once, however many processes start."""

import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text

from service.errors import StartupError
from service.store import migrate
from service.store.engine import SCHEMA, Store
from service.store.tables import Base
from tests.postgres import Postgres

CATALOG = {
    "sqlite": "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name",
    "postgresql": f"""
        SELECT table_name || '.' || column_name AS name,
               data_type || ' ' || is_nullable || ' ' || coalesce(column_default, '') AS sql
          FROM information_schema.columns WHERE table_schema = '{SCHEMA}'
        UNION ALL
        SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = '{SCHEMA}'::regnamespace
        UNION ALL
        SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = '{SCHEMA}'
        ORDER BY 1, 2
    """,
}


def catalog(store: Store) -> dict[str, set[str]]:
    """What the database says of its own tables, columns, constraints and indexes; without the migrations' version."""
    found: dict[str, set[str]] = {}
    with store.engine.connect() as connection:
        for name, sql in connection.execute(text(CATALOG[store.engine.dialect.name])):
            if migrate.VERSION_TABLE not in name:
                # SQLite keeps the statement as it was written: the order of the parts of a table may differ.
                parts = [" ".join(part.split()) for part in sql.replace("\n", " ").replace("\t", " ").split(", ")]
                found[name] = {part.replace('"', "").rstrip(" )").replace("( ", "(") for part in parts}
    return found


def test_the_migrated_schema_equals_the_models(
    empty_database: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    migrate.upgrade(empty_database)
    migrated = Store(empty_database)
    if migrated.is_sqlite:
        declared = Store(f"sqlite:///{tmp_path / 'declared.db'}")
        Base.metadata.create_all(declared.engine)
        assert catalog(migrated) == catalog(declared)
        declared.close()
    else:
        before = catalog(migrated)
        with migrated.engine.begin() as connection:
            connection.execute(text(f"DROP SCHEMA {SCHEMA} CASCADE"))
            connection.execute(text(f"CREATE SCHEMA {SCHEMA}"))
        Base.metadata.create_all(migrated.engine)
        assert catalog(migrated) == before
    assert "ix_runs_queued" in catalog(migrated)
    migrated.close()


def test_upgrading_twice_changes_nothing(empty_database: str) -> None:
    migrate.upgrade(empty_database)
    store = Store(empty_database)
    before = catalog(store)
    migrate.upgrade(empty_database)
    assert catalog(store) == before
    assert migrate.is_current(store.engine)
    store.close()


def test_a_database_without_tables_is_not_current(empty_database: str) -> None:
    store = Store(empty_database)
    assert not migrate.is_current(store.engine)
    store.close()


def upgraded_at_once(url: str, processes: int = 4) -> set[tuple[str, int]]:
    """Let several processes upgrade a database at the same time; returns their complaints and exit statuses."""
    command = [sys.executable, "-c", "import sys; from service.store.migrate import upgrade; upgrade(sys.argv[1])"]
    started = [subprocess.Popen([*command, url], stderr=subprocess.PIPE, text=True) for _ in range(processes)]
    return {(process.communicate(timeout=120)[1], process.returncode) for process in started}


def versions(url: str) -> list[str]:
    """The migrations that a database is at: one, however many processes upgraded it."""
    store = Store(url)
    with store.engine.connect() as connection:
        found = connection.execute(text(f"SELECT version_num FROM {migrate.VERSION_TABLE}")).scalars().all()
    assert migrate.is_current(store.engine)
    store.close()
    return list(found)


def test_processes_that_start_at_once_migrate_once(empty_database: str) -> None:
    assert upgraded_at_once(empty_database) == {("", 0)}
    assert len(versions(empty_database)) == 1


def test_rampline_optuna_and_mlflow_versions_do_not_collide(store: Store, postgres: Postgres) -> None:
    with store.engine.connect() as connection:
        names = connection.execute(text(CATALOG[store.engine.dialect.name])).scalars().all()
    assert not [name for name in names if name.split(".")[0] == "alembic_version"]


def test_a_database_that_cannot_be_reached_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(
        StartupError, match=r"postgresql://me:\*\*\*@127\.0\.0\.1:1/x cannot be used: .*refused"
    ) as refused:
        migrate.upgrade("postgresql://me:secret@127.0.0.1:1/x")
    assert "\n" not in str(refused.value)
    (tmp_path / "file").write_text("")
    with pytest.raises(StartupError, match="directory cannot be written"):
        migrate.upgrade(f"sqlite:///{tmp_path / 'file' / 'rampline.db'}")
