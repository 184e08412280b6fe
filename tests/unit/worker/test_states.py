"""Runs that go on from states: after an interruption, later, longer; bit for bit the runs that were never disturbed."""

import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from service.wire.states import StateName
from tests.unit.worker.test_loop import BOUND, SIBLINGS, FakeCorpora, Worked, assert_same_record, lease
from worker.bell import Bell
from worker.lanes.batch import LaneBatch
from worker.lanes.plain import Transformer
from worker.states import States
from worker.stores import Folder, Store, StoreError
from worker.training import Training

CPU = torch.device("cpu")
ALWAYS, NEVER = 1e-9, 1e9


def states(place: Path | Store, *, seconds: float = NEVER, limit: float = 2**30) -> States:
    store = Folder(place) if isinstance(place, Path) else place
    return States(store, CPU, bell=Bell(), device_name="processor", seconds=seconds, limit=limit)


def files(place: Path) -> list[Path]:
    return sorted(place.glob("*/*.safetensors"), key=lambda path: int(path.name.split("-")[0]))


def updates(place: Path) -> list[int]:
    return [int(path.name.split("-")[0]) for path in files(place)]


@pytest.mark.parametrize(("lanes", "leave_at"), [(1, 5), (2, 15), (8, 25)])
def test_runs_that_a_worker_gave_back_go_on_where_they_were(tmp_path: Path, lanes: int, leave_at: int) -> None:
    first = Worked(SIBLINGS, lanes, states=states(tmp_path), leave_at=leave_at, first_claim=8)
    again = [one.model_copy(update={"attempt": 2, "fence": 2}) for one in SIBLINGS]
    second = Worked(again, lanes, states=states(tmp_path), first_claim=8)
    for one in again:
        assert_same_record(second, one)
        resumed_from, note = second.service.notes[one.run_id]
        assert resumed_from == len(first.tracker.sequence(one.run_id, "lr")) > 0
        assert note is None
    assert second.executed() == BOUND


def test_a_run_that_comes_later_goes_on_from_the_last_update_at_which_it_agrees(tmp_path: Path) -> None:
    Worked([lease(1, 10), lease(2, 15)], lanes=2, states=states(tmp_path))
    assert updates(tmp_path) == [25, 30]  # the fork, and the end of the constant part of the other
    for later, resumed_from, executed in (
        (lease(3, 5), 30, 10),
        (lease(4, 12), 25, 15),
        (lease(5, 20), 0, 40),
        (lease(6, 5, seed=4), 0, 40),
        (lease(7, 5, eval_every=3), 0, 40),  # lacks validation losses that this run takes
    ):
        worked = Worked(
            [later], lanes=1, states=states(shutil.copytree(tmp_path, tmp_path.with_name(f"{later.run_id}")))
        )
        assert worked.service.notes[later.run_id] == (resumed_from, None)
        assert worked.executed() == executed
        assert_same_record(worked, later)


@pytest.mark.parametrize(
    ("schedule", "resumed_from"),
    [
        ({"type": "constant", "peak_lr": 3e-3, "warmup_steps": 5}, 40),
        ({"type": "inverse_sqrt", "peak_lr": 3e-3, "warmup_steps": 5}, 40),
        ({"type": "noam", "d_model": 16, "warmup_steps": 20}, 40),
        ({"type": "wsd", "peak_lr": 3e-3, "decay_fraction": 0.25}, 30),
    ],
    ids=lambda value: value["type"] if isinstance(value, dict) else "",
)
def test_a_longer_run_goes_on_from_the_end_of_what_does_not_depend_on_length(
    tmp_path: Path, schedule: dict[str, Any], resumed_from: int
) -> None:
    short, long = (lease(number, schedule={**schedule, "total_steps": T}) for number, T in ((1, 40), (2, 70)))
    Worked([short], lanes=1, states=states(tmp_path))
    assert updates(tmp_path) == [resumed_from]
    worked = Worked([long], lanes=1, states=states(tmp_path))
    assert worked.service.notes[2] == (resumed_from, None)
    assert worked.executed() == 70 - resumed_from
    assert_same_record(worked, long)


def test_a_run_that_had_ended_before_its_record_was_delivered_ends_without_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.tracking.Tracker.away", True)
    Worked([lease(1)], lanes=1, states=states(tmp_path), leave_at=40)
    again = lease(1, attempt=2)
    worked = Worked([again], lanes=1, states=states(tmp_path))
    assert worked.service.notes[1] == (40, None)
    assert worked.executed() == 40, "those of the first attempt"
    assert_same_record(worked, again)


