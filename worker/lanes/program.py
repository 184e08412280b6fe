"""The program: the updates of all lanes on a device.

Tensor names: K lanes, N floats of a row, U updates, B batch, S = context + 1 bytes of a window, W validation windows,
C coefficients, G lanes of a group.
"""

import torch
from torch import Tensor

from worker.lanes.layout import layout_of
from worker.lanes.model import FusedTransformer
from worker.lanes.optimizer import RowAdam
from worker.lanes.shape import Shape

_CACHED_FLOATS = 1 << 18  # of one activation of a group: 1 MiB; measured, with little lost at half or twice of it


class Program:
    """Trains and evaluates lanes whose parameters and moments lie in rows; it knows nothing of runs.

    On a CPU lanes train in groups whose activations fit its cache; what a lane computes does not depend on its group.
    """

    def __init__(self, shape: Shape, device: torch.device) -> None:
        self.layout = layout_of(shape)
        self.model = FusedTransformer(shape, device)
        self.adam = RowAdam(shape.optimizer, self.layout, device)
        self.batch_size = shape.batch_size
        cached = max(1, _CACHED_FLOATS // (shape.tokens_per_update * shape.d_model))
        self.group = cached if device.type == "cpu" else None

    def advance(self, rows_3KN: Tensor, alive_K: Tensor, windows_UKBS: Tensor, table_UCK: Tensor) -> Tensor:
        """Apply U updates to every lane, in place; return the losses and the gradient norms, [2, U, K].

        Rows are parameters, first and second moments. ``alive_K`` turns False for a lane whose loss or gradient
        norm is not finite, and the rows of such a lane stay as they are. Nothing waits for the device.
        """
        updates, n = windows_UKBS.shape[:2]
        results_2UK = torch.empty(2, updates, n, device=rows_3KN.device)
        for lanes in self._groups(n):
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

    @torch.no_grad()
    def evaluate(self, p_KN: Tensor, windows_KWS: Tensor) -> Tensor:
        """Return the mean loss of every lane over its W windows, float64 [K]."""
        total_K = torch.zeros(len(p_KN), dtype=torch.float64, device=p_KN.device)
        for lanes in self._groups(len(p_KN)):
            parameters = self.layout.views(p_KN[lanes])
            for windows_GBS in torch.split(windows_KWS[lanes], self.batch_size, dim=1):
                total_K[lanes] += self.model.losses(parameters, windows_GBS.long()) * windows_GBS.shape[1]
        return total_K / windows_KWS.shape[1]

    def _groups(self, lanes: int) -> list[slice]:
        group = self.group or lanes
        return [slice(first, first + group) for first in range(0, lanes, group)]
