"""The number of lanes: what is given, else what is remembered, else what is measured."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch

from tests.unit.lanes.lane_examples import shape
from worker import calibration
from worker.calibration import Capacity, measured

CPU = torch.device("cpu")


def paces(monkeypatch: pytest.MonkeyPatch, by_lanes: Mapping[int, float]) -> list[int]:
    """Let so many lanes train so many updates per second, and those left out need too much memory."""
    asked: list[int] = []

    def pace(_shape: object, lanes: int, *_rest: object) -> float:
        asked.append(lanes)
        if lanes not in by_lanes:
            raise torch.OutOfMemoryError("out of memory\nand so on")
        return by_lanes[lanes]

    monkeypatch.setattr(calibration, "_warm_up", lambda *_: None)
    monkeypatch.setattr(calibration, "_pace", pace)
    return asked


def test_the_fewest_lanes_are_taken_that_are_nearly_as_fast_as_any(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = paces(monkeypatch, {1: 100.0, 2: 180.0, 4: 200.0, 8: 205.0, 16: 190.0})
    assert measured(shape(), CPU) == 4
    assert asked == [1, 2, 4, 8, 16]


def test_one_slow_measurement_does_not_end_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    paces(monkeypatch, {1: 100.0, 2: 80.0, 4: 200.0, 8: 201.0, 16: 201.0})
    assert measured(shape(), CPU) == 4


def test_one_lane_is_enough_where_more_gain_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    paces(monkeypatch, {1: 100.0, 2: 101.0, 4: 99.0, 8: 102.0, 16: 90.0})
    assert measured(shape(), CPU) == 1


def test_lanes_that_would_take_too_long_to_measure_are_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = paces(monkeypatch, {1: 1.0, 2: 2.0, 4: 4.0})
    assert measured(shape(), CPU, seconds=2.0) == 1
    assert asked == [1]


def test_lanes_that_do_not_fit_are_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    paces(monkeypatch, {1: 100.0, 2: 200.0})
    assert measured(shape(), CPU) == 2


def test_a_measurement_without_time_tries_one_lane(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = paces(monkeypatch, {1: 100.0, 2: 200.0})
    assert measured(shape(), CPU, seconds=-1.0) == 1
    assert asked == [1]


def test_a_real_measurement_finds_a_number_of_lanes() -> None:
    assert 1 <= measured(shape(), CPU, seconds=0.2) <= calibration.MOST_LANES["cpu"]


def test_what_was_measured_is_remembered_by_shape_and_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked = paces(monkeypatch, {1: 100.0, 2: 200.0, 4: 200.0, 8: 200.0, 16: 200.0})
    directory = tmp_path / "scratch"
    for _ in range(2):
        assert Capacity(CPU, "a", directory).of(shape()) == 2
    assert len(asked) == 5
    Capacity(CPU, "a", directory).of(shape(d_model=32))
    Capacity(CPU, "b", directory).of(shape())
    assert len(asked) == 15
    assert list(json.loads((directory / "lanes.json").read_text()).values()) == [2, 2, 2]


def test_what_is_given_is_taken_without_a_measurement(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked = paces(monkeypatch, {})
    assert Capacity(CPU, "a", tmp_path, given=7).of(shape()) == 7
    assert (asked, list(tmp_path.iterdir())) == ([], [])


@pytest.mark.parametrize("text", ["", "[]", "{", '{"a": 1}'])
def test_a_damaged_memory_is_replaced(text: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    paces(monkeypatch, {1: 100.0, 2: 200.0, 4: 200.0, 8: 200.0, 16: 200.0})
    (tmp_path / "lanes.json").write_text(text)
    assert Capacity(CPU, "a", tmp_path).of(shape()) == 2
    assert 2 in json.loads((tmp_path / "lanes.json").read_text()).values()
