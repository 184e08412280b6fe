"""When a run whose numbers are finite counts as diverged all the same.

A run has diverged when the training loss of every update of a window was above 1.25 times its initial loss. The
window is 2% of the run and at least 20 updates, anywhere in the run; the run ends with the window's last update. The
initial loss is the larger of the first validation loss and the first training loss, because the two texts differ in
difficulty: an untrained model of d_model 32 was measured at 5.4 nats on one and 5.8 on the other. A run that merely
learns nothing stayed below 1.15 times its initial loss in those measurements, one whose rate is too high by less
than a factor of 3 left it for at most 5 updates in a row, and one that blew up, for 150 or more at 5 to 200 times it.
"""

import math
from dataclasses import dataclass

from worker.lanes.log import StepLog

LEAST_WINDOW = 20
WINDOW_SHARE = 0.02
FACTOR = 1.25


@dataclass(kw_only=True)
class Watch:
    """Follows the training loss of one run, update by update, however these are portioned."""

    total_steps: int
    above: int = 0
    initial_loss: float | None = None

    @property
    def window(self) -> int:
        """How many updates in a row above the limit are divergence."""
        return max(LEAST_WINDOW, math.ceil(WINDOW_SHARE * self.total_steps))

    def diverged_at(self, log: StepLog, first_validation: float) -> int | None:
        """Take in the next updates; returns the one that completed a window above the limit, if one did."""
        for update, loss in enumerate(log.train_loss.tolist(), start=log.first_update):
            if self.initial_loss is None:
                self.initial_loss = max(loss, first_validation)
            self.above = self.above + 1 if loss > FACTOR * self.initial_loss else 0
            if self.above == self.window:
                return update
        return None
