"""What MLflow has not taken yet, on disk: memory stays bounded while MLflow is away or slow.

The files need not outlive their worker: who takes a run over records all of it anew (docs/decisions/0002), so what a
dead worker had not delivered is delivered by the next one. They are removed by the next worker that starts here.
"""

import contextlib
import fcntl
import json
import shutil
import tempfile
from itertools import islice
from pathlib import Path
from typing import IO, NamedTuple

from worker.history import Point


class Backlog(NamedTuple):
    """What waits for MLflow: its size in bytes, and the age in seconds of the oldest of it."""

    size: int = 0
    seconds: float = 0.0


class Spool:
    """The files of one worker, in a directory of its own below `directory`, made when it is first needed."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._home: Path | None = None
        self._lock: IO[str] | None = None
        self._made = 0
        self.size = 0

    def sheet(self) -> "Sheet":
        """Return room for one record; it takes no space before something is put there."""
        self._made += 1
        return Sheet(self, str(self._made))

    def home(self) -> Path:
        """Return the directory of this worker's files. Raises OSError: it cannot be made."""
        if self._home is None:
            self._directory.mkdir(parents=True, exist_ok=True)
            with (self._directory / "lock").open("w") as alone:
                fcntl.flock(alone, fcntl.LOCK_EX)
                for other in self._directory.glob("worker-*"):
                    _remove_if_abandoned(other)
                home = Path(tempfile.mkdtemp(prefix="worker-", dir=self._directory))
                self._lock = (home / "lock").open("w")
                fcntl.flock(self._lock, fcntl.LOCK_EX)
            self._home = home
        return self._home

    def close(self) -> None:
        """Remove all of it."""
        if self._home is not None:
            shutil.rmtree(self._home, ignore_errors=True)
        if self._lock is not None:
            self._lock.close()


class Sheet:
    """The points of one record, in order, added at the end and taken from the front; and its history once it ended."""

    def __init__(self, spool: Spool, name: str) -> None:
        self._spool = spool
        self._name = name
        self._length = self._arrived = self._read = 0
        self._history_length = 0

    @property
    def size(self) -> int:
        """How much of it has not arrived."""
        return self._length - self._arrived + self._history_length

    def add(self, points: list[Point]) -> None:
        """Append points. Raises OSError, and then nothing is appended: there is no space left, say."""
        lines = "".join(json.dumps(point) + "\n" for point in points).encode()
        with self._points().open("ab") as file:
            try:
                file.write(lines)
                file.flush()
            except OSError:
                with contextlib.suppress(OSError):
                    file.truncate(self._length)
                raise
        self._length += len(lines)
        self._spool.size += len(lines)

    def first(self, count: int) -> list[Point]:
        """Return the first points that have not arrived, at most so many."""
        if self._arrived == self._length:
            return []
        with self._points().open("rb") as file:
            file.seek(self._arrived)
            lines = list(islice(file, count))
        self._read = self._arrived + sum(map(len, lines))
        return [Point(*json.loads(line)) for line in lines]

    def arrived(self) -> None:
        """Let go of the points that `first` returned last."""
        self._arrived = self._read
        if self._arrived == self._length:
            self._points().unlink()
            self._spool.size -= self._length
            self._length = self._arrived = self._read = 0

    def keep_history(self, compressed: bytes) -> None:
        """Put a history here. Raises OSError."""
        self._history().write_bytes(compressed)
        self._history_length = len(compressed)
        self._spool.size += len(compressed)

    def history(self) -> bytes | None:
        """Return the history that was put here."""
        return self._history().read_bytes() if self._history_length else None

    def remove(self) -> None:
        """Remove it all."""
        if self._length:
            self._points().unlink(missing_ok=True)
        if self._history_length:
            self._history().unlink(missing_ok=True)
        self._spool.size -= self._length + self._history_length
        self._length = self._arrived = self._read = self._history_length = 0

    def _points(self) -> Path:
        return self._spool.home() / f"{self._name}.points"

    def _history(self) -> Path:
        return self._spool.home() / f"{self._name}.history"


def _remove_if_abandoned(home: Path) -> None:
    """Remove the directory of a worker that is dead: nobody holds its lock."""
    with contextlib.suppress(OSError), (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(home, ignore_errors=True)
