"""A run trained alone: the plain twin with torch's own optimizer, clipping and scheduler.

Tensor names: B batch, S = context + 1 bytes of a window.
"""

import numpy as np
import torch
from torch import nn

from schedules.torch_scheduler import scheduler
from worker.lanes.log import StepLog
from worker.lanes.plain import Transformer, decayed
from worker.lanes.plan import Plan
from worker.lanes.shape import Shape


def optimizer_of(model: Transformer, plan: Plan) -> torch.optim.Optimizer:
    """Return torch's Adam or AdamW for the plan, with weight decay on the matrices only; the rate is left to set."""
    matrices = set(decayed(model))
    groups = [
        {"params": [p for name, p in model.named_parameters() if name in matrices], "weight_decay": plan.weight_decay},
        {"params": [p for name, p in model.named_parameters() if name not in matrices], "weight_decay": 0.0},
    ]
    kind = torch.optim.Adam if model.shape.optimizer == "adam" else torch.optim.AdamW
    return kind(groups, lr=1.0, betas=(plan.beta1, plan.beta2), eps=plan.eps)


def train(shape: Shape, plan: Plan, *, updates: int | None = None) -> tuple[Transformer, StepLog]:
    """Train ``plan`` on the CPU for ``updates`` updates (None: all of them); return the model and its log."""
    updates = plan.total_steps if updates is None else updates
    model = Transformer(shape, plan.seed)
    optimizer = optimizer_of(model, plan)
    rates = scheduler(optimizer, plan.schedule)
    log = StepLog(
        first_update=1,
        lr=np.empty(updates),
        train_loss=np.empty(updates, dtype=np.float32),
        grad_norm=np.empty(updates, dtype=np.float32),
    )
    windows_UBS = torch.from_numpy(plan.corpus.batches(plan.data_seed, 1, updates, shape.batch_size))
    for u, windows_BS in enumerate(windows_UBS):
        optimizer.zero_grad()
        loss = model.loss(windows_BS.long())
        torch.autograd.backward(loss)
        limit = float("inf") if plan.grad_clip is None else plan.grad_clip
        log.grad_norm[u] = nn.utils.clip_grad_norm_(model.parameters(), limit)
        log.train_loss[u] = loss.item()
        log.lr[u] = optimizer.param_groups[0]["lr"]
        optimizer.step()
        rates.step()
    return model, log
