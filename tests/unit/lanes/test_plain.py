"""The plain twin is the architecture that the literature and torch describe."""

import math

import pytest
import torch
from torch import nn

from tests.unit.lanes.lane_examples import shape
from worker.lanes.plain import Block, Transformer, sinusoids


@pytest.mark.parametrize("norm", ["pre", "post"])
@pytest.mark.parametrize("activation", ["gelu", "relu"])
def test_a_block_is_torch_s_encoder_layer_with_a_causal_mask(norm: str, activation: str) -> None:
    of = shape(norm=norm, activation=activation)
    torch.manual_seed(0)
    block = Block(of)
    reference = nn.TransformerEncoderLayer(
        of.d_model, of.n_heads, of.width_ff, 0.0, activation, batch_first=True, norm_first=norm == "pre"
    )
    pairs = {
        "self_attn.in_proj_": block.attention.qkv,
        "self_attn.out_proj.": block.attention.out,
        "linear1.": block.feed_forward.up,
        "linear2.": block.feed_forward.down,
        "norm1.": block.norm1,
        "norm2.": block.norm2,
    }
    reference.load_state_dict(
        {prefix + kind: tensor for prefix, module in pairs.items() for kind, tensor in module.state_dict().items()}
    )
    x_BTD = torch.randn(3, of.context, of.d_model)
    mask_TT = nn.Transformer.generate_square_subsequent_mask(of.context)
    torch.testing.assert_close(block(x_BTD), reference(x_BTD, src_mask=mask_TT, is_causal=True))


def test_precision_bf16_rounds_the_logits_and_fp32_does_not() -> None:
    inputs_BT = torch.randint(256, (2, 16))
    logits = {precision: Transformer(shape(precision=precision), seed=0)(inputs_BT) for precision in ("fp32", "bf16")}
    assert logits["bf16"].dtype == torch.bfloat16
    torch.testing.assert_close(logits["bf16"].float(), logits["fp32"], rtol=0, atol=0.05)


def test_sinusoids_are_those_of_section_3_5() -> None:
    of = shape(d_model=6, n_heads=1)
    for position, row in enumerate(sinusoids(of).tolist()):
        for pair in range(3):
            angle = position / 10_000 ** (2 * pair / 6)
            assert row[2 * pair] == pytest.approx(math.sin(angle), abs=1e-6)
            assert row[2 * pair + 1] == pytest.approx(math.cos(angle), abs=1e-6)


def test_no_logit_depends_on_a_later_token() -> None:
    model = Transformer(shape(), seed=0)
    inputs_BT = torch.randint(256, (1, 16))
    changed_BT = inputs_BT.clone()
    changed_BT[0, 10:] = 0
    assert torch.equal(model(inputs_BT)[0, :10], model(changed_BT)[0, :10])


def test_the_seed_decides_the_initial_weights() -> None:
    first, again, other = (Transformer(shape(), seed).state_dict() for seed in (3, 3, 4))
    assert all(torch.equal(tensor, again[name]) for name, tensor in first.items())
    assert not torch.equal(first["tokens.weight"], other["tokens.weight"])
    assert not torch.equal(first["blocks.0.feed_forward.up.weight"], other["blocks.0.feed_forward.up.weight"])


def test_the_tied_head_is_the_embedding_and_the_other_is_not() -> None:
    tied, untied = (Transformer(shape(tie_embeddings=choice), seed=0) for choice in (True, False))
    assert tied.head.weight is tied.tokens.weight
    assert tied.tokens.weight.std().item() == pytest.approx(16**-0.5, rel=0.1)
    assert untied.head.weight is not untied.tokens.weight
