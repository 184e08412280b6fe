"""The output layer and its loss in one step, so that the largest tensors of the model are touched least often.

Tensor names: K lanes, M positions, D d_model, V vocabulary.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from worker.lanes.linear import product, weight_gradient


class _HeadLoss(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x_KMD: Tensor, weight_KVD: Tensor, targets_KM: Tensor) -> Tensor:
        """Return the losses; keep the probabilities for the backward pass."""
        logits_KMV = product(x_KMD, weight_KVD).float()
        targets_KM1 = targets_KM[:, :, None]
        deficit_KM1 = logits_KMV.amax(2, keepdim=True) - logits_KMV.gather(2, targets_KM1)
        p_KMV = torch.softmax(logits_KMV, dim=2, out=logits_KMV)
        # The largest logit's probability is 1 / sum(exp(logit - largest)): no logarithm of a rounded zero.
        loss_KM1 = deficit_KM1 - p_KMV.amax(2, keepdim=True).log()
        ctx.save_for_backward(x_KMD, weight_KVD, p_KMV, targets_KM1)
        return loss_KM1.mean((1, 2))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g_K: Tensor) -> tuple[Tensor, Tensor, None]:
        """Return the gradients of x and weight: those of the logits are the probabilities, less 1 at the target."""
        x_KMD, weight_KVD, p_KMV, targets_KM1 = ctx.saved_tensors
        g_KMV = p_KMV.scatter_add_(2, targets_KM1, p_KMV.new_full((), -1.0).expand_as(targets_KM1))
        g_KMV.mul_((g_K / p_KMV.shape[1])[:, None, None])
        g_KMV = g_KMV.to(x_KMD.dtype)
        return product(g_KMV, weight_KVD.mT), weight_gradient(g_KMV, x_KMD), None


_apply: Callable[[Tensor, Tensor, Tensor], Tensor] = _HeadLoss.apply


def head_loss(x_KMD: Tensor, weight_KVD: Tensor, targets_KM: Tensor) -> Tensor:
    """Return each lane's mean cross-entropy of the logits ``x @ weight.T`` against targets (int64), [K] in nats.

    The products have the type of x and weight, all else is float32.
    """
    return _apply(x_KMD, weight_KVD, targets_KM)
