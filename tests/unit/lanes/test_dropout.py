"""Masks are a pure function of seed, update and place, and drop out where the paper does."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.unit.lanes.lane_examples import assert_same_bits, plan, shape, trained_alone
from worker.lanes.batch import LaneBatch
from worker.lanes.dropout import Dropout, update_seeds
from worker.lanes.plain import Block, Transformer
from worker.lanes.plan import agreement

# The first outputs of SplitMix64 for seed 1234567, as its implementations in other languages publish them.
SPLITMIX64_OF_1234567 = [
    6457827717110365317,
    3203168211198807973,
    9817491932198370423,
    4593380528125082431,
    16408922859458223821,
]


def dropout(update: int = 1, rate: float = 0.25, seed: int = 0) -> Dropout:
    return Dropout(torch.from_numpy(update_seeds(seed, update, 1)), torch.tensor([rate]))


def drop_alone(x_BTD: Tensor, site: int) -> Tensor:
    return dropout()(x_BTD[None], site)[0]


class DropAt(nn.Module):
    """What stands in for torch's own dropout, whose masks nobody can name."""

    def __init__(self, site: int) -> None:
        super().__init__()
        self.site = site

    def forward(self, x_BTD: Tensor) -> Tensor:
        return drop_alone(x_BTD, self.site)


def splitmix64(seed: int, number: int) -> int:
    """The generator as published, in integers without bounds."""
    z = (seed + number * 0x9E3779B97F4A7C15) % 2**64
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
    return z ^ (z >> 31)


def test_the_seeds_of_updates_are_the_outputs_of_splitmix64() -> None:
    assert update_seeds(1234567, 1, 5).view(np.uint64).tolist() == SPLITMIX64_OF_1234567
    assert [splitmix64(1234567, number) for number in range(1, 6)] == SPLITMIX64_OF_1234567


@pytest.mark.parametrize(("values", "words"), [(12, 3), (10, 3)])
def test_a_mask_is_made_of_quarters_of_the_update_s_words(values: int, words: int) -> None:
    update, site, rate = 7, 2, 0.3
    seed = splitmix64(99, update)
    of_site = [splitmix64(seed, 1 + site * words + word) for word in range(words)]
    quarters = np.array(of_site, dtype="<u8").view("<i2")[:values].astype(int)
    expected = torch.from_numpy((quarters >= round(rate * 2**16) - 2**15) / np.float32(1 - rate))
    torch.testing.assert_close(dropout(update, rate, 99)(torch.ones(1, values), site)[0], expected.float())


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_the_rate_s_share_is_dropped_and_the_mean_stays(rate: float) -> None:
    y_KM = dropout(rate=rate)(torch.ones(1, 100_000), 0)
    assert (y_KM == 0).float().mean().item() == pytest.approx(rate, abs=5e-3)
    assert y_KM.mean().item() == pytest.approx(1, abs=0.05)


def test_masks_of_other_sites_updates_and_seeds_have_nothing_to_do_with_each_other() -> None:
    x = torch.ones(1, 40_000)
    kept = [
        d(x, site)[0] > 0 for d, site in [(dropout(), 0), (dropout(), 1), (dropout(update=2), 0), (dropout(seed=1), 0)]
    ]
    for one in range(4):
        for other in range(one):
            both = (kept[one] & kept[other]).float().mean().item()
            assert both == pytest.approx(0.75**2, abs=0.01)


def test_a_lane_s_mask_depends_neither_on_its_row_nor_on_its_neighbours() -> None:
    seeds_K, rates_K = torch.from_numpy(update_seeds(3, 1, 4)), torch.tensor([0.0, 0.2, 0.5, 0.2])
    x_KM = torch.randn(4, 5, 9)
    together = Dropout(seeds_K, rates_K)(x_KM, 3)
    for lane in range(4):
        alone = Dropout(seeds_K[lane : lane + 1], rates_K[lane : lane + 1])(x_KM[lane : lane + 1], 3)
        assert torch.equal(together[lane], alone[0])
    assert torch.equal(together[0], x_KM[0])


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_a_block_drops_out_where_torch_s_encoder_layer_drops_residuals(norm: str) -> None:
    of = shape(norm=norm)
    torch.manual_seed(0)
    block = Block(of)
    reference = nn.TransformerEncoderLayer(
        of.d_model, of.n_heads, of.width_ff, 0.0, "gelu", batch_first=True, norm_first=norm == "pre"
    )
    reference.self_attn.load_state_dict(
        {f"in_proj_{kind}": tensor for kind, tensor in block.attention.qkv.state_dict().items()}
        | {f"out_proj.{kind}": tensor for kind, tensor in block.attention.out.state_dict().items()}
    )
    reference.linear1.load_state_dict(block.feed_forward.up.state_dict())
    reference.linear2.load_state_dict(block.feed_forward.down.state_dict())
    reference.register_module("dropout1", DropAt(3))
    reference.register_module("dropout2", DropAt(4))
    x_BTD = torch.randn(2, of.context, of.d_model)
    mask_TT = nn.Transformer.generate_square_subsequent_mask(of.context)
    expected = reference(x_BTD, src_mask=mask_TT, is_causal=True)
    torch.testing.assert_close(block(x_BTD, drop_alone, 3), expected)
    assert not torch.allclose(block(x_BTD), expected)


def test_the_model_drops_out_its_embeddings_and_the_output_of_every_sublayer() -> None:
    of, seen = shape(n_layers=3), []

    def drop(x_BTD: Tensor, site: int) -> Tensor:
        seen.append((site, tuple(x_BTD.shape)))
        return x_BTD

    Transformer(of, seed=0).loss(torch.zeros(2, of.context + 1, dtype=torch.int64), drop)
    assert seen == [(site, (2, of.context, of.d_model)) for site in range(7)]


def test_a_lane_that_drops_nothing_has_the_bits_that_it_has_without_dropout() -> None:
    batch = LaneBatch[int](shape(), 2)
    batch.admit(0, plan(0, dropout=0.0))
    batch.admit(1, plan(1, dropout=0.5))
    log = batch.advance(20)[0]
    expected, _ = trained_alone(shape(), plan(0, dropout=0.0))
    assert_same_bits(log, expected)


def test_a_rate_of_dropout_changes_training_but_not_validation() -> None:
    batch = LaneBatch[int](shape(), 2)
    batch.admit(0, plan(0, dropout=0.0))
    batch.admit(1, plan(0, dropout=0.5))
    losses = batch.evaluate([0, 1])
    assert losses[0] == losses[1]
    logs = batch.advance(1)
    assert logs[0].train_loss[0] != logs[1].train_loss[0]


def test_runs_of_different_dropout_share_no_update() -> None:
    assert agreement(plan(1, dropout=0.1), plan(1, dropout=0.1)) == 20
    assert agreement(plan(1, dropout=0.1), plan(1, dropout=0.2)) == 0
