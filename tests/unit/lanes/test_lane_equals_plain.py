"""A lane computes what a plain module does with torch's own optimizer, clipping and the torch scheduler."""

import numpy as np
import pytest
import torch
from torch import nn

from tests.unit.lanes.lane_examples import in_fp64, plan, shape
from worker.lanes.alone import Alone, optimizer_of
from worker.lanes.batch import LaneBatch
from worker.lanes.layout import Layout
from worker.lanes.optimizer import RowAdam, coefficients
from worker.lanes.plain import Transformer

TOLERANCE = 1e-5  # nats, over 100 updates at a peak of at most 1e-2: past that chaos takes over
BF16_TOLERANCE = 1e-2  # the same; 20 times less than a bfloat16 tells apart at such losses, and the means are of many


@pytest.mark.parametrize(
    ("norm", "tied", "optimizer"),
    [("pre", True, "adam"), ("pre", False, "adamw"), ("post", True, "adamw"), ("post", False, "adam")],
)
def test_lanes_that_differ_in_all_their_numbers_equal_plain_training(norm: str, tied: bool, optimizer: str) -> None:
    of = shape(norm=norm, tie_embeddings=tied, optimizer=optimizer)
    plans = [plan(number, total_steps=100) for number in range(2)]
    batch = LaneBatch[int](of, 4)
    for number, run in enumerate(plans):
        batch.admit(number, run)
    logs = batch.advance(100)
    for number, run in enumerate(plans):
        alone = Alone(of, run)
        expected = alone.advance(100)
        np.testing.assert_array_equal(logs[number].lr, expected.lr)
        np.testing.assert_allclose(logs[number].train_loss, expected.train_loss, rtol=0, atol=TOLERANCE)
        np.testing.assert_allclose(logs[number].grad_norm, expected.grad_norm, rtol=1e-3)
        held_out = torch.from_numpy(run.corpus.held_out_windows).long()
        with torch.no_grad():
            assert batch.evaluate([number])[number] == pytest.approx(alone.model.loss(held_out).item(), abs=TOLERANCE)


@pytest.mark.parametrize(
    "fields", [{"positions": "sinusoidal"}, {"activation": "relu"}, {"d_ff": 40, "n_heads": 4}, {"n_heads": 1}]
)
def test_every_option_of_the_model_equals_plain_training(fields: dict[str, object]) -> None:
    of, run = shape(**fields), plan(1)
    batch = LaneBatch[str](of, 1)
    batch.admit("run", run)
    expected = Alone(of, run).advance(20)
    np.testing.assert_allclose(batch.advance(20)["run"].train_loss, expected.train_loss, rtol=0, atol=TOLERANCE)


def test_a_lane_equals_plain_training_in_fp64() -> None:
    of, run = shape(norm="post", optimizer="adamw"), plan(1, total_steps=50)
    exact = in_fp64(of, run).advance(50)
    batch = LaneBatch[str](of, 1)
    batch.admit("run", run)
    np.testing.assert_allclose(batch.advance(50)["run"].train_loss, exact.train_loss, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("fields", [{}, {"norm": "post"}, {"d_model": 64, "n_heads": 4, "tie_embeddings": False}])
def test_bf16_equals_plain_training_under_torch_s_autocast(fields: dict[str, object]) -> None:
    of, run = shape(precision="bf16", **fields), plan(1, total_steps=60)
    batch = LaneBatch[str](of, 1)
    batch.admit("run", run)
    log, expected = batch.advance(60)["run"], Alone(of, run).advance(60)
    assert log.train_loss[0] == pytest.approx(expected.train_loss[0], abs=TOLERANCE)
    np.testing.assert_allclose(log.train_loss, expected.train_loss, rtol=0, atol=BF16_TOLERANCE)
    np.testing.assert_allclose(log.grad_norm, expected.grad_norm, rtol=5e-2)


def test_bf16_rounds_products_and_keeps_parameters_and_moments_in_fp32() -> None:
    losses = {}
    for precision in ("bf16", "fp32"):
        batch = LaneBatch[str](shape(precision=precision), 1)
        batch.admit("run", plan(1))
        losses[precision] = batch.advance(5)["run"].train_loss
        state = batch.state("run")
        del state["update"]
        assert {tensor.dtype for tensor in state.values()} == {torch.float32}
    assert not np.array_equal(losses["bf16"], losses["fp32"])
    np.testing.assert_allclose(losses["bf16"], losses["fp32"], rtol=0, atol=BF16_TOLERANCE)


@pytest.mark.parametrize("optimizer", ["adam", "adamw"])
def test_the_optimizer_of_a_row_is_bit_equal_to_torch_s(optimizer: str) -> None:
    run = plan(1)
    torch.manual_seed(0)
    weight, bias = nn.Parameter(torch.randn(48)), nn.Parameter(torch.randn(16))
    groups = [{"params": [weight], "weight_decay": run.weight_decay}, {"params": [bias], "weight_decay": 0.0}]
    kind = torch.optim.Adam if optimizer == "adam" else torch.optim.AdamW
    reference = kind(groups, lr=1.0, betas=(run.beta1, run.beta2), eps=run.eps)
    row_adam = RowAdam(optimizer, Layout(slots=(), decayed=48, size=64), torch.device("cpu"))
    rows_3KN = torch.zeros(3, 2, 64)
    rows_3KN[0] = torch.cat([weight, bias]).detach()
    table_UC = torch.from_numpy(coefficients(optimizer, run, run.schedule.lrs(), 1)).float()
    for lr, table_C in zip(run.schedule.lrs(), table_UC, strict=True):
        gradient_N = torch.randn(64) * 10.0 ** torch.randint(-6, 1, (64,))
        weight.grad, bias.grad = gradient_N[:48].clone(), gradient_N[48:].clone()
        for group in reference.param_groups:
            group["lr"] = float(lr)
        reference.step()
        row_adam.update(
            p_KN=rows_3KN[0],
            m_KN=rows_3KN[1],
            v_KN=rows_3KN[2],
            g_KN=gradient_N.repeat(2, 1),
            norm_K=torch.zeros(2),
            alive_K=torch.tensor([True, False]),
            table_CK=table_C[:, None].repeat(1, 2),
        )
        assert torch.equal(rows_3KN[0, 0], torch.cat([weight, bias]))


def test_weight_decay_reaches_matrices_and_nothing_else() -> None:
    for tied in (True, False):
        model = Transformer(shape(tie_embeddings=tied), seed=0)
        decayed, spared = ({id(p) for p in group["params"]} for group in optimizer_of(model, plan(1)).param_groups)
        names = {id(p): name for name, p in model.named_parameters()}
        assert {names[p] for p in decayed} == {
            f"blocks.{layer}.{matrix}.weight"
            for layer in range(2)
            for matrix in ("attention.qkv", "attention.out", "feed_forward.up", "feed_forward.down")
        } | (set() if tied else {"head.weight"})
        assert decayed | spared == names.keys()
