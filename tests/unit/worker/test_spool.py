"""What waits for MLflow on disk: in order, once, and without leaving anything behind."""

import errno
import math
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from worker.history import Point
from worker.spool import Spool


def points(first: int, count: int) -> list[Point]:
    return [Point("lr", 1 / (step + 1), 1_700_000_000_000 + step, step) for step in range(first, first + count)]


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    opened = Spool(tmp_path)
    yield opened
    opened.close()


def test_points_come_out_as_they_went_in_until_they_have_arrived(spool: Spool) -> None:
    sheet, other = spool.sheet(), spool.sheet()
    sheet.add(points(0, 5))
    other.add(points(100, 3))
    assert sheet.first(3) == sheet.first(3) == points(0, 3)
    sheet.arrived()
    sheet.add(points(5, 2))
    assert sheet.first(100) == points(3, 4)
    assert other.first(100) == points(100, 3)
    sheet.arrived()
    assert sheet.first(100) == []
    assert (sheet.size, spool.size) == (0, other.size)


def test_values_that_are_not_finite_survive(spool: Spool) -> None:
    sheet = spool.sheet()
    sheet.add([Point("train_loss", value, 1, 1) for value in (math.inf, -math.inf, math.nan)])
    values = [point.value for point in sheet.first(3)]
    assert values[:2] == [math.inf, -math.inf]
    assert math.isnan(values[2])


def test_a_full_disk_leaves_what_was_there_whole(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    sheet = spool.sheet()
    sheet.add(points(0, 2))
    opened = Path.open

    class Full:
        """A file that takes half of what is written to it, as one does on a disk that fills up."""

        def __init__(self, file: Any) -> None:
            self._file = file

        def __enter__(self) -> "Full":
            return self

        def __exit__(self, *_: object) -> None:
            self._file.close()

        def write(self, data: bytes) -> None:
            self._file.write(data[: len(data) // 2])
            self._file.flush()
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        def truncate(self, size: int) -> None:
            self._file.truncate(size)

    monkeypatch.setattr(Path, "open", lambda path, mode: Full(opened(path, mode)))
    with pytest.raises(OSError, match="No space left"):
        sheet.add(points(2, 3))
    monkeypatch.undo()
    sheet.add(points(2, 1))
    assert sheet.first(10) == points(0, 3)


def test_what_a_dead_worker_left_is_removed_and_what_a_living_one_keeps_is_not(spool: Spool, tmp_path: Path) -> None:
    spool.sheet().add(points(0, 1))
    script = (
        "import sys, time; from pathlib import Path; from worker.spool import Spool; from worker.history import Point;"
        "spool = Spool(Path(sys.argv[1])); spool.sheet().add([Point('lr', 1.0, 1, 1)]); print('ready', flush=True);"
        "time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    assert len(list(tmp_path.glob("worker-*"))) == 2
    process.send_signal(signal.SIGKILL)
    process.communicate()
    third = Spool(tmp_path)
    third.sheet().add(points(0, 1))
    assert set(tmp_path.glob("worker-*")) == {spool.home(), third.home()}
    third.close()
    assert list(tmp_path.glob("worker-*")) == [spool.home()]
