"""The log: what a lane did in some updates, and the past: what it did from the first one on."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class StepLog:
    """The applied updates ``first_update`` ... ``last_update`` of one lane, one array element each.

    ``lr`` is the rate that was applied (float64, the schedule's); ``train_loss`` the mean cross-entropy of the
    batch before the update, in nats per byte; ``grad_norm`` the norm of the whole gradient before clipping.
    ``diverged_at`` is the update whose loss or gradient was not finite: it was not applied, so the arrays end
    one before it (they may be empty) and the lane stays as it was.
    """

    first_update: int
    lr: NDArray[np.float64]
    train_loss: NDArray[np.float32]
    grad_norm: NDArray[np.float32]
    diverged_at: int | None = None

    @property
    def last_update(self) -> int:
        """Return the number of the last applied update, ``first_update - 1`` when there is none."""
        return self.first_update + len(self.lr) - 1

    def until(self, update: int) -> "StepLog":
        """Return the log of these updates up to ``update``, which must be one of them."""
        assert self.first_update <= update <= self.last_update
        n = update - self.first_update + 1
        return replace(
            self, lr=self.lr[:n], train_loss=self.train_loss[:n], grad_norm=self.grad_norm[:n], diverged_at=None
        )


@dataclass(frozen=True, kw_only=True)
class Past:
    """What a run had done before it got here: its stretches of updates, and validation losses by update.

    Every validation loss that the run itself asks for was taken at the end of a stretch; there may be others.
    ``resumed_from`` is the update of the state from which its lane went on; 0 for one that began here.
    """

    logs: tuple[StepLog, ...] = ()
    losses: Mapping[int, float] = field(default_factory=dict)
    resumed_from: int = 0

    @property
    def update(self) -> int:
        """Return the number of updates done."""
        return sum(len(log.lr) for log in self.logs)

    def has_losses_of(self, eval_every: int, *, total_steps: int) -> bool:
        """Return whether a run of this length finds every loss here that it takes; see ``suffices``."""
        return suffices(self.losses, self.update, eval_every, total_steps)


def suffices(losses: Mapping[int, float], update: int, eval_every: int, total_steps: int) -> bool:
    """Return whether these losses are all that a run of this length takes up to ``update``.

    It takes one at every ``eval_every``-th update from 0 on, and at its end. Before the first update it lacks none,
    since it takes the first one itself.
    """
    needed = {*range(0, update + 1, eval_every), *([update] if update == total_steps else [])}
    return not update or losses.keys() >= needed
