"""A finished run, trained again alone with plain PyTorch, against what was recorded of it in a lane."""

from dataclasses import dataclass

import numpy as np

from service.wire.protocol import Lease
from worker.corpora import Corpora
from worker.history import History
from worker.lanes.alone import Alone
from worker.lanes.plan import Plan
from worker.lanes.shape import Shape
from worker.training import Training

TOLERANCES = {"fp32": 1e-5, "bf16": 1e-2}  # nats
STRETCH = 50


@dataclass(frozen=True, kw_only=True)
class Replay:
    """What a replay found over ``updates`` updates.

    ``same_rates`` says whether torch's scheduler applied the recorded rate at every update, exactly. Losses and
    gradient norms are compared by the largest absolute difference. ``parts_at`` is the first update whose losses
    differ by more than 1e-5 nats (1e-2 in bf16), None if none do: both compute the same formulae, in another order,
    and a run at a high rate multiplies the rounding errors, so that late differences say little where early ones are
    small.
    """

    updates: int
    same_rates: bool
    loss_difference: float
    norm_difference: float
    parts_at: int | None


def replay_lease(lease: Lease, corpora: Corpora, history: bytes, *, updates: int | None = None) -> Replay:
    """Replay a run from its lease and its artifact `history.json.gz`; see `replay`.

    Raises:
        ValueError: the lease does not describe a run that can be trained, or the history is not one.
        CorruptCorpusError, UnreachableError, RefusedError: see `Corpora.load`.
    """
    training = Training.of(lease, corpora)
    recorded = History.read(history, total_steps=training.plan.total_steps)
    return replay(training.shape, training.plan, recorded, updates=updates)


def replay(shape: Shape, plan: Plan, recorded: History, *, updates: int | None = None) -> Replay:
    """Train the recorded updates, or the first ``updates`` of them, with `torch.nn`, `torch.optim` and our scheduler.

    Raises:
        ValueError: there is nothing to compare, or the history is longer than the run.
    """
    count = len(recorded.lr) if updates is None else min(updates, len(recorded.lr))
    if not 1 <= count <= plan.total_steps:
        raise ValueError(f"updates: {count} cannot be replayed; the run has 1 to {plan.total_steps}")
    alone = Alone(shape, plan)
    logs = [alone.advance(min(STRETCH, count - first)) for first in range(0, count, STRETCH)]
    rates = np.concatenate([log.lr for log in logs])
    losses = np.concatenate([log.train_loss for log in logs]).astype(np.float64)
    norms = np.concatenate([log.grad_norm for log in logs]).astype(np.float64)
    loss_differences = np.abs(losses - recorded.train_loss[:count])
    beyond = np.flatnonzero(~(loss_differences <= TOLERANCES[shape.precision]))
    return Replay(
        updates=count,
        same_rates=bool(np.array_equal(rates, recorded.lr[:count])),
        loss_difference=float(loss_differences.max()),
        norm_difference=float(np.abs(norms - recorded.grad_norm[:count]).max()),
        parts_at=int(beyond[0]) + 1 if beyond.size else None,
    )
