"""The plan: everything that decides one run beside its shape."""

import math
from dataclasses import dataclass

from schedules.comparison import common_prefix
from schedules.schedule import Schedule
from worker.lanes.data import Corpus


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What one run does with its lane: the rate of every update, the seeds, the optimizer's numbers, the text.

    The run's length T is ``schedule.total_steps``. ``seed`` decides the initial weights and what drops out,
    ``data_seed`` the order of the text, so runs of equal ``data_seed`` are paired. ``dropout`` is the share of the
    embeddings, and of each sublayer's output, that is dropped in training. Weight decay is L2 under "adam" and
    decoupled under "adamw"; it reaches the matrices only. ``grad_clip`` bounds the norm of the whole gradient;
    None leaves it alone. Raises ValueError, naming the field and what would be right.
    """

    schedule: Schedule
    corpus: Corpus
    seed: int = 0
    data_seed: int = 0
    beta1: float = 0.9
    beta2: float = 0.98
    eps: float = 1e-9
    weight_decay: float = 0.0
    grad_clip: float | None = None
    dropout: float = 0.0

    def __post_init__(self) -> None:
        for name in ("seed", "data_seed"):
            if not 0 <= getattr(self, name) < 2**63:
                raise ValueError(f"{name}: {getattr(self, name)} is out of range; use 0 to 2**63 - 1")
        for name in ("beta1", "beta2", "dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name}: {getattr(self, name)} is out of range; use at least 0 and less than 1")
        for name in ("eps", "weight_decay"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name}: {getattr(self, name)} is out of range; use a finite number >= 0")
        if self.grad_clip is not None and not 0 < self.grad_clip < math.inf:
            raise ValueError(f"grad_clip: {self.grad_clip} is out of range; use a finite number > 0, or None for off")

    @property
    def total_steps(self) -> int:
        """Return the number of updates of the run, T."""
        return self.schedule.total_steps


def first_difference(one: Plan, other: Plan) -> str | None:
    """Return the name of the first field, the schedule aside, in which two plans train or validate differently."""
    for name in ("seed", "data_seed", "beta1", "beta2", "eps", "weight_decay", "grad_clip", "dropout"):
        if getattr(one, name) != getattr(other, name):
            return name
    return None if one.corpus.cut == other.corpus.cut else "corpus"


def agreement(one: Plan, other: Plan) -> int:
    """Return through how many updates two runs of one shape are the same run, bit for bit."""
    return common_prefix(one.schedule, other.schedule) if first_difference(one, other) is None else 0
