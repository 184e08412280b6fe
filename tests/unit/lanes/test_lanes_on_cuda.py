"""The same proofs on a CUDA device, within a stated tolerance: there no two numbers of lanes round alike."""

import logging
from typing import Any

import numpy as np
import pytest
import torch

from tests.unit.lanes.lane_examples import in_fp64, joined, plan, poisoned, shape
from worker.lanes.batch import LaneBatch
from worker.lanes.dropout import Dropout, update_seeds
from worker.lanes.graph import UPDATES

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]

TOLERANCE = 1e-4  # nats, over 50 updates at a peak of at most 1e-2, TF32 off
BF16_TOLERANCE = 2e-2


@pytest.fixture(autouse=True)
def _no_tf32() -> None:
    torch.set_float32_matmul_precision("highest")


@pytest.mark.parametrize("norm", ["pre", "post"])
@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", TOLERANCE), ("bf16", BF16_TOLERANCE)])
def test_lanes_equal_plain_training_in_fp64(norm: str, precision: str, tolerance: float) -> None:
    of = shape(norm=norm, optimizer="adamw", precision=precision)
    plans = {number: plan(number, total_steps=50) for number in range(3)}
    batch = LaneBatch[int](of, 8, "cuda")
    for number, run in plans.items():
        batch.admit(number, run)
    batch.admit(9, poisoned(5, total_steps=50))
    batch.admit(8, plan(4, total_steps=50))
    first = batch.advance(20)
    batch.remove(9)
    batch.remove(8)  # a smaller graph from here on
    second = batch.advance(30)
    assert first[9].diverged_at == 2
    for number, run in plans.items():
        expected = in_fp64(of, run).advance(50)
        log = joined([first[number], second[number]])
        np.testing.assert_array_equal(log.lr, expected.lr)
        np.testing.assert_allclose(log.train_loss, expected.train_loss, rtol=0, atol=tolerance)


def test_updates_are_captured(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        _trained()
    assert not caplog.records


def test_where_a_capture_fails_updates_are_launched_one_kernel_after_another(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    captured = _trained()

    def refuse(*_arguments: Any, **_options: Any) -> None:
        raise RuntimeError("operation not permitted when stream is capturing")

    monkeypatch.setattr(torch.cuda, "graph", refuse)
    with caplog.at_level(logging.WARNING):
        np.testing.assert_allclose(_trained(), captured, rtol=0, atol=TOLERANCE)
    assert "cannot be captured: operation not permitted" in caplog.text


def test_the_host_does_not_wait_within_a_stretch() -> None:
    batch = LaneBatch[int](shape(), 2, "cuda")
    for number in range(2):
        batch.admit(number, plan(number, total_steps=3 * UPDATES))
    batch.advance(2)  # captures
    torch.cuda.set_sync_debug_mode("error")
    try:
        logs = batch.advance(2 * UPDATES)  # raises where the host would wait
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert {number: len(log.train_loss) for number, log in logs.items()} == {0: 2 * UPDATES, 1: 2 * UPDATES}


def test_masks_have_the_bits_that_they_have_on_the_cpu() -> None:
    seeds_K, rates_K = torch.from_numpy(update_seeds(5, 1, 3)), torch.tensor([0.0, 0.1, 0.7])
    x_KM = torch.randn(3, 1001)
    there = Dropout(seeds_K.cuda(), rates_K.cuda())(x_KM.cuda(), 4)
    assert torch.equal(there.cpu(), Dropout(seeds_K, rates_K)(x_KM, 4))


def test_a_restored_lane_goes_on_as_if_undisturbed() -> None:
    run = plan(1)
    batch = LaneBatch[str](shape(), 2, "cuda")
    batch.admit("whole", run)
    whole = batch.advance(20)["whole"]
    batch.restore("resumed", run, _state_at(8))
    batch.remove("whole")
    resumed = batch.advance(12)["resumed"]
    np.testing.assert_allclose(resumed.train_loss, whole.train_loss[8:], rtol=0, atol=TOLERANCE)


def _trained() -> np.ndarray[Any, np.dtype[np.float32]]:
    batch = LaneBatch[str](shape(), 1, "cuda")
    batch.admit("run", plan(1))
    return batch.advance(20)["run"].train_loss


def _state_at(update: int) -> dict[str, torch.Tensor]:
    batch = LaneBatch[str](shape(), 1, "cuda")
    batch.admit("run", plan(1))
    batch.advance(update)
    return batch.state("run")
