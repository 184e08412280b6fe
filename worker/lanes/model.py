"""The fused model: the plain twin's computation for K lanes at once.

Tensor names: K lanes, B batch, S = T + 1 bytes of a window, T context, D d_model, H heads, E width of a head,
M = B * T positions of a lane, X = K * B sequences, F width of the feed-forward, I and O any.
Lanes fold into the batch, never along the sequence.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

from worker.lanes.attention import Heads, narrow_attention
from worker.lanes.dropout import Dropout
from worker.lanes.head import head_loss
from worker.lanes.linear import linear
from worker.lanes.plain import ACTIVATIONS, Drop, keep, sinusoids
from worker.lanes.shape import Shape


class FusedTransformer:
    """K transformers of one shape, whose parameters come as a mapping of names to [K, ...] tensors."""

    def __init__(self, shape: Shape, device: torch.device) -> None:
        self.shape = shape
        self.dtype = shape.product_dtype
        self.attention_dtype = torch.float32 if device.type == "cpu" else self.dtype
        self.activation = ACTIVATIONS[shape.activation]()
        # measured: twice as fast as torch's kernel at heads 8 wide, no faster from 16 on
        self.narrow_heads = device.type == "cpu" and shape.width_head < 16
        self.sinusoids_TD = sinusoids(shape).to(device) if shape.positions == "sinusoidal" else None

    def losses(self, parameters: dict[str, Tensor], windows_KBS: Tensor, dropout: Dropout | None = None) -> Tensor:
        """Return each lane's mean cross-entropy in nats per token, [K], of its windows (int64)."""
        drop = dropout or keep
        inputs_KBT, targets_KM = windows_KBS[:, :, :-1], windows_KBS[:, :, 1:].flatten(1)
        x_KMD = drop(self._embed(parameters, inputs_KBT), 0)
        for layer in range(self.shape.n_layers):
            x_KMD = self._block(parameters, layer, x_KMD, inputs_KBT.shape[1], drop)
        if self.shape.norm == "pre":
            x_KMD = _norm(parameters, "norm", x_KMD)
        head_KVD = parameters["tokens.weight" if self.shape.tie_embeddings else "head.weight"]
        return head_loss(x_KMD.to(self.dtype), head_KVD.to(self.dtype), targets_KM)

    def _embed(self, parameters: dict[str, Tensor], inputs_KBT: Tensor) -> Tensor:
        tokens_KVD = parameters["tokens.weight"]
        K, V, D = tokens_KVD.shape
        rows_KBT = inputs_KBT + V * torch.arange(K, device=inputs_KBT.device)[:, None, None]
        x_KBTD = functional.embedding(rows_KBT, tokens_KVD.reshape(K * V, D)) * math.sqrt(D)
        positions = self.sinusoids_TD if self.sinusoids_TD is not None else parameters["positions.weight"][:, None]
        return (x_KBTD + positions).view(K, -1, D)

    def _block(self, parameters: dict[str, Tensor], layer: int, x_KMD: Tensor, batch: int, drop: Drop) -> Tensor:
        prefix, site = f"blocks.{layer}.", 1 + 2 * layer
        norm1, norm2 = f"{prefix}norm1", f"{prefix}norm2"
        if self.shape.norm == "pre":
            y_KMD = self._attend(parameters, prefix, _norm(parameters, norm1, x_KMD), batch)
            x_KMD = x_KMD + drop(y_KMD, site)
            return x_KMD + drop(self._feed(parameters, prefix, _norm(parameters, norm2, x_KMD)), site + 1)
        y_KMD = self._attend(parameters, prefix, x_KMD, batch)
        x_KMD = _norm(parameters, norm1, x_KMD + drop(y_KMD, site))
        return _norm(parameters, norm2, x_KMD + drop(self._feed(parameters, prefix, x_KMD), site + 1))

    def _attend(self, parameters: dict[str, Tensor], prefix: str, x_KMD: Tensor, batch: int) -> Tensor:
        K, M, D = x_KMD.shape
        if self.narrow_heads:
            weight_KCD, bias_KC = parameters[f"{prefix}attention.qkv.weight"], parameters[f"{prefix}attention.qkv.bias"]
            bias_KC1, weight_KCD = bias_KC[:, :, None].to(self.dtype), weight_KCD.to(self.dtype)
            qkv_KCM = torch.baddbmm(bias_KC1, weight_KCD, x_KMD.mT.to(self.dtype))
            y_KDM = narrow_attention(qkv_KCM.to(self.attention_dtype), Heads(K, self.shape.n_heads, batch, M // batch))
            return self._linear(parameters, f"{prefix}attention.out", y_KDM.mT)
        heads = (K * batch, M // batch, 3, self.shape.n_heads, self.shape.width_head)
        qkv = (
            self._linear(parameters, f"{prefix}attention.qkv", x_KMD)
            .to(self.attention_dtype)
            .view(heads)
            .permute(2, 0, 3, 1, 4)
        )
        q_XHTE, k_XHTE, v_XHTE = qkv.unbind(0)
        y_XHTE = functional.scaled_dot_product_attention(q_XHTE, k_XHTE, v_XHTE, is_causal=True)
        return self._linear(parameters, f"{prefix}attention.out", y_XHTE.transpose(1, 2).reshape(K, M, D))

    def _feed(self, parameters: dict[str, Tensor], prefix: str, x_KMD: Tensor) -> Tensor:
        h_KMF: Tensor = self.activation(self._linear(parameters, f"{prefix}feed_forward.up", x_KMD))
        return self._linear(parameters, f"{prefix}feed_forward.down", h_KMF)

    def _linear(self, parameters: dict[str, Tensor], name: str, x_KMI: Tensor) -> Tensor:
        weight_KOI, bias_KO = parameters[f"{name}.weight"], parameters[f"{name}.bias"]
        return linear(x_KMI.to(self.dtype), weight_KOI.to(self.dtype), bias_KO.to(self.dtype))


def _norm(parameters: dict[str, Tensor], name: str, x_KMD: Tensor) -> Tensor:
    weight_KD, bias_KD = parameters[f"{name}.weight"], parameters[f"{name}.bias"]
    return torch.addcmul(bias_KD[:, None], functional.layer_norm(x_KMD, x_KMD.shape[-1:]), weight_KD[:, None])
