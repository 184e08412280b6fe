"""The history of a run: whole in the file, thinned in the charts."""

import gzip
import json

import numpy as np
import pytest

from worker.history import CHARTED_UPDATES, History
from worker.lanes.log import StepLog


def stretch(first: int, updates: int) -> StepLog:
    numbers = np.arange(first, first + updates, dtype=np.float64)
    return StepLog(
        first_update=first,
        lr=numbers * 1e-3,
        train_loss=(1.0 / numbers).astype(np.float32),
        grad_norm=np.ones(updates, dtype=np.float32),
    )


def test_short_runs_are_charted_at_every_update() -> None:
    history = History(total_steps=50)
    points = history.add_updates(stretch(1, 20)) + history.add_updates(stretch(21, 30))
    assert [point.step for point in points if point.key == "lr"] == list(range(1, 51))
    assert [point.value for point in points if point.key == "lr"] == [number * 1e-3 for number in range(1, 51)]


@pytest.mark.parametrize("total", [CHARTED_UPDATES, CHARTED_UPDATES + 1, 12_345, 1_000_000])
def test_long_runs_are_charted_evenly_with_their_first_and_last_update(total: int) -> None:
    history = History(total_steps=total)
    steps = [point.step for point in history.add_updates(stretch(1, total)) if point.key == "train_loss"]
    assert steps[0] == 1
    assert steps[-1] == total
    assert len(steps) <= CHARTED_UPDATES + 2
    gaps = set(np.diff(steps[1:-1]).tolist())
    assert len(gaps) == 1


def test_a_missing_stretch_is_not_passed_over() -> None:
    history = History(total_steps=50)
    history.add_updates(stretch(1, 10))
    with pytest.raises(AssertionError, match="missing or repeated"):
        history.add_updates(stretch(12, 5))


def test_the_file_holds_every_update() -> None:
    history = History(total_steps=5_000)
    history.add_updates(stretch(1, 5_000))
    history.add_validation(5_000, 1.5)
    history.executed = 3_000
    kept = json.loads(gzip.decompress(history.compressed()))
    assert len(kept["lr"]) == len(kept["train_loss"]) == len(kept["grad_norm"]) == 5_000
    assert kept["val_loss"] == [{"step": 5_000, "value": 1.5}]
    assert kept["updates"] == {"asked": 5_000, "executed": 3_000}


def test_the_file_can_be_read_again_and_anything_else_is_refused() -> None:
    history = History(total_steps=20)
    history.add_updates(stretch(1, 20))
    history.add_validation(20, 1.5)
    assert History.read(history.compressed(), total_steps=20) == history
    for other in (b"", b"text", gzip.compress(b"[]"), gzip.compress(b"{}"), gzip.compress(b"no")):
        with pytest.raises(ValueError, match="history"):
            History.read(other, total_steps=20)


def test_timestamps_are_fixed_when_the_point_is_made() -> None:
    history = History(total_steps=10)
    points = history.add_updates(stretch(1, 10))
    assert len({point.timestamp for point in points}) == 1
    assert points == list(points)
