"""A run trained alone: the plain twin with torch's own optimizer, clipping and scheduler.

Tensor names: U updates, B batch, S = context + 1 bytes of a window.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from schedules.torch_scheduler import scheduler
from worker.lanes.dropout import Dropout, update_seeds
from worker.lanes.log import StepLog
from worker.lanes.plain import Drop, Transformer, decayed, keep
from worker.lanes.plan import Plan
from worker.lanes.shape import Shape


class Alone:
    """One run, as anybody would write it in PyTorch. ``loss`` is the model's, and may be replaced by a compiled one."""

    def __init__(self, shape: Shape, plan: Plan, device: torch.device | str = "cpu") -> None:
        self.plan = plan
        self.device = torch.device(device)
        self.model = Transformer(shape, plan.seed).to(self.device)
        self.loss: Callable[[Tensor, Drop], Tensor] = self.model.loss
        self.optimizer = optimizer_of(self.model, plan)
        self.rates = scheduler(self.optimizer, plan.schedule)
        self.update = 0

    def advance(self, updates: int) -> StepLog:
        """Train ``updates`` updates further and return what was done."""
        plan, first = self.plan, self.update + 1
        assert first + updates - 1 <= plan.total_steps
        windows_UBS = plan.corpus.batches(plan.data_seed, first, updates, self.model.shape.batch_size)
        lr, train_loss, grad_norm = np.empty(updates), [], []
        for u, windows_BS in enumerate(torch.from_numpy(windows_UBS).to(self.device)):
            self.optimizer.zero_grad()
            loss = self.loss(windows_BS.long(), self._drop(first + u))
            torch.autograd.backward(loss)
            limit = float("inf") if plan.grad_clip is None else plan.grad_clip
            grad_norm.append(nn.utils.clip_grad_norm_(self.model.parameters(), limit))
            train_loss.append(loss.detach().clone())
            lr[u] = self.optimizer.param_groups[0]["lr"]
            self.optimizer.step()
            self.rates.step()
        self.update += updates
        losses_U, norms_U = (torch.stack(values).cpu().numpy() for values in (train_loss, grad_norm))
        return StepLog(first_update=first, lr=lr, train_loss=losses_U, grad_norm=norms_U)

    def _drop(self, update: int) -> Drop:
        """Return what drops out in an update: that of a single lane."""
        if not self.plan.dropout:
            return keep
        seed_1 = torch.from_numpy(update_seeds(self.plan.seed, update, 1)).to(self.device)
        dropout = Dropout(seed_1, torch.tensor([self.plan.dropout], device=self.device))
        return lambda x_BTD, site: dropout(x_BTD[None], site)[0]


def optimizer_of(model: Transformer, plan: Plan) -> torch.optim.Optimizer:
    """Return torch's Adam or AdamW for the plan, with weight decay on the matrices only; a scheduler sets the rate."""
    matrices = set(decayed(model))
    groups = [
        {"params": [p for name, p in model.named_parameters() if name in matrices], "weight_decay": plan.weight_decay},
        {"params": [p for name, p in model.named_parameters() if name not in matrices], "weight_decay": 0.0},
    ]
    kind = torch.optim.Adam if model.shape.optimizer == "adam" else torch.optim.AdamW
    return kind(groups, lr=1.0, betas=(plan.beta1, plan.beta2), eps=plan.eps)