def test_siblings_that_go_on_from_one_state_share_a_lane(tmp_path: Path) -> None:
    Worked([lease(1, 10)], lanes=1, states=states(tmp_path))
    worked = Worked([lease(2, 5), lease(3, 3)], lanes=2, states=states(tmp_path))
    assert {worked.service.notes[number] for number in (2, 3)} == {(30, None)}
    assert worked.executed() == 10 + 5
    assert_same_record(worked, lease(2, 5))
    assert_same_record(worked, lease(3, 3))


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def _exchange(path: Path) -> None:
    path.write_bytes(files(path.parent.parent)[0].read_bytes())


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _replace_by_a_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGES: dict[str, Callable[[Path], None]] = {
    "a flipped bit": _flip,
    "its end missing": _cut,
    "empty": _empty,
    "another state": _exchange,
    "no file": _replace_by_a_directory,
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_in_place_of_a_damaged_state_the_one_before_is_taken_and_the_run_says_so(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    Worked([lease(1, 10), lease(2, 15)], lanes=2, states=states(tmp_path))
    damage(files(tmp_path)[1])
    later = lease(3, 5)
    worked = Worked([later], lanes=1, states=states(tmp_path))
    resumed_from, note = worked.service.notes[3]
    assert resumed_from == 25
    assert note is not None
    assert note.startswith("the state at update 30 cannot be used (")
    assert note.endswith("goes on from update 25")
    assert_same_record(worked, later)


def test_without_a_usable_state_a_run_begins_anew_and_says_so(tmp_path: Path) -> None:
    Worked([lease(1, 10)], lanes=1, states=states(tmp_path))
    _flip(files(tmp_path)[0])
    damaged = Worked([lease(2, 5)], lanes=1, states=states(tmp_path)).service.notes[2]
    assert damaged[0] == 0
    assert str(damaged[1]).endswith("its sha256 is not the one in its name); begins at update 1")
    shutil.rmtree(tmp_path)
    again = lease(3, 5, attempt=2)
    worked = Worked([again], lanes=1, states=states(tmp_path))
    assert worked.service.notes[3] == (0, "no state was kept; begins at update 1")
    assert_same_record(worked, again)


class Full(Folder):
    """A place that takes nothing."""

    def write(self, base: str, name: str, content: bytes) -> None:
        raise StoreError("no space left on device")


def test_a_place_that_fails_is_one_warning_and_harms_no_run(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        worked = Worked(SIBLINGS, lanes=2, states=states(Full(tmp_path), seconds=ALWAYS))
    assert [record.message for record in caplog.records if record.name == "worker.states"] == [
        "states cannot be kept; training goes on without: no space left on device"
    ]
    for one in SIBLINGS:
        assert_same_record(worked, one)


class Away(Folder):
    """A place that does not answer."""

    asked = 0

    def names(self, base: str) -> list[str]:
        self.asked += 1
        raise StoreError("timed out")


def test_a_place_that_does_not_answer_is_asked_once_and_runs_begin(tmp_path: Path) -> None:
    away = Away(tmp_path)
    worked = Worked([lease(1), lease(2, seed=4)], lanes=2, states=states(away))
    assert away.asked == 1
    assert worked.service.notes[1] == (0, "states cannot be listed (timed out); begins at update 1")
    assert {outcome.state for outcome in worked.service.outcomes.values()} == {"completed"}


def test_what_was_kept_for_a_run_only_is_deleted_when_its_end_is_known(tmp_path: Path) -> None:
    seen: set[int] = set()

    def settled() -> bool:
        seen.update(updates(tmp_path))
        return updates(tmp_path) == [30]

    Worked([lease(1, 10, 200)], lanes=1, states=states(tmp_path, seconds=ALWAYS), leave_at=100)
    assert 1 <= len(files(tmp_path)) <= 2, "the one of the drain, and one at most that was kept when it came"
    shutil.rmtree(tmp_path)
    Worked([lease(1, 10)], lanes=1, states=states(tmp_path, seconds=ALWAYS), settled=settled)
    assert seen > {30}


def test_no_more_is_kept_than_the_limit_and_what_was_used_last_stays(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    Worked([lease(1, 10), lease(2, 15)], lanes=2, states=states(tmp_path))
    for path in files(tmp_path):
        os.utime(path, (0, 0))
    Worked([lease(3, 13)], lanes=1, states=states(tmp_path, seconds=60, limit=2**30))
    assert updates(tmp_path) == [25, 27, 30]
    limit = sum(path.stat().st_size for path in files(tmp_path)) + 1_000
    Worked([lease(4, 8, seed=4)], lanes=1, states=states(tmp_path, seconds=60, limit=limit))
    assert updates(tmp_path) == [25, 27, 32], "the one at update 30 was not used; the others were read or written"
    Worked([lease(5, 6, seed=5)], lanes=1, states=states(tmp_path, seconds=60, limit=limit))
    assert updates(tmp_path) == [25, 27, 32]
    assert "all in use; raise RAMPLINE_STATES_GIB" in caplog.records[-1].message


def test_the_file_is_that_of_a_plain_model_and_says_what_it_is_of(tmp_path: Path) -> None:
    Worked([lease(1, 10)], lanes=1, states=states(tmp_path))
    (path,) = files(tmp_path)
    training = Training.of(lease(1, 10), FakeCorpora())
    batch = LaneBatch[int](training.shape, 1)
    batch.admit(1, training.plan)
    batch.advance(30)
    model = Transformer(training.shape, seed=0)
    tensors = load_file(path)
    model.load_state_dict(tensors, strict=False)
    loaded = dict(model.named_parameters())
    assert loaded.keys() == batch.parameters(1).keys()
    for key, parameter in batch.parameters(1).items():
        assert torch.equal(loaded[key], parameter)
    assert tensors["record.lr"].tolist() == training.plan.schedule.lrs()[:30].tolist()
    name = StateName.read(path.name)
    assert name is not None
    assert (name.update, str(name)) == (30, path.name)
