"""Admitting, removing, saving and restoring lanes."""

import pytest
import torch

from tests.unit.lanes.lane_examples import corpus, plan, shape
from worker.lanes.batch import LaneBatch
from worker.lanes.plain import Transformer


def test_lanes_are_counted_named_and_freed() -> None:
    batch = LaneBatch[str](shape(), 2)
    assert (batch.free, batch.keys, batch.remaining) == (2, (), 0)
    assert not batch.advance(1)
    assert not batch.evaluate([])
    batch.admit("a", plan(0))
    batch.admit("b", plan(1, total_steps=5))
    assert (batch.free, batch.keys, batch.remaining) == (0, ("a", "b"), 5)
    batch.advance(3)
    assert (batch.update_of("a"), batch.update_of("b"), batch.remaining) == (3, 3, 2)
    batch.remove("a")
    assert (batch.free, batch.keys) == (1, ("b",))
    with pytest.raises(KeyError, match="'a'"):
        batch.update_of("a")
    with pytest.raises(ValueError, match="'b' trains already"):
        batch.admit("b", plan(1))


def test_a_fresh_lane_holds_the_plain_twin_s_initial_weights() -> None:
    batch = LaneBatch[str](shape(tie_embeddings=False), 1)
    batch.admit("run", plan(3))
    for name, tensor in Transformer(batch.shape, seed=3).state_dict().items():
        assert torch.equal(batch.parameters("run")[name], tensor)


@pytest.mark.parametrize("tied", [True, False])
def test_a_lane_s_parameters_load_into_the_plain_twin(tied: bool) -> None:
    batch = LaneBatch[str](shape(tie_embeddings=tied), 1)
    batch.admit("run", plan(0))
    batch.advance(5)
    model = Transformer(batch.shape, seed=1)
    missing, unexpected = model.load_state_dict(batch.parameters("run"), strict=False)
    assert not unexpected
    assert set(missing) == ({"head.weight"} if tied else set())  # the tied head is the embedding
    held_out = torch.from_numpy(plan(0).corpus.held_out_windows).long()
    assert batch.evaluate(["run"])["run"] == pytest.approx(model.loss(held_out).item(), abs=1e-5)


def test_a_state_of_another_shape_or_a_longer_run_is_refused() -> None:
    batch = LaneBatch[str](shape(), 2)
    batch.admit("run", plan(0))
    batch.advance(5)
    state = batch.state("run")
    with pytest.raises(ValueError, match="state: it is at update 5; this run has 4 updates"):
        batch.restore("other", plan(0, total_steps=4), state)
    with pytest.raises(ValueError, match=r"state: .* should be \[48, 16\] for this shape, found \[96, 32\]"):
        LaneBatch[str](shape(), 1).restore("run", plan(0), _state_of_a_wider_model())
    with pytest.raises(ValueError, match="state: it has no update"):
        batch.restore("other", plan(0), {})
    del state["m.norm.bias"]
    with pytest.raises(ValueError, match=r"state: norm.bias should be \[16\] for this shape, found nothing"):
        batch.restore("other", plan(0), state)
    assert batch.keys == ("run",)


def test_a_corpus_cut_for_another_context_is_refused() -> None:
    with pytest.raises(ValueError, match="corpus: it is cut for context 8, the lanes have context 16"):
        LaneBatch[str](shape(), 1).admit("run", plan(0, corpus=corpus(8)))


def test_a_batch_without_lanes_is_refused() -> None:
    with pytest.raises(ValueError, match="capacity: 0 lanes cannot train; use at least 1"):
        LaneBatch[str](shape(), 0)


def _state_of_a_wider_model() -> dict[str, torch.Tensor]:
    batch = LaneBatch[str](shape(d_model=32), 1)
    batch.admit("wide", plan(0))
    return batch.state("wide")
