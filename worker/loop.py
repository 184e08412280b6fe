"""The training loop: fill free lanes, advance all of them, take validation losses, let go of runs that end."""

import logging
import math
import time
import traceback

import torch

from service.wire.protocol import Outcome, ValPoint
from worker.bell import Bell
from worker.claiming import Claimer
from worker.divergence import FACTOR
from worker.lanes.batch import LaneBatch
from worker.lanes.log import StepLog
from worker.reporting import Reporter
from worker.tracking import Ending, Status, Tracker
from worker.training import Training

log = logging.getLogger(__name__)

STRETCH_SECONDS = 0.5


class Loop:
    """Trains what the claimer brings, in at most `capacity` lanes on one device, until told to drain.

    The training thread alone touches the batch. It looks up between stretches of about half a second, so an order
    takes effect within one.
    """

    def __init__(
        self,
        device: torch.device,
        capacity: int,
        *,
        bell: Bell,
        claimer: Claimer,
        reporter: Reporter,
        tracker: Tracker | None,
    ) -> None:
        self._device = device
        self._capacity = capacity
        self._bell = bell
        self._claimer = claimer
        self._reporter = reporter
        self._tracker = tracker
        self._batch: LaneBatch[int] | None = None
        self._shape_key: str | None = None
        self._active: dict[int, Training] = {}
        self._seconds_per_update = 0.02

    def run(self) -> None:
        """Train until the bell says to leave; runs in lanes then are given back, their records left as scheduled."""
        while not self._bell.leaving:
            self._obey()
            for training in self._claimer.take():
                self._admit(training)
            self._claimer.want(self._capacity - len(self._active), self._shape_key if self._active else None)
            if self._active:
                self._train()
            else:
                self._reporter.updates_per_second = 0.0
                self._bell.wait(1.0)
        for training in list(self._active.values()):
            self._free(training)
            self._close(training, "SCHEDULED", "queued")

    def _obey(self) -> None:
        for training in list(self._active.values()):
            if training.order != "continue":
                self._free(training)
                if training.order == "stop":
                    self._close(training, "KILLED", "cancelled")
                elif self._tracker is not None:
                    self._tracker.forget(training.run_id)

    def _admit(self, training: Training) -> None:
        if not self._active and self._shape_key != training.lease.shape:
            self._batch = LaneBatch[int](training.shape, self._capacity, self._device)
            self._shape_key = training.lease.shape
        assert self._batch is not None
        assert self._shape_key == training.lease.shape, "a claim beside a training batch brings its shape only"
        if self._tracker is not None:
            self._tracker.start(training.lease, lambda run_id: setattr(training, "mlflow_run_id", run_id))
        self._active[training.run_id] = training
        try:
            self._batch.admit(training.run_id, training.plan)
            self._validate([training])
        except (RuntimeError, ValueError):
            self._fail([training], traceback.format_exc())

    def _train(self) -> None:
        assert self._batch is not None
        started = time.monotonic()
        pace = max(1, round(STRETCH_SECONDS / self._seconds_per_update))
        updates = min(pace, *(training.next_validation() - training.step for training in self._active.values()))
        try:
            logs = self._batch.advance(updates)
            seconds = max(1e-6, time.monotonic() - started)
            self._seconds_per_update = seconds / updates
            self._reporter.updates_per_second = updates * len(self._active) / seconds
            due = [training for key, training in list(self._active.items()) if self._take_in(training, logs[key])]
            self._validate(due)
        except RuntimeError:
            self._fail(list(self._active.values()), traceback.format_exc())

    def _take_in(self, training: Training, entry: StepLog) -> bool:
        """Record a stretch; whether a validation loss is due after it."""
        initial = training.history.val_loss[0][1]
        diverged_at, reason = entry.diverged_at, f"loss or gradient not finite at update {entry.diverged_at}"
        completed_window = training.watch.diverged_at(entry, initial)
        if completed_window is not None:
            diverged_at = completed_window
            entry = entry.until(completed_window)
            reason = f"loss above {FACTOR} times its initial value for {training.watch.window} updates in a row"
        points = training.history.add_updates(entry)
        if self._tracker is not None:
            self._tracker.add(training.run_id, points)
        training.step += len(entry.train_loss)
        if diverged_at is None:
            return training.step == training.plan.schedule.total_steps or training.step % training.lease.eval_every == 0
        self._end(training, Outcome(state="diverged", value=initial, diverged_at=diverged_at, error=reason))
        return False

    def _validate(self, trainings: list[Training]) -> None:
        if not trainings:
            return
        assert self._batch is not None
        losses = self._batch.evaluate([training.run_id for training in trainings])
        for training in trainings:
            loss = losses[training.run_id]
            point = training.history.add_validation(training.step, loss)
            if self._tracker is not None:
                self._tracker.add(training.run_id, [point])
            if not math.isfinite(loss):
                initial = training.history.val_loss[0][1]
                reason = f"validation loss not finite after update {training.step}"
                self._end(training, Outcome(state="diverged", value=initial, diverged_at=training.step, error=reason))
                continue
            training.unreported.append(ValPoint(step=training.step, value=loss))
            if training.step == training.plan.schedule.total_steps:
                self._end(training, Outcome(state="completed", value=loss))

    def _fail(self, trainings: list[Training], error: str) -> None:
        log.error("%d runs failed: %s", len(trainings), error)
        for training in trainings:
            self._end(training, Outcome(state="failed", error=error[-4000:]))

    def _end(self, training: Training, outcome: Outcome) -> None:
        self._free(training)
        status: Status = "FAILED" if outcome.state == "failed" else "FINISHED"
        self._close(training, status, outcome.state, outcome)

    def _free(self, training: Training) -> None:
        del self._active[training.run_id]
        assert self._batch is not None
        if training.run_id in self._batch.keys:
            self._batch.remove(training.run_id)

    def _close(self, training: Training, status: Status, name: str, outcome: Outcome | None = None) -> None:
        """Complete the run's record first, then tell the service: a run that counts as ended has all its metrics."""

        def closed() -> None:
            training.outcome = outcome
            self._reporter.hurry()

        if self._tracker is None:
            closed()
        else:
            ending = Ending(status=status, outcome=name, history=training.history, on_closed=closed)
            self._tracker.finish(training.run_id, ending)
