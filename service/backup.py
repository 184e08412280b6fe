"""A copy of everything that an installation knows, made while it runs, and an installation made from a copy.

Our rows are the truth, so they are copied first. What is copied after them (MLflow's records, texts, states) is newer,
never older: a run that the rows call ended was complete in MLflow before, and what MLflow knows beyond the rows is
deleted when such a run is trained again. Optuna's studies are not copied: a restored installation makes them anew.
"""

import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sqlalchemy import make_url, select, update

from service.copying import CopyError, copy_sqlite, copy_tree, digest, dump_postgres, load_postgres, settle
from service.domain import keys
from service.sampling import Sampling
from service.settings import Settings
from service.store import clock, migrate
from service.store.engine import Store
from service.store.tables import ENDED_RUN_STATES, Run, Sweep, Trial
from service.studies import Studies
from service.token_key import TokenKey

MANIFEST = "manifest.json"
# More leases than a run gets between a copy and its restoration: no worker of before holds one that is valid again.
_FENCES = 2**20


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where an installation's parts are: MLflow's database by its address, its files by their directory."""

    settings: Settings
    mlflow_store: str
    mlflow_artifacts: Path

    @classmethod
    def of(cls, settings: Settings, store: str | None = None, artifacts: Path | None = None) -> "Places":
        """Those of `rampline up` where no others are named."""
        own = settings.data_dir.absolute() / "mlflow"
        return cls(
            settings=settings,
            mlflow_store=store or f"sqlite:///{own / 'mlflow.db'}",
            mlflow_artifacts=artifacts or own / "artifacts",
        )


def back_up(places: Places, directory: Path) -> int:
    """Copy everything into a new directory, which appears when it is complete; returns how many files it has.

    Raises:
        CopyError: the directory is there already, or something cannot be copied.
    """
    directory = directory.absolute()
    if directory.exists():
        raise CopyError(f"{directory} is there already; name a new directory")
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(dir=directory.parent, prefix=f"{directory.name}.partial-"))
    except OSError as error:
        raise CopyError(f"{directory.parent} cannot be written ({error.strerror}); choose another directory") from error
    try:
        _copy_database(places.settings.database, partial / "rampline")
        _copy_database(places.mlflow_store, partial / "mlflow")
        copy_tree(places.mlflow_artifacts, partial / "mlflow-artifacts")
        copy_tree(places.settings.artifacts, partial / "artifacts")
        copy_tree(places.settings.corpora, partial / "corpora")
        files = {path.relative_to(partial).as_posix(): digest(path) for path in _files(partial)}
        about = {"rampline": version("rampline"), "made_at": datetime.now(UTC).isoformat(), "files": files}
        (partial / MANIFEST).write_text(json.dumps(about, indent=1))
        settle(partial)
        partial.rename(directory)
    except OSError as error:
        raise CopyError(f"{partial} cannot be written ({error.strerror})") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return len(files)


def restore(places: Places, directory: Path) -> int:
    """Make an installation of a copy, in a data directory that is not there yet; returns how many sweeps it has.

    Runs that had not ended are queued, and no worker of before can write to them. On PostgreSQL the schemas of Rampline
    and MLflow must not be there yet either. Tokens go on if the settings name the key under which they were made.

    Raises:
        CopyError: the copy is damaged, the place is taken, or something cannot be written.
        StartupError: the key of the tokens that the settings name cannot be read.
    """
    check(directory)
    target, key = places.settings.data_dir.absolute(), _key(places.settings)
    if target.exists() and any(target.iterdir()):
        raise CopyError(f"{target} is not empty; restore into a new data directory (RAMPLINE_DATA_DIR)")
    partial = target.with_name(f"{target.name}.partial-{os.getpid()}")
    try:
        copy_tree(directory / "mlflow-artifacts", _within(places.mlflow_artifacts, target, partial))
        copy_tree(directory / "artifacts", _within(places.settings.artifacts, target, partial))
        copy_tree(directory / "corpora", _within(places.settings.corpora, target, partial))
        _load_database(directory / "mlflow", _moved(places.mlflow_store, target, partial))
        moved = places.settings.model_copy(
            update={
                "database_url": _moved(places.settings.database, target, partial),
                "optuna_url": _moved(places.settings.optuna, target, partial),
            }
        )
        _load_database(directory / "rampline", moved.database)
        sweeps = _begin_anew(moved, key)
        settle(partial)
        if target.exists():
            target.rmdir()
        partial.rename(target)
    except OSError as error:
        raise CopyError(f"{target} cannot be written ({error.strerror})") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return sweeps


def check(directory: Path) -> None:
    """Raise CopyError unless a directory is a complete copy with every file as it was made."""
    try:
        files: dict[str, Any] = json.loads((directory / MANIFEST).read_text())["files"]
    except (OSError, ValueError, KeyError) as error:
        raise CopyError(f"{directory} is no complete backup: its {MANIFEST} cannot be read") from error
    found = {path.relative_to(directory).as_posix() for path in _files(directory)} - {MANIFEST}
    if found != set(files):
        name = min(found ^ set(files))
        raise CopyError(f"{directory} is damaged: {name} is {'missing' if name in files else 'not of it'}")
    for name, expected in files.items():
        if digest(directory / name) != expected:
            raise CopyError(f"{directory} is damaged: {name} is not as it was made; use another backup")


def _begin_anew(settings: Settings, key: TokenKey | None) -> int:
    """Queue what had not ended, and make Optuna's studies from the rows; the service tells them the results.

    Tokens that `key` cannot verify are revoked: no copy holds the key of their hashes.
    """
    migrate.upgrade(settings.database)
    store = Store(settings.database)
    studies = Studies(settings.optuna)
    try:
        with store.write() as session:
            unended = update(Run).where(Run.state.in_(["queued", "running", "paused"]))
            now = clock.now(session)
            keys.forget_foreign(session, key)
            session.execute(unended.values(fence=Run.fence + _FENCES, lease_expires_at=now, lane_share=0))
            asked = (Trial.optuna_number.is_not(None), Trial.state.in_(ENDED_RUN_STATES))
            session.execute(update(Trial).where(*asked).values(to_tell=True))
            sweeps = session.scalars(select(Sweep.id).order_by(Sweep.id)).all()
        sampling = Sampling(store, studies)
        for sweep_id in sweeps:
            sampling.begin(sweep_id)
    finally:
        studies.close()
        store.close()
    return len(sweeps)


def _key(settings: Settings) -> TokenKey | None:
    """The key that the restored installation will have; None if it is to make a new one."""
    return TokenKey.read(settings.token_key) if settings.token_key_file is not None else None


def _copy_database(url: str, target: Path) -> None:
    file = _sqlite_file(url)
    if file is None:
        dump_postgres(url, target.with_suffix(".dump"))
    elif file.exists():
        copy_sqlite(file, target.with_suffix(".db"))


def _load_database(source: Path, url: str) -> None:
    file, dumped, copied = _sqlite_file(url), source.with_suffix(".dump"), source.with_suffix(".db")
    if dumped.exists() and file is None:
        load_postgres(url, dumped)
    elif copied.exists() and file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(copied, file)
    elif dumped.exists() or copied.exists():
        kinds = ("PostgreSQL", "SQLite") if dumped.exists() else ("SQLite", "PostgreSQL")
        raise CopyError(f"the backup is of {kinds[0]} and the address names {kinds[1]}; restore into the same kind")


def _sqlite_file(url: str) -> Path | None:
    parsed = make_url(url)
    return Path(str(parsed.database)) if parsed.get_backend_name() == "sqlite" else None


def _moved(url: str, target: Path, partial: Path) -> str:
    """An address whose file lies below `partial` instead of `target`, where it would be."""
    file = _sqlite_file(url)
    return url if file is None else f"sqlite:///{_within(file, target, partial)}"


def _within(path: Path, target: Path, partial: Path) -> Path:
    path = path.absolute()
    return partial / path.relative_to(target) if path.is_relative_to(target) else path


def _files(directory: Path) -> list[Path]:
    return sorted(path for path in directory.rglob("*") if path.is_file())
