"""The answer of a sweep: its best trial, what noise cannot tell from it, and PyTorch code that reproduces it."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from sqlalchemy import Row, Select, bindparam
from sqlalchemy.orm import Session

from service.domain import trials
from service.domain.sweeps import Glance
from service.errors import NotFoundError
from service.store.tables import Trial, in_state
from service.wire.views import Best

_MOST_TIES = 100


def best(session: Session, sweep: Glance, mlflow_url: str | None) -> Best:
    """The trial of the smallest value, and its ties.

    With replicates, a tie is a trial whose mean is within one standard error of the difference of the two means,
    sqrt((s1^2 + s2^2) / n); without, there is no measure of noise and only equal values tie.

    Raises:
        NotFoundError: no trial has completed yet.
    """
    ranked = session.execute(_ranked(), {"sweep": sweep.id}).all()
    if not ranked:
        raise NotFoundError(f"sweep {sweep.id} has no completed trial yet; try again when one has ended")
    first = ranked[0]
    ties = [trial for trial in ranked[1:] if _tie(first, trial, sweep.replicates)]
    shown = trials.views(session, sweep, [first, *ties], mlflow_url)
    return Best(trial=shown[0], ties=shown[1:], code=code(first.schedule, first.optimizer))


def code(schedule: Mapping[str, Any], optimizer: Mapping[str, Any]) -> str:
    """A training loop with this optimizer and schedule, for a `model` and a `batches` that the reader brings."""
    name = {"adam": "Adam", "adamw": "AdamW"}[optimizer["type"]]
    decay = optimizer["weight_decay"]
    imports = "build, param_groups, scheduler" if decay else "build, scheduler"
    parameters = f"param_groups(model, weight_decay={decay!r})" if decay else "model.parameters()"
    settings = f"lr=1.0, betas={tuple(optimizer['betas'])}, eps={optimizer['eps']!r}"
    lines = [
        "import torch",
        f"from schedules import {imports}",
        "",
        f"optimizer = torch.optim.{name}({parameters}, {settings}{'' if decay else ', weight_decay=0.0'})",
        f"schedule = build({dict(schedule)!r})",
        "rates = scheduler(optimizer, schedule)",
        "",
        "for _, batch in zip(range(schedule.total_steps), batches):",
        "    optimizer.zero_grad()",
        "    model(batch).backward()  # the loss of a batch",
    ]
    if optimizer["grad_clip"] is not None:
        lines.append(f"    torch.nn.utils.clip_grad_norm_(model.parameters(), {optimizer['grad_clip']!r})")
    return "\n".join([*lines, "    optimizer.step()", "    rates.step()", ""])


@cache
def _ranked() -> Select[*tuple[Any, ...]]:
    completed = Trial.sweep_id == bindparam("sweep"), in_state(Trial.state, "completed"), Trial.value.is_not(None)
    return trials.query().where(*completed).order_by(Trial.value, Trial.number).limit(_MOST_TIES)


def _tie(first: Row[*tuple[Any, ...]], other: Row[*tuple[Any, ...]], replicates: int) -> bool:
    if first.spread is None or other.spread is None:
        return bool(other.value == first.value)
    error = ((first.spread**2 + other.spread**2) / replicates) ** 0.5
    return bool(other.value - first.value <= error)
