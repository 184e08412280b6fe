"""The states of lanes, for workers that share no directory: files that the service keeps without reading them."""

import contextlib
import hashlib
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from service.errors import ConflictError, NotFoundError, TooLargeError, UnavailableError
from service.wire.files import whole_file
from service.wire.states import MAX_STATE_BYTES, Kept, StateName, StateView, superfluous

SPARED_SECONDS = 120.0
_ABANDONED_SECONDS = 3_600.0


class StateLibrary:
    """At most `limit` bytes of states in a directory; a file's time of modification is that of its last use."""

    def __init__(self, directory: Path, limit: float) -> None:
        self._directory = directory
        self._limit = limit
        self._lock = threading.Lock()

    def listing(self, base: str) -> list[StateView]:
        """What is kept under this base."""
        views = []
        for path in sorted((self._directory / base).glob("*.safetensors")):
            with contextlib.suppress(FileNotFoundError):
                views.append(StateView(name=path.name, size=path.stat().st_size))
        return views

    def path(self, base: str, name: str) -> Path:
        """Where a state lies; asking counts as a use of it.

        Raises:
            NotFoundError: it is not kept, or not any more.
        """
        path = self._directory / base / name
        try:
            os.utime(path)
        except OSError as error:
            raise NotFoundError(f"there is no state {name} under {base}; list the base anew") from error
        return path

    def delete(self, base: str, name: str) -> None:
        """Delete a state, if it is there."""
        (self._directory / base / name).unlink(missing_ok=True)

    @contextlib.contextmanager
    def receiving(self, base: str, name: StateName) -> Iterator["Incoming"]:
        """Take in a state piece by piece; nothing is kept of one that is not completed.

        Raises:
            UnavailableError: the disk does not take it, or all that is kept is in use.
        """
        try:
            with whole_file(self._directory / base / str(name)) as file:
                incoming = Incoming(file)
                yield incoming
                incoming.check(name.sha256)
                self._make_room(incoming.size)
        except OSError as error:
            raise UnavailableError(
                f"the state cannot be written: {error.strerror}; see to the service's disk"
            ) from error

    def _make_room(self, size: int) -> None:
        with self._lock:
            kept = list(self._kept())
            for file in superfluous(kept, self._limit - size, spared_seconds=SPARED_SECONDS):
                Path(file.path).unlink(missing_ok=True)
                kept.remove(file)
            if sum(file.size for file in kept) + size > self._limit:
                raise UnavailableError("all states that are kept are in use; raise RAMPLINE_STATES_GIB")

    def _kept(self) -> Iterator[Kept]:
        now = time.time()
        for path in self._directory.glob("*/*"):
            with contextlib.suppress(FileNotFoundError):
                status = path.stat()
                if path.suffix == ".safetensors":
                    yield Kept(str(path), status.st_size, now - status.st_mtime)
                elif now - status.st_mtime > _ABANDONED_SECONDS:
                    path.unlink()


class Incoming:
    """A state on its way in."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self.size = 0

    def write(self, piece: bytes) -> None:
        """Take in the next bytes.

        Raises:
            TooLargeError: it is larger than any state may be.
        """
        self.size += len(piece)
        if self.size > MAX_STATE_BYTES:
            raise TooLargeError(f"a state has at most {MAX_STATE_BYTES} bytes; train a smaller model")
        self._hash.update(piece)
        self._file.write(piece)

    def check(self, sha256: str) -> None:
        """Compare what came with what was announced.

        Raises:
            ConflictError: it is something else.
        """
        if self._hash.hexdigest() != sha256:
            raise ConflictError("the body's sha256 is not the one in its name; send it again")
