"""The program: the updates of all lanes on a device.

Tensor names: K lanes, N floats of a row, U updates, B batch, S = context + 1 bytes of a window, W validation windows,
C coefficients, G lanes of a group.
"""

import torch
from torch import Tensor

from worker.lanes.dropout import Dropout
from worker.lanes.feed import Stretch
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
        self.shape = shape
        self.layout = layout_of(shape)
        self.model = FusedTransformer(shape, device)
        self.adam = RowAdam(shape.optimizer, self.layout, device)
        cached = max(1, _CACHED_FLOATS // (shape.tokens_per_update * shape.d_model))
        self.group = cached if device.type == "cpu" else None

    def advance(self, rows_3KN: Tensor, alive_K: Tensor, stretch: Stretch) -> Tensor:
        """Apply the stretch's U updates to its lanes, which lie in the first rows, in place.

        Returns the losses and the gradient norms, [2, U, K] on the host. Rows are parameters, first and second
        moments; ``alive_K`` and the rows as in ``update``.
        """
        results_2UK = torch.empty(2, stretch.updates, stretch.lanes, device=rows_3KN.device)
        for lanes in self._groups(stretch.lanes):
            for u in range(stretch.updates):
                results_2UK[:, u, lanes] = self.update(
                    rows_3KN[:, lanes],
                    alive_K[lanes],
                    windows_KBS=stretch.windows_UKBS[u, lanes],
                    table_CK=stretch.table_UCK[u, :, lanes],
                    dropout=stretch.dropout(u, lanes),
                )
        return results_2UK.cpu()

    def update(
        self, rows_3KN: Tensor, alive_K: Tensor, *, windows_KBS: Tensor, table_CK: Tensor, dropout: Dropout | None
    ) -> Tensor:
        """Apply one update to every lane, in place; return the losses and the gradient norms, [2, K].

        ``alive_K`` turns False for a lane whose loss or gradient norm is not finite, and the rows of such a lane
        stay as they are. Nothing waits for the device.
        """
        p_KN, m_KN, v_KN = rows_3KN
        leaf_KN = p_KN.detach().requires_grad_()
        loss_K = self.model.losses(self.layout.views(leaf_KN), windows_KBS.long(), dropout)
        (g_KN,) = torch.autograd.grad(loss_K.sum(), leaf_KN)
        norm_K = torch.linalg.vector_norm(g_KN, dim=1)
        alive_K.logical_and_(torch.isfinite(loss_K) & torch.isfinite(norm_K))
        self.adam.update(p_KN=p_KN, m_KN=m_KN, v_KN=v_KN, g_KN=g_KN, norm_K=norm_K, alive_K=alive_K, table_CK=table_CK)
        return torch.stack([loss_K.detach(), norm_K])

    @torch.no_grad()
    def evaluate(self, p_KN: Tensor, windows_KWS: Tensor) -> Tensor:
        """Return the mean loss of every lane over its W windows, float64 [K]."""
        total_K = torch.zeros(len(p_KN), dtype=torch.float64, device=p_KN.device)
        for lanes in self._groups(len(p_KN)):
            parameters = self.layout.views(p_KN[lanes])
            for windows_GBS in torch.split(windows_KWS[lanes], self.shape.batch_size, dim=1):
                total_K[lanes] += self.model.losses(parameters, windows_GBS.long()) * windows_GBS.shape[1]
        return total_K / windows_KWS.shape[1]

    def _groups(self, lanes: int) -> list[slice]:
        group = self.group or lanes
        return [slice(first, min(first + group, lanes)) for first in range(0, lanes, group)]
