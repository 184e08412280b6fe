"""Copies of databases and directories that may be in use: SQLite's online backup, pg_dump, and files one by one."""

import contextlib
import hashlib
import os
import shutil
import sqlite3
import subprocess
from pathlib import Path

from sqlalchemy import URL, make_url

from service.errors import ServiceError

_PROGRAM_SECONDS = 3600


class CopyError(ServiceError):
    """Something could not be copied; the message is one line that says what and what to do."""

    code = "copy"
    title = "The copy failed"


def copy_sqlite(source: Path, target: Path) -> None:
    """Copy a database as it is at one moment, whoever writes to it meanwhile."""
    try:
        with (
            contextlib.closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True, timeout=60)) as reading,
            contextlib.closing(sqlite3.connect(target)) as writing,
        ):
            reading.backup(writing)
            (state,) = writing.execute("PRAGMA integrity_check").fetchone()
    except sqlite3.Error as error:
        raise CopyError(f"the database {source} cannot be copied: {error}") from error
    if state != "ok":
        raise CopyError(f"the copy of {source} is damaged ({state}); check the disk")


def dump_postgres(url: str, target: Path) -> None:
    """Write one schema of a PostgreSQL database, all as of one moment, in pg_dump's own format."""
    place, schema = _postgres(url)
    _run("pg_dump", ["--format=custom", f"--schema={schema}", f"--file={target}"], place)


def load_postgres(url: str, source: Path) -> None:
    """Write a dumped schema into a database, all of it or nothing; refused if the schema is there."""
    place, _ = _postgres(url)
    _run("pg_restore", ["--single-transaction", "--exit-on-error", "--no-owner", str(source)], place)


def copy_tree(source: Path, target: Path) -> None:
    """Copy the files below a directory; what vanishes meanwhile, and links, are left out."""
    for path in sorted(source.rglob("*")) if source.is_dir() else []:
        if path.is_symlink() or not path.is_file():
            continue
        copied = target / path.relative_to(source)
        copied.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            shutil.copy2(path, copied)


def digest(path: Path) -> str:
    """The sha256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def settle(directory: Path) -> None:
    """Make sure that every file of a directory is on the disk."""
    for path in [*directory.rglob("*"), directory]:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _postgres(url: str) -> tuple[URL, str]:
    """A database's address without SQLAlchemy's parts, and the schema that its `options` name, or ours."""
    parsed = make_url(url).set(drivername="postgresql")
    options = str(parsed.query.get("options", "-csearch_path=rampline"))
    schema = options.partition("search_path=")[2].split(" ")[0].split(",")[0] or "rampline"
    return parsed.difference_update_query(["options"]), schema


def _run(program: str, arguments: list[str], url: URL) -> None:
    found = shutil.which(program)
    if found is None:
        raise CopyError(f"{program} is not on PATH; install PostgreSQL's client programs, of the server's version")
    # Not among the arguments, where every user of this machine could read the password.
    environment = os.environ | ({"PGPASSWORD": str(url.password)} if url.password else {})
    place = url.set(password=None).render_as_string(hide_password=False)
    command = [found, f"--dbname={place}", "--no-password", *arguments]
    ended = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=_PROGRAM_SECONDS
    )
    if ended.returncode:
        lines = ended.stderr.strip().splitlines() or [f"status {ended.returncode}"]
        raise CopyError(f"{program} failed: {lines[0]}")
