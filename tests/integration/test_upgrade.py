"""Every released schema, as a database that was frozen then, upgrades to this version's and goes on.

`tests/freeze.py` makes the files; they are never changed afterwards.
"""

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import make_url, select

from service.domain import access, best, events, keys, progress
from service.domain.sweeps import Glance
from service.errors import NotFoundError
from service.store import migrate
from service.store.engine import Store
from service.store.tables import Attempt, Run, Sweep
from service.studies import Studies
from tests.freeze import DATA, KEY, TOKEN
from tests.integration.harness import Harness
from tests.integration.test_migrations import catalog, upgraded_at_once, versions
from tests.integration.twins import added_up, counted, progress_of

RELEASED = sorted(path.stem for path in DATA.glob("*.json"))


def thaw(version: str, url: str) -> None:
    """Make the database of a version in an empty one."""
    place = make_url(url)
    script = (DATA / f"{version}.{place.get_backend_name()}.sql").read_text()
    if place.get_backend_name() == "sqlite":
        with closing(sqlite3.connect(str(place.database))) as connection:
            connection.executescript(script)
    else:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(script.encode())


@pytest.fixture(params=RELEASED)
def version(request: pytest.FixtureRequest) -> str:
    """A released version of the schema."""
    name: str = request.param
    return name


@pytest.fixture
def told(version: str) -> dict[str, Any]:
    """What that version told of its sweeps, by their ids."""
    found: dict[str, Any] = json.loads((DATA / f"{version}.json").read_text())
    return found


@pytest.fixture
def upgraded(version: str, empty_database: str) -> Iterator[Store]:
    """The frozen database, upgraded."""
    thaw(version, empty_database)
    store = Store(empty_database)
    assert not migrate.is_current(store.engine)
    migrate.upgrade(empty_database)
    yield store
    store.close()


@pytest.fixture
def service(upgraded: Store, tmp_path: Path) -> Iterator[Harness]:
    """A service on it."""
    studies = Studies(f"sqlite:///{tmp_path / 'optuna.db'}")
    yield Harness(upgraded, studies)
    studies.close()


def said(store: Store) -> dict[str, set[str]]:
    """A database's catalog; of its checks the words alone, since PostgreSQL writes a restored one with other casts."""
    casts = {"text", "character", "varying"}
    return {
        name: set(re.findall(r"\w+", " ".join(parts))) - casts if name.startswith("ck_") else parts
        for name, parts in catalog(store).items()
    }


def test_an_upgraded_database_has_the_schema_of_a_new_one(upgraded: Store, store: Store) -> None:
    assert said(upgraded) == said(store)
    assert migrate.is_current(upgraded.engine)


def test_the_frozen_databases_have_runs_and_attempts_in_every_state(service: Harness, told: dict[str, Any]) -> None:
    with service.store.read() as session:
        runs = set(session.scalars(select(Run.state)))
        causes = set(session.scalars(select(Run.cause)))
        attempts = set(session.scalars(select(Attempt.outcome)))
        sweeps = set(session.scalars(select(Sweep.state)))
    assert runs == {"queued", "running", "completed", "pruned", "diverged", "failed", "cancelled"}
    assert causes >= {None, "crash", "bad_data", "quarantined"}
    assert attempts >= {None, "completed", "pruned", "diverged", "crash", "bad_data", "cancelled", "released", "lost"}
    assert (
        sweeps == {one["state"] for one in told.values()} == {"queued", "running", "completed", "failed", "cancelled"}
    )


def test_what_was_told_of_sweeps_is_still_told(service: Harness, told: dict[str, Any]) -> None:
    with service.store.read() as session:
        sweeps = session.scalars(select(Sweep).order_by(Sweep.id)).all()
        shown = progress.of_sweeps(session, sweeps)
        for sweep in sweeps:
            before = told[str(sweep.id)]
            assert (sweep.name, sweep.state) == (before["name"], before["state"])
            now = shown[sweep.id].model_dump()
            assert now["runs"].pop("paused", 0) == before["progress"]["runs"].pop("paused", 0)
            assert now == before["progress"]
            ends = [json.loads(end.model_dump_json()) for _, end in events.ends(session, sweep.id, 0, 1000)]
            assert ends == before["ends"]
            if before["best"] is None:
                with pytest.raises(NotFoundError):
                    best.best(session, Glance.at(sweep), None)
            else:
                assert best.best(session, Glance.at(sweep), None).trial.number == before["best"]
        assert len(sweeps) == len(told)


def test_the_rows_that_were_there_are_counted(service: Harness, told: dict[str, Any]) -> None:
    for sweep_id in map(int, told):
        sweep = service.sweep(sweep_id)
        assert counted(sweep) == added_up(service, sweep)


def test_tokens_of_before_are_accepted(service: Harness) -> None:
    with service.store.write() as session:
        keys.wrap_plain(session, KEY)
        caller = access.authenticate(session, KEY, TOKEN)
    assert (caller.role, caller.user_id) == ("member", service.principal.user_id)


def test_what_had_not_ended_is_trained_to_its_end(service: Harness, told: dict[str, Any]) -> None:
    left = sum(one["progress"]["runs"]["queued"] + one["progress"]["runs"]["running"] for one in told.values())
    service.expire()
    new = service.submit(name="new")
    assert service.train(service.worker()) == left + len(service.runs(new)) > left > 0
    for sweep_id in [*map(int, told), new]:
        sweep = service.sweep(sweep_id)
        before = told[str(sweep_id)]["state"] if sweep_id != new else "queued"
        assert sweep.state == ("completed" if before in ("queued", "running") else before)
        assert counted(sweep) == added_up(service, sweep)
        with service.store.read() as session:
            assert progress.of_sweeps(session, [sweep])[sweep_id] == progress_of(service, sweep)


def test_processes_that_start_at_once_upgrade_it_once(version: str, empty_database: str) -> None:
    thaw(version, empty_database)
    assert upgraded_at_once(empty_database, processes=2) == {("", 0)}
    assert len(versions(empty_database)) == 1
