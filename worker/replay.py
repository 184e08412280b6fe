"""A finished run, trained again alone with plain PyTorch, against what was recorded of it in a lane."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.wire.description import RunDescription
from worker.corpora import Corpora
from worker.history import History
from worker.lanes.alone import Alone
from worker.lanes.plan import Plan
from worker.lanes.shape import Shape
from worker.training import shape_and_plan

TOLERANCES = {"fp32": 1e-5, "bf16": 1e-2}  # nats
STRETCH = 50


@dataclass(frozen=True, kw_only=True)
class Replay:
    """What a replay found over ``updates`` updates.

    ``same_rates`` says whether torch's scheduler applied the recorded rate at every update, exactly. Losses and
    gradient norms are compared by the largest absolute difference, first met at update ``loss_difference_at``; where
    neither side is a finite number they agree, and where one is not, the difference is infinite. ``parts_at`` is the
    first update whose losses differ by more than ``tolerance`` nats, None if none do: both compute the same formulae,
    in another order, and a run at a high rate multiplies the rounding errors, so that late differences say little where
    early ones are small.
    """

    updates: int
    same_rates: bool
    loss_difference: float
    loss_difference_at: int
    norm_difference: float
    tolerance: float
    parts_at: int | None


def replay_run(
    description: RunDescription,
    corpora: Corpora,
    history: bytes,
    *,
    updates: int | None = None,
    on_progress: Callable[[int], None] = lambda _: None,
) -> Replay:
    """Replay a run from its description and its artifact `history.json.gz`; see `replay`.

    Raises:
        ValueError: the description is not that of a run that can be trained, or the history is not one.
        CorruptCorpusError: see `Corpora.load`, which also raises what its source does.
    """
    shape, plan = shape_and_plan(description, corpora)
    recorded = History.read(history, total_steps=plan.total_steps)
    return replay(shape, plan, recorded, updates=updates, on_progress=on_progress)


def replay(
    shape: Shape,
    plan: Plan,
    recorded: History,
    *,
    updates: int | None = None,
    on_progress: Callable[[int], None] = lambda _: None,
) -> Replay:
    """Train the recorded updates, or the first ``updates`` of them, with `torch.nn`, `torch.optim` and our scheduler.

    ``on_progress`` is told now and again how many updates have been trained.

    Raises:
        ValueError: there is nothing to compare, or the history is longer than the run.
    """
    count = len(recorded.lr) if updates is None else min(updates, len(recorded.lr))
    if not 1 <= count <= plan.total_steps:
        raise ValueError(f"updates: {count} cannot be replayed; the run has 1 to {plan.total_steps}")
    alone = Alone(shape, plan)
    logs = []
    for first in range(0, count, STRETCH):
        logs.append(alone.advance(min(STRETCH, count - first)))
        on_progress(alone.update)
    rates = np.concatenate([log.lr for log in logs])
    losses = np.concatenate([log.train_loss for log in logs]).astype(np.float64)
    norms = np.concatenate([log.grad_norm for log in logs]).astype(np.float64)
    loss_differences = _differences(losses, recorded.train_loss[:count])
    tolerance = TOLERANCES[shape.precision]
    beyond = np.flatnonzero(loss_differences > tolerance)
    return Replay(
        updates=count,
        same_rates=bool(np.array_equal(rates, recorded.lr[:count])),
        loss_difference=float(loss_differences.max()),
        loss_difference_at=int(loss_differences.argmax()) + 1,
        norm_difference=float(_differences(norms, recorded.grad_norm[:count]).max()),
        tolerance=tolerance,
        parts_at=int(beyond[0]) + 1 if beyond.size else None,
    )


def _differences(found: NDArray[np.float64], recorded: list[float]) -> NDArray[np.float64]:
    finite, recorded_finite = np.isfinite(found), np.isfinite(recorded)
    with np.errstate(invalid="ignore"):
        differences = np.abs(found - recorded)
    return np.where(finite & recorded_finite, differences, np.where(finite == recorded_finite, 0.0, np.inf))
