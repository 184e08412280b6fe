from typing import Any

import pytest
import torch
from torch import nn

from schedules import param_groups
from tests.unit.schedules.oracles.stepping import needs


def _names(model: nn.Module, groups: list[dict[str, Any]]) -> tuple[set[str], set[str]]:
    """Return the names of the parameters with and without decay."""
    names = {parameter: name for name, parameter in model.named_parameters()}
    decayed = {names[p] for group in groups for p in group["params"] if group["weight_decay"]}
    spared = {names[p] for group in groups for p in group["params"] if not group["weight_decay"]}
    return decayed, spared


def _transformer() -> nn.Module:
    return nn.Transformer(
        d_model=8, nhead=2, num_encoder_layers=1, num_decoder_layers=1, dim_feedforward=16, batch_first=True
    )


def test_in_torch_own_transformer_only_matrices_decay() -> None:
    model = _transformer()
    decayed, spared = _names(model, param_groups(model, 0.1))
    assert decayed | spared == {name for name, _ in model.named_parameters()}
    assert all(name.rsplit(".", 1)[1] in {"weight", "in_proj_weight"} for name in decayed)
    assert not any("norm" in name for name in decayed)
    assert "encoder.layers.0.norm1.weight" in spared
    assert "encoder.layers.0.self_attn.in_proj_bias" in spared


def test_a_norm_is_known_by_its_kind_whatever_its_name_and_shape() -> None:
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.mixer = nn.LayerNorm((3, 4))
            self.scale = nn.RMSNorm(4)
            self.batch = nn.BatchNorm1d(4)
            self.norm_in_name_only = nn.Linear(4, 4)
            self.gain = nn.Parameter(torch.ones(4))

    model = Odd()
    decayed, spared = _names(model, param_groups(model, 0.1))
    assert decayed == {"norm_in_name_only.weight"}
    assert {"mixer.weight", "scale.weight", "batch.weight", "gain", "norm_in_name_only.bias"} <= spared


def test_embeddings_decay_only_when_asked_for_and_so_do_their_tied_heads() -> None:
    model = nn.Sequential(nn.Embedding(5, 4), nn.Linear(4, 5, bias=False), nn.Linear(4, 4))
    model[1].weight = model[0].weight
    assert _names(model, param_groups(model, 0.1)) == ({"2.weight"}, {"0.weight", "2.bias"})
    assert _names(model, param_groups(model, 0.1, decay_embeddings=True)) == ({"0.weight", "2.weight"}, {"2.bias"})


def test_frozen_parameters_are_left_out_and_empty_groups_too() -> None:
    model = nn.Sequential(nn.Linear(3, 3, bias=False), nn.LayerNorm(3))
    model[1].requires_grad_(False)
    groups = param_groups(model, 0.1)
    assert [len(group["params"]) for group in groups] == [1]


def test_adamw_takes_the_groups_and_decays_only_the_first() -> None:
    model = nn.Linear(2, 2)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(1.0)
    optimizer = torch.optim.AdamW(param_groups(model, 0.5), lr=0.1)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    assert torch.all(model.weight < 1)
    assert torch.all(model.bias == 1)


def test_a_negative_decay_is_refused() -> None:
    with pytest.raises(ValueError, match="weight_decay = -1 is negative"):
        param_groups(nn.Linear(2, 2), -1)


@pytest.mark.parametrize(
    ("model", "sizes"),
    [
        ("GPT2", {"n_layer": 1, "n_embd": 8, "n_head": 2, "vocab_size": 11, "n_positions": 6}),
        (
            "Llama",
            {
                "num_hidden_layers": 1,
                "hidden_size": 8,
                "intermediate_size": 16,
                "num_attention_heads": 2,
                "num_key_value_heads": 2,
                "vocab_size": 11,
            },
        ),
    ],
)
def test_in_a_hugging_face_model_norms_biases_and_embeddings_are_spared(model: str, sizes: dict[str, int]) -> None:
    transformers = needs("transformers")
    config = getattr(transformers, f"{model}Config")(**sizes)
    made = transformers.AutoModelForCausalLM.from_config(config)
    decayed, spared = _names(made, param_groups(made, 0.1))
    assert decayed
    assert all(dict(made.named_parameters())[name].ndim == 2 for name in decayed)
    assert not any(part in name for name in decayed for part in ("norm", "ln_", "bias", "wte", "wpe", "embed"))
    assert any("norm" in name or "ln_" in name for name in spared)
