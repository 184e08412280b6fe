"""A copy made in the middle of a sweep: damaged or half made it is refused; restored, the sweep is finished there."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import optuna
import pytest
from sqlalchemy import select

from service.backup import MANIFEST, Places, back_up, restore
from service.copying import CopyError
from service.settings import Settings
from service.store.engine import Store
from service.store.tables import Run, Trial
from service.studies import Studies
from tests.integration.conftest import Database
from tests.integration.harness import GRID, TPE, Harness
from tests.postgres import Postgres


@pytest.fixture
def places(database: Database, tmp_path: Path) -> Places:
    """An installation with a text and a record of MLflow's."""
    here = tmp_path / "here"
    (here / "artifacts" / "corpora").mkdir(parents=True)
    (here / "artifacts" / "corpora" / "digest").write_text("text")
    (here / "mlflow" / "artifacts").mkdir(parents=True)
    (here / "mlflow" / "artifacts" / "curve.png").write_bytes(b"\x89PNG")
    with sqlite3.connect(here / "mlflow" / "mlflow.db") as mlflow:
        mlflow.execute("CREATE TABLE runs (id)")
    mlflow.close()
    (here / "tokens").mkdir()
    (here / "tokens" / "local").write_text("secret" * 8)
    return Places.of(Settings(data_dir=here, database_url=database.url, optuna_url=database.optuna_url))


@pytest.fixture
def there(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """A place for another installation."""
    if backend == "sqlite":
        return Settings(data_dir=tmp_path / "there")
    postgres: Postgres = request.getfixturevalue("postgres")
    return Settings(data_dir=tmp_path / "there", database_url=postgres.fresh())


@pytest.mark.usefixtures("programs")
def test_a_sweep_is_finished_where_it_was_restored_with_each_result_once(
    harness: Harness, places: Places, there: Settings, tmp_path: Path
) -> None:
    ids = [harness.submit(TPE), harness.submit(GRID)]
    worker = harness.worker()
    leases = harness.claim(worker, lanes=5)
    harness.finish(worker, leases[:3])
    harness.sampling.tell_all()
    files = back_up(places, tmp_path / "copy")
    assert files == 4
    harness.finish(worker, leases[3:])  # what happens after the copy is not in it

    assert restore(Places.of(there), tmp_path / "copy") == 2
    assert (there.data_dir / "artifacts" / "corpora" / "digest").read_text() == "text"
    assert (there.data_dir / "mlflow" / "artifacts" / "curve.png").exists()
    assert sorted(path.name for path in there.data_dir.iterdir() if "." not in path.name) == ["artifacts", "mlflow"]
    store, studies = Store(there.database), Studies(there.optuna)
    restored = Harness(store, studies)
    stale = restored.finish(worker, leases[3:])
    assert {command.command for command in stale} == {"lost"}
    assert restored.train(restored.worker()) == 2 + 7 + 8
    restored.sampling.tell_all()
    with store.read() as session:
        assert set(session.scalars(select(Run.state))) == {"completed"}
        trials = {trial.number: trial for trial in session.scalars(select(Trial).where(Trial.sweep_id == ids[0]))}
    assert len(trials) == 12
    storage = optuna.storages.RDBStorage(_optuna_url(there))
    study = optuna.load_study(study_name=f"red/tpe #{ids[0]}", storage=storage)
    assert [trial.state.name for trial in study.trials] == ["COMPLETE"] * 12
    told = {trial.user_attrs["trial"]: (trial.value, trial.params) for trial in study.trials}
    assert told == {number: (trial.value, trial.params) for number, trial in trials.items()}
    assert len(optuna.load_study(study_name=f"red/grid #{ids[1]}", storage=storage).trials) == 8
    storage.engine.dispose()
    studies.close()
    store.close()


def _optuna_url(settings: Settings) -> str:
    return settings.optuna.replace("postgresql://", "postgresql+psycopg://")


@pytest.mark.parametrize("backend", ["sqlite"])
def test_what_is_no_whole_copy_is_refused(harness: Harness, places: Places, tmp_path: Path) -> None:
    harness.submit()
    copy, there = tmp_path / "copy", Places.of(Settings(data_dir=tmp_path / "there"))
    back_up(places, copy)
    assert not [path for path in tmp_path.iterdir() if "partial" in path.name]
    with pytest.raises(CopyError, match="is there already"):
        back_up(places, copy)
    with pytest.raises(CopyError, match=r"here is not empty; restore into a new"):
        restore(Places.of(places.settings), copy)
    spoils: dict[str, Callable[[], object]] = {
        "is not as it was made": lambda: (copy / "rampline.db").write_bytes(b"x"),
        "is missing": (copy / "artifacts" / "corpora" / "digest").unlink,
        "no complete backup": (copy / MANIFEST).unlink,
    }
    for words, spoil in spoils.items():
        kept = shutil.copytree(copy, tmp_path / "kept")
        spoil()
        with pytest.raises(CopyError, match=words):
            restore(there, copy)
        shutil.rmtree(copy)
        kept.rename(copy)
    assert not (tmp_path / "there").exists()
    assert "tokens" not in json.loads((copy / MANIFEST).read_text())["files"]
    assert restore(there, copy) == 1


@pytest.mark.parametrize("backend", ["postgresql"])
def test_without_postgresqls_programs_the_error_names_them(
    places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CopyError, match=r"pg_dump is not on PATH; install"):
        back_up(places, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


@pytest.mark.parametrize("backend", ["postgresql"])
@pytest.mark.usefixtures("programs")
def test_a_copy_of_postgresql_is_not_restored_into_sqlite(places: Places, tmp_path: Path) -> None:
    back_up(places, tmp_path / "copy")
    with pytest.raises(CopyError, match="the backup is of PostgreSQL and the address names SQLite"):
        restore(Places.of(Settings(data_dir=tmp_path / "there")), tmp_path / "copy")
