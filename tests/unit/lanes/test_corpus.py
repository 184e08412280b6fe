"""Batches are a pure function of (data seed, update); the held-out tail is never trained on."""

from typing import Any

import numpy as np
import pytest

from tests.unit.lanes.lane_examples import corpus
from worker.lanes.data import Corpus

MARKED = bytes(range(100)) * 9 + bytes(range(100, 200))  # the held-out tenth shares no byte with the rest


def test_a_batch_depends_on_seed_and_update_alone() -> None:
    text = corpus(16)
    together = text.batches(5, first_update=1, updates=40, batch_size=6)
    assert together.shape == (40, 6, 17)
    for update in (1, 2, 17, 40):
        np.testing.assert_array_equal(text.batches(5, update, 1, 6)[0], together[update - 1])
    np.testing.assert_array_equal(text.batches(5, 11, 20, 6), together[10:30])


def test_seeds_and_updates_give_different_batches() -> None:
    text = corpus(16)
    batches = {text.batches(seed, update, 1, 6).tobytes() for seed in range(5) for update in range(1, 6)}
    assert len(batches) == 25


def test_windows_are_pieces_of_the_text_and_start_anywhere() -> None:
    text = Corpus(bytes(range(40)), context=3)
    starts = text.batches(0, 1, 200, 4)[..., 0]
    assert set(starts.flatten().tolist()) == set(range(36 - 3))
    np.testing.assert_array_equal(np.diff(text.batches(0, 1, 200, 4).astype(int)), 1)


def test_training_windows_never_touch_the_held_out_tail() -> None:
    text = Corpus(MARKED, context=16, val_windows=8)
    assert text.batches(0, 1, 500, 8).max() < 100
    assert text.held_out_windows.min() >= 100


def test_held_out_windows_are_evenly_spaced_from_first_to_last_byte() -> None:
    windows = Corpus(MARKED, context=16, val_windows=8).held_out_windows
    assert windows.shape == (8, 17)
    np.testing.assert_array_equal(windows[:, 0] - 100, np.linspace(0, 83, 8).round())
    assert windows[-1, -1] == 199


@pytest.mark.parametrize("text", [b"", b"a", MARKED[:160]])
def test_a_text_too_short_is_refused_with_the_remedy(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"corpus: .* give at least 180 bytes, or a shorter context"):
        Corpus(text, context=16)
    Corpus(MARKED[:180], context=16)


@pytest.mark.parametrize(("field", "value"), [("held_out", 0.0), ("held_out", 1.0), ("val_windows", 0)])
def test_a_split_without_one_of_its_parts_is_refused(field: str, value: float) -> None:
    fields: dict[str, Any] = {field: value}
    with pytest.raises(ValueError, match=field):
        Corpus(MARKED, context=16, **fields)


def test_the_digest_is_the_sha256_of_the_text() -> None:
    assert Corpus(b"abc" * 100, context=3).digest == Corpus(b"abc" * 100, context=5).digest
    assert Corpus(b"abc" * 100, context=3).digest != Corpus(b"abd" * 100, context=3).digest
