"""The same proofs on a CUDA device, within a stated tolerance: there no two numbers of lanes round alike."""

import numpy as np
import pytest
import torch

from tests.unit.lanes.lane_examples import joined, plan, poisoned, shape
from worker.lanes.alone import Alone
from worker.lanes.batch import LaneBatch

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]

TOLERANCE = 1e-4  # nats, over 50 updates at a peak of at most 1e-2, TF32 off


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_lanes_equal_plain_training_on_the_cpu(norm: str) -> None:
    of = shape(norm=norm, optimizer="adamw")
    plans = {number: plan(number, total_steps=50) for number in range(3)}
    batch = LaneBatch[int](of, 4, "cuda")
    for number, run in plans.items():
        batch.admit(number, run)
    batch.admit(9, poisoned(5, total_steps=50))
    first = batch.advance(20)
    batch.remove(9)
    second = batch.advance(30)
    assert first[9].diverged_at == 2
    for number, run in plans.items():
        expected = Alone(of, run).advance(50)
        log = joined([first[number], second[number]])
        np.testing.assert_array_equal(log.lr, expected.lr)
        np.testing.assert_allclose(log.train_loss, expected.train_loss, rtol=0, atol=TOLERANCE)


def test_a_restored_lane_goes_on_as_if_undisturbed() -> None:
    run = plan(1)
    batch = LaneBatch[str](shape(), 2, "cuda")
    batch.admit("whole", run)
    whole = batch.advance(20)["whole"]
    batch.restore("resumed", run, _state_at(8))
    batch.remove("whole")
    resumed = batch.advance(12)["resumed"]
    np.testing.assert_allclose(resumed.train_loss, whole.train_loss[8:], rtol=0, atol=TOLERANCE)


def _state_at(update: int) -> dict[str, torch.Tensor]:
    batch = LaneBatch[str](shape(), 1, "cuda")
    batch.admit("run", plan(1))
    batch.advance(update)
    return batch.state("run")
