"""Linear maps, one to each lane, with a choice of the processor's best product.

Tensor names: K lanes, M positions, I inputs, O outputs.
"""

import math
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

_LARGE = 1 << 22  # multiplications; measured, as is the narrowest side: below them a call's overhead exceeds its gain
_NARROWEST = 64


def product(a_KMI: Tensor, b_KOI: Tensor, bias_KO: Tensor | None = None) -> Tensor:
    """Return ``a @ b.T + bias`` of every lane, [K, M, O].

    On AMD processors with AVX-512 large products of float32 go to oneDNN, one call to a lane: it takes about half the
    time of MKL, which stands behind bmm and leaves half of those processors' width unused. Behind bmm of bfloat16
    stands oneDNN already.
    """
    if _goes_to_onednn(a_KMI, b_KOI):
        biases = [None] * len(a_KMI) if bias_KO is None else bias_KO.unbind()
        lanes = [
            torch.ops.mkldnn._linear_pointwise(a_MI, b_OI, bias_O, "none", [], "")
            for a_MI, b_OI, bias_O in zip(a_KMI.unbind(), b_KOI.unbind(), biases, strict=True)
        ]
        return lanes[0][None] if len(lanes) == 1 else torch.stack(lanes)
    if bias_KO is None:
        return torch.bmm(a_KMI, b_KOI.mT)
    return torch.baddbmm(bias_KO[:, None], a_KMI, b_KOI.mT)


def weight_gradient(g_KMO: Tensor, x_KMI: Tensor) -> Tensor:
    """Return ``g.T @ x`` of every lane, [K, O, I].

    oneDNN copies its first factor where that is transposed, so the narrower one comes first.
    """
    g_KOM, x_KIM = g_KMO.mT, x_KMI.mT
    if x_KIM.shape[1] < g_KOM.shape[1] and _goes_to_onednn(x_KIM, g_KOM):
        return product(x_KIM, g_KOM).mT
    return product(g_KOM, x_KIM)


def _goes_to_onednn(a_KMI: Tensor, b_KOI: Tensor) -> bool:
    if a_KMI.device.type != "cpu" or a_KMI.dtype != torch.float32:
        return False
    sides = (*a_KMI.shape[1:], b_KOI.shape[1])
    return min(sides) >= _NARROWEST and math.prod(sides) >= _LARGE and onednn_is_faster()


@cache
def onednn_is_faster() -> bool:
    """Return whether this processor is one on which MKL leaves AVX-512 unused, and torch has oneDNN's product."""
    processor = Path("/proc/cpuinfo")
    available: Callable[[], bool] = torch.backends.mkldnn.is_available
    return (
        processor.is_file()
        and "AuthenticAMD" in processor.read_text()
        and torch.backends.cpu.get_cpu_capability() == "AVX512"
        and available()
        and hasattr(torch.ops.mkldnn, "_linear_pointwise")  # what torch's own compiler calls; it has no public name
    )


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x_KMI: Tensor, weight_KOI: Tensor, bias_KO: Tensor) -> Tensor:
        ctx.save_for_backward(x_KMI, weight_KOI)
        return product(x_KMI, weight_KOI, bias_KO)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g_KMO: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x_KMI, weight_KOI = ctx.saved_tensors
        return product(g_KMO, weight_KOI.mT), weight_gradient(g_KMO, x_KMI), g_KMO.sum(1)


_apply: Callable[[Tensor, Tensor, Tensor], Tensor] = _Linear.apply


def linear(x_KMI: Tensor, weight_KOI: Tensor, bias_KO: Tensor) -> Tensor:
    """Return ``x @ weight.T + bias`` of every lane, [K, M, O], with its gradients."""
    return _apply(x_KMI, weight_KOI, bias_KO)
