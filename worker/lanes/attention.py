"""Causal attention for narrow heads on a CPU, where torch's fused kernel spends its time on overhead.

Tensor names: K lanes, D d_model, C = 3 * D, E width of a head, B batch, T context, M = B * T positions,
P parts (queries, keys, values), X = lanes * heads * B attention matrices. Positions come last throughout:
products whose rows are only E wide are slow.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


class Heads(NamedTuple):
    """How the positions of all lanes fall apart into attention matrices."""

    lanes: int
    heads: int
    batch: int
    context: int

    def split(self, x_KCM: Tensor, parts: int) -> Tensor:
        """Return the ``parts`` kinds of vectors of every head, contiguous [P, X, E, T]."""
        whole = x_KCM.view(self.lanes, parts, self.heads, -1, self.batch, self.context)
        return whole.permute(1, 0, 2, 4, 3, 5).reshape(parts, self.lanes * self.heads * self.batch, -1, self.context)

    def join(self, x_PXET: Tensor) -> Tensor:
        """Return what ``split`` took apart, [K, C, M]."""
        whole = x_PXET.view(len(x_PXET), self.lanes, self.heads, self.batch, -1, self.context)
        return whole.permute(1, 0, 2, 4, 3, 5).reshape(self.lanes, -1, self.batch * self.context)


class _NarrowAttention(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, qkv_KCM: Tensor, heads: Heads) -> Tensor:
        """Return the mixed values; keep the weights of the mixtures for the backward pass."""
        qkv_PXET = heads.split(qkv_KCM, 3)
        q_XET, k_XET, v_XET = qkv_PXET
        later_TT = torch.full((heads.context, heads.context), float("-inf"), device=qkv_KCM.device).triu(1)
        scores_XTT = torch.bmm(q_XET.mT, k_XET)
        torch.add(later_TT, scores_XTT, alpha=_scale(q_XET), out=scores_XTT)
        weights_XTT = torch.softmax(scores_XTT, dim=-1, out=scores_XTT)
        ctx.save_for_backward(qkv_PXET, weights_XTT)
        ctx.heads = heads
        return heads.join(torch.bmm(v_XET, weights_XTT.mT)[None])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g_KDM: Tensor) -> tuple[Tensor, None]:
        """Return the gradient of queries, keys and values, [K, C, M]."""
        qkv_PXET, weights_XTT = ctx.saved_tensors
        q_XET, k_XET, v_XET = qkv_PXET
        g_XET = ctx.heads.split(g_KDM, 1)[0]
        g_scores_XTT = torch.ops.aten._softmax_backward_data(
            torch.bmm(g_XET.mT, v_XET), weights_XTT, -1, torch.float32
        ).mul_(_scale(q_XET))
        g_PXET = torch.empty_like(qkv_PXET)
        torch.bmm(k_XET, g_scores_XTT.mT, out=g_PXET[0])
        torch.bmm(q_XET, g_scores_XTT, out=g_PXET[1])
        torch.bmm(g_XET, weights_XTT, out=g_PXET[2])
        return ctx.heads.join(g_PXET), None


_apply: Callable[[Tensor, Heads], Tensor] = _NarrowAttention.apply


def narrow_attention(qkv_KCM: Tensor, heads: Heads) -> Tensor:
    """Return causal attention within each sequence and head, [K, D, M] (Vaswani et al. 2017, section 3.2.1)."""
    return _apply(qkv_KCM, heads)


def _scale(x_XET: Tensor) -> float:
    return float(x_XET.shape[1] ** -0.5)
