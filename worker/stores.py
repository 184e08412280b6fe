"""Where states are kept: a directory that workers share, a bucket, or the service. No place may harm training."""

import contextlib
import os
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Protocol

import fsspec
from pydantic import TypeAdapter

from service.wire.calls import Calls
from service.wire.files import PART, whole_file
from service.wire.retries import STATE_SECONDS
from service.wire.states import Kept, StateView, superfluous

_ABANDONED_SECONDS = 3_600.0
_VIEWS = TypeAdapter(list[StateView])


class StoreError(Exception):
    """The place did not do what it was asked; the message says why."""


class Store(Protocol):
    """A place for states, each at a base and a name (see `service.wire.states`); every method may raise StoreError."""

    def names(self, base: str) -> list[str]:
        """What is kept under this base."""

    def read(self, base: str, name: str) -> bytes:
        """The file's bytes, not yet verified; counts as a use of it."""

    def write(self, base: str, name: str, content: bytes) -> None:
        """Keep a file; nobody ever sees half of it."""

    def delete(self, base: str, name: str) -> None:
        """Delete a file, if it is there."""

    def make_room(self, limit: float, size: int, *, spared_seconds: float) -> float:
        """Delete what was not used for longest, until `size` bytes fit into `limit`; returns how many then do."""

    def close(self) -> None:
        """Let go of its connections."""


def store_at(address: str | None, *, service: str, token: str) -> Store:
    """The place with this address: a directory, an fsspec URL such as `s3://bucket/states`, or None for the service.

    Raises:
        StoreError: there is no such kind of place, or what it needs is not installed.
    """
    if address is None:
        return ThroughService(service, token)
    path = address.removeprefix("file://")
    return Bucket(address) if "://" in path else Folder(Path(path))


class Folder:
    """A directory; a file's time of modification is that of its last use."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def names(self, base: str) -> list[str]:
        """What is kept under this base."""
        with _said():
            try:
                return os.listdir(self._path / base)
            except FileNotFoundError:
                return []

    def read(self, base: str, name: str) -> bytes:
        """The file's bytes."""
        with _said():
            path = self._path / base / name
            content = path.read_bytes()
            with contextlib.suppress(OSError):  # a reader that may not write
                os.utime(path)
            return content

    def write(self, base: str, name: str, content: bytes) -> None:
        """Keep a file."""
        with _said(), whole_file(self._path / base / name) as file:
            file.write(content)

    def delete(self, base: str, name: str) -> None:
        """Delete a file."""
        with _said():
            (self._path / base / name).unlink(missing_ok=True)

    def make_room(self, limit: float, size: int, *, spared_seconds: float) -> float:
        """Delete what was not used for longest."""
        with _said():
            kept = list(self._kept())
            for file in superfluous(kept, limit - size, spared_seconds=spared_seconds):
                Path(file.path).unlink(missing_ok=True)
                kept.remove(file)
            return limit - sum(file.size for file in kept)

    def close(self) -> None:
        """Nothing is held open."""

    def _kept(self) -> Iterator[Kept]:
        now = time.time()
        for path in self._path.glob("*/*"):
            with contextlib.suppress(FileNotFoundError):
                status = path.stat()
                if path.suffix == PART and now - status.st_mtime > _ABANDONED_SECONDS:
                    path.unlink()
                else:
                    yield Kept(str(path), status.st_size, now - status.st_mtime)


class Bucket:
    """Any other file system that fsspec knows; on those without a time of use, a file's age counts from its writing."""

    def __init__(self, url: str) -> None:
        with _said():
            # No listing is remembered: other workers write there too.
            self._files, self._root = fsspec.url_to_fs(url, use_listings_cache=False)

    def names(self, base: str) -> list[str]:
        """What is kept under this base."""
        with _said():
            try:
                found = self._files.ls(f"{self._root}/{base}", detail=False)
            except FileNotFoundError:
                return []
            return [str(path).rpartition("/")[2] for path in found]

    def read(self, base: str, name: str) -> bytes:
        """The file's bytes."""
        with _said():
            return bytes(self._files.cat_file(f"{self._root}/{base}/{name}"))

    def write(self, base: str, name: str, content: bytes) -> None:
        """Keep a file; an object store shows it when it is whole."""
        with _said():
            self._files.pipe_file(f"{self._root}/{base}/{name}", content)

    def delete(self, base: str, name: str) -> None:
        """Delete a file."""
        with _said(), contextlib.suppress(FileNotFoundError):
            self._files.rm_file(f"{self._root}/{base}/{name}")

    def make_room(self, limit: float, size: int, *, spared_seconds: float) -> float:
        """Delete what was written first."""
        with _said():
            now = time.time()
            kept = []
            for path, facts in self._files.find(self._root, detail=True).items():
                written = facts.get("LastModified") or facts.get("mtime") or self._files.modified(path)
                seconds = written.timestamp() if isinstance(written, datetime) else float(written)
                kept.append(Kept(path, int(facts["size"]), now - seconds))
            for file in superfluous(kept, limit - size, spared_seconds=spared_seconds):
                with contextlib.suppress(FileNotFoundError):
                    self._files.rm_file(file.path)
                kept.remove(file)
            return limit - sum(file.size for file in kept)

    def close(self) -> None:
        """Connections are fsspec's own, for the life of the process."""


class ThroughService:
    """The service keeps them, for workers that share no place; it makes room by itself."""

    def __init__(self, url: str, token: str) -> None:
        self._calls = Calls(url, token, seconds=STATE_SECONDS)

    def close(self) -> None:
        """Close the connections."""
        self._calls.close()

    def names(self, base: str) -> list[str]:
        """What is kept under this base."""
        content = self._call("GET", base)
        with _said():
            return [view.name for view in _VIEWS.validate_json(content)]

    def read(self, base: str, name: str) -> bytes:
        """The file's bytes."""
        return self._call("GET", f"{base}/{name}")

    def write(self, base: str, name: str, content: bytes) -> None:
        """Keep a file."""
        self._call("PUT", f"{base}/{name}", content)

    def delete(self, base: str, name: str) -> None:
        """Delete a file."""
        self._call("DELETE", f"{base}/{name}")

    def make_room(self, limit: float, size: int, *, spared_seconds: float) -> float:  # noqa: ARG002 - the service does it
        """Leave that to the service."""
        return limit

    def _call(self, method: str, path: str, content: bytes | None = None) -> bytes:
        headers = {"Content-Type": "application/octet-stream"} if content is not None else None
        with _said():
            answer = self._calls.patient(method, f"/states/{path}", content=content, headers=headers)
            if not answer.is_success:
                raise StoreError(f"the service answered {answer.status_code}: {answer.text[:300]}")
            return answer.content


@contextlib.contextmanager
def _said() -> Iterator[None]:
    """Raise whatever a place raises as a StoreError: file systems of fsspec have errors of many families."""
    try:
        yield
    except StoreError:
        raise
    except Exception as error:
        raise StoreError(f"{type(error).__name__}: {error}") from error
