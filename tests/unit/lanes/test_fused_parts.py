"""The fused model's own gradients are those that torch's automatic differentiation finds for the plain formulae."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from worker.lanes.attention import Heads, narrow_attention
from worker.lanes.head import head_loss
from worker.lanes.linear import linear
from worker.lanes.memory import keep_freed_memory

K, B, T, V, H = 3, 2, 5, 11, 2


@pytest.mark.parametrize("width", [1, 4, 8])
def test_narrow_attention_is_torch_s(width: int) -> None:
    torch.manual_seed(0)
    qkv_KCM = torch.randn(K, 3 * H * width, B * T, requires_grad=True)
    g_KDM = torch.randn(K, H * width, B * T)

    def reference(qkv_KCM: Tensor) -> Tensor:
        q_KBHTE, k_KBHTE, v_KBHTE = qkv_KCM.view(K, 3, H, width, B, T).permute(1, 0, 4, 2, 5, 3)
        y_KBHTE = functional.scaled_dot_product_attention(q_KBHTE, k_KBHTE, v_KBHTE, is_causal=True)
        return y_KBHTE.permute(0, 2, 4, 1, 3).reshape(K, H * width, B * T)

    y_KDM = narrow_attention(qkv_KCM, Heads(K, H, B, T))
    torch.testing.assert_close(y_KDM, reference(qkv_KCM))
    torch.testing.assert_close(
        torch.autograd.grad(y_KDM, qkv_KCM, g_KDM), torch.autograd.grad(reference(qkv_KCM), qkv_KCM, g_KDM)
    )


def test_the_head_s_loss_is_torch_s_cross_entropy() -> None:
    torch.manual_seed(0)
    x_KMD = torch.randn(K, B * T, 4, requires_grad=True)
    weight_KVD = torch.randn(K, V, 4, requires_grad=True)
    targets_KM = torch.randint(V, (K, B * T))
    g_K = torch.randn(K)

    def reference() -> Tensor:
        logits_KVM = (x_KMD @ weight_KVD.mT).mT
        return functional.cross_entropy(logits_KVM, targets_KM, reduction="none").mean(1)

    loss_K = head_loss(x_KMD, weight_KVD, targets_KM)
    torch.testing.assert_close(loss_K, reference())
    torch.testing.assert_close(
        torch.autograd.grad(loss_K, (x_KMD, weight_KVD), g_K),
        torch.autograd.grad(reference(), (x_KMD, weight_KVD), g_K),
    )


def test_the_head_s_loss_is_finite_where_the_target_s_probability_rounds_to_zero() -> None:
    x_KMD = torch.full((1, 1, 1), 1000.0)
    weight_KVD = torch.tensor([1.0, -1.0])[None, :, None]
    assert head_loss(x_KMD, weight_KVD, torch.ones(1, 1, dtype=torch.int64)).item() == 2000.0


@pytest.mark.parametrize("onednn", [False, True])
@pytest.mark.parametrize("lanes", [1, 3])
def test_a_linear_map_is_torch_s_by_either_library(onednn: bool, lanes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.lanes.linear.onednn_is_faster", lambda: onednn)
    torch.manual_seed(0)
    x_KMI, weight_KOI, bias_KO, g_KMO = (
        torch.randn(lanes, *sizes, requires_grad=True) for sizes in ((128, 128), (256, 128), (256,), (128, 256))
    )
    y_KMO = linear(x_KMI, weight_KOI, bias_KO)
    expected_KMO = torch.stack([functional.linear(*lane) for lane in zip(x_KMI, weight_KOI, bias_KO, strict=True)])
    torch.testing.assert_close(y_KMO, expected_KMO, rtol=1e-5, atol=1e-4)
    torch.testing.assert_close(
        torch.autograd.grad(y_KMO, (x_KMI, weight_KOI, bias_KO), g_KMO),
        torch.autograd.grad(expected_KMO, (x_KMI, weight_KOI, bias_KO), g_KMO),
        rtol=1e-5,
        atol=1e-4,
    )


def test_freed_memory_can_be_kept() -> None:
    assert keep_freed_memory() is keep_freed_memory()
