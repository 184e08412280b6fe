"""Adam and AdamW over rows, with every number of the optimizer its lane's own.

Kingma & Ba 2015; Loshchilov & Hutter 2019; in torch's order of operations. Tensor names: K lanes, N floats of
a row, U updates, C coefficients.
"""

from enum import IntEnum

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from worker.lanes.layout import Layout
from worker.lanes.plan import Plan

F64 = NDArray[np.float64]


class _C(IntEnum):
    """The rows of a table of coefficients."""

    STEP = 0  # -(lr / (1 - beta1**n))
    TAKE1 = 1  # 1 - beta1
    KEEP2 = 2  # beta2
    TAKE2 = 3  # 1 - beta2
    ROOT2 = 4  # sqrt(1 - beta2**n)
    EPS = 5
    DECAY = 6  # adam: weight_decay; adamw: -lr * weight_decay
    CLIP = 7  # infinity for off


N_COEFFICIENTS = len(_C)

# With these an update leaves p, m and v bit for bit as they are, if the gradient is zero.
_NEUTRAL = {_C.KEEP2: 1.0, _C.ROOT2: 1.0, _C.EPS: 1.0, _C.CLIP: 1.0}


def coefficients(optimizer: str, plan: Plan, lr_U: F64, first_update: int) -> F64:
    """Return the table [U, C] of one lane's updates from ``first_update`` on, in float64 as torch computes it."""
    n_U = np.arange(first_update, first_update + len(lr_U), dtype=np.float64)
    table_UC = np.empty((len(lr_U), len(_C)))
    table_UC[:, _C.STEP] = -(lr_U / (1 - plan.beta1**n_U))
    table_UC[:, _C.TAKE1] = 1 - plan.beta1
    table_UC[:, _C.KEEP2] = plan.beta2
    table_UC[:, _C.TAKE2] = 1 - plan.beta2
    table_UC[:, _C.ROOT2] = np.sqrt(1 - plan.beta2**n_U)
    table_UC[:, _C.EPS] = plan.eps
    table_UC[:, _C.DECAY] = plan.weight_decay if optimizer == "adam" else -lr_U * plan.weight_decay
    table_UC[:, _C.CLIP] = np.inf if plan.grad_clip is None else plan.grad_clip
    return table_UC


class RowAdam:
    """One optimizer kind over rows p, m and v [K, N], updated in place; elementwise, so no lane meets another."""

    def __init__(self, optimizer: str, layout: Layout, device: torch.device) -> None:
        self.decoupled = optimizer == "adamw"
        self.decayed = layout.decayed
        neutral = torch.tensor([_NEUTRAL.get(c, 0.0) for c in _C])
        self.neutral_C1 = neutral[:, None].to(device)

    @torch.no_grad()
    def update(
        self,
        *,
        p_KN: Tensor,
        m_KN: Tensor,
        v_KN: Tensor,
        g_KN: Tensor,
        norm_K: Tensor,
        alive_K: Tensor,
        table_CK: Tensor,
    ) -> None:
        """Apply gradients g, whose norms are given and which are overwritten, to all lanes that are alive.

        The others keep p, m and v bit for bit, whatever their gradient is.
        """
        table_CK = torch.where(alive_K, table_CK, self.neutral_C1)
        table_CK1 = table_CK[:, :, None]
        clip_K1 = (table_CK[_C.CLIP] / (norm_K + 1e-6)).clamp(max=1)[:, None]
        g_KN.mul_(clip_K1).masked_fill_(~alive_K[:, None], 0.0)
        p_KM, g_KM = p_KN[:, : self.decayed], g_KN[:, : self.decayed]
        if self.decoupled:
            p_KM.mul_(1 + table_CK1[_C.DECAY])
        else:
            g_KM.addcmul_(p_KM, table_CK1[_C.DECAY])
        m_KN.lerp_(g_KN, table_CK1[_C.TAKE1])
        v_KN.mul_(table_CK1[_C.KEEP2]).addcmul_(g_KN * table_CK1[_C.TAKE2], g_KN)
        denominator_KN = v_KN.sqrt().div_(table_CK1[_C.ROOT2]).add_(table_CK1[_C.EPS])
        p_KN.add_((m_KN * table_CK1[_C.STEP]).div_(denominator_KN))
