"""The program: the updates of all lanes on a device.

Tensor names: K lanes, N floats of a row, U updates, B batch, S = context + 1 bytes of a window, C coefficients,
G lanes of a group.
"""

import os

import torch
from torch import Tensor

from worker.lanes.layout import layout_of
from worker.lanes.model import FusedTransformer
from worker.lanes.optimizer import RowAdam
from worker.lanes.shape import Shape


class Program:
    """Trains and evaluates lanes whose parameters and moments lie in rows; it knows nothing of runs.

    Lanes train in groups whose activations fit the processor's cache. What a lane computes does not depend on the group.
    """

    def __init__(self, shape: Shape, device: torch.device) -> None:
        self.layout = layout_of(shape)
        self.model = FusedTransformer(shape, device)
        self.adam = RowAdam(shape.optimizer, self.layout, device)
        self.group = int(os.environ.get("GROUP", "16"))

    def advance(self, rows_3KN: Tensor, alive_K: Tensor, windows_UKBS: Tensor, table_UCK: Tensor) -> Tensor:
        """Apply U updates to every lane, in place; return the losses and the gradient norms, [2, U, K].

        Rows are parameters, first and second moments. ``alive_K`` turns False for a lane whose loss or gradient
        norm is not finite, and the rows of such a lane stay as they are. Nothing waits for the device.
        """
        results_2UK = torch.empty(2, *windows_UKBS.shape[:2], device=rows_3KN.device)
        for first in range(0, len(alive_K), self.group):
            lanes = slice(first, first + self.group)
            p_GN, m_GN, v_GN = rows_3KN[:, lanes]
            for u, windows_KBS in enumerate(windows_UKBS):
                leaf_GN = p_GN.detach().requires_grad_()
                loss_G = self.model.losses(self.layout.views(leaf_GN), windows_KBS[lanes].long())
                (g_GN,) = torch.autograd.grad(loss_G.sum(), leaf_GN)
                norm_G = torch.linalg.vector_norm(g_GN, dim=1)
                alive_G = alive_K[lanes].logical_and_(torch.isfinite(loss_G) & torch.isfinite(norm_G))
                self.adam.update(
                    p_KN=p_GN,
                    m_KN=m_GN,
                    v_KN=v_GN,
                    g_KN=g_GN,
                    norm_K=norm_G,
                    alive_K=alive_G,
                    table_CK=table_UCK[u, :, lanes],
                )
                results_2UK[0, u, lanes] = loss_G.detach()
                results_2UK[1, u, lanes] = norm_G
        return results_2UK
