"""The training loop: fill free lanes, advance all of them, take validation losses, let go of runs that end."""

import logging
import math
import time
import traceback

import torch

from service.wire.protocol import Outcome, ValPoint
from worker.bell import Bell
from worker.calibration import Capacity
from worker.claiming import Claimer
from worker.divergence import FACTOR
from worker.labels import about
from worker.lanes.log import Past, StepLog
from worker.lanes.memory import is_out_of_memory
from worker.lanes.sharing import SharedLanes
from worker.metering import Meter
from worker.parking import Parking
from worker.reporting import Reporter
from worker.states import States, Why
from worker.tracking import Ending, Status, Tracker
from worker.training import Training
from worker.triage import Cause, cause_of

log = logging.getLogger(__name__)

STRETCH_SECONDS = 0.5
GATHER_SECONDS = 0.2


class Loop:
    """Trains what the claimer brings, in lanes on one device, until told to drain.

    The capacity says how many lanes a shape gets; before any shape is known, the first claim asks for a fixed number
    of runs. Runs that agree so far share a lane, so it may hold more runs than lanes; before it trains on, it gathers
    those that come soon and may share.

    The training thread alone touches the batch. It looks up between stretches of about half a second, so an order
    takes effect within one.
    """

    def __init__(
        self,
        device: torch.device,
        capacity: Capacity,
        *,
        first_claim: int,
        bell: Bell,
        claimer: Claimer,
        reporter: Reporter,
        tracker: Tracker | None,
        states: States | None = None,
        meter: Meter | None = None,
    ) -> None:
        self._device = device
        self._capacity = capacity
        self._first_claim = first_claim
        self._bell = bell
        self._claimer = claimer
        self._reporter = reporter
        self._tracker = tracker
        self._states = states
        self._parking = Parking(reporter, tracker, states)
        self._meter = meter or Meter()
        self._lanes: SharedLanes[int] | None = None
        self._shape_key: str | None = None
        self._fitting: dict[str, int] = {}
        self._active: dict[int, Training] = {}
        self._ending: list[Training] = []
        self._seconds_per_update = 0.02
        self._asked = self._executed = 0

    def run(self) -> None:
        """Train until the bell says to leave; runs that are active then are given back, their records as scheduled.

        Their states are kept by then, or about to be written.
        """
        while not self._bell.leaving:
            self._obey()
            self._tidy()
            arrived = self._claimer.take()
            for training in arrived:
                self._admit(training)
            room = self._lanes.room if self._lanes is not None else self._first_claim
            if any(training.lease.alone for training in self._active.values()):
                room = 0
            self._claimer.want(room, self._shape_key if self._active else None)
            if not self._active:
                self._reporter.updates_per_second = 0.0
                self._bell.wait(1.0)
            elif arrived and room > 0 and self._lanes is not None and self._lanes.sharing:
                self._bell.wait(GATHER_SECONDS)
            else:
                self._train()
        for group in self._lanes.groups if self._lanes is not None else []:
            self._keep("drain", group[0])
        for training in list(self._active.values()):
            self._free(training)
            self._close(training, "SCHEDULED", "evicted")

    def _obey(self) -> None:
        for training in list(self._active.values()):
            if training.order == "park":
                self._keep("drain", training.run_id, alone=True)
                self._free(training)
                self._parking.take(training)
            elif training.order == "prune":
                losses = training.history.val_loss
                self._end(training, Outcome(state="pruned", value=losses[-1][1] if losses else None))
            elif training.order != "continue":
                self._free(training)
                if training.order == "stop":
                    self._close(training, "KILLED", "cancelled")
                    self._forget_states(training)
                else:
                    self._let_go_of_states(training)
                    if self._tracker is not None:
                        self._tracker.forget(training.lease)

    def _admit(self, training: Training) -> None:
        if not self._active and self._shape_key != training.lease.shape:
            self._shape_key = None
            try:
                self._lanes = self._lanes_for(training)
            except (RuntimeError, MemoryError) as error:  # torch's OutOfMemoryError is a RuntimeError
                self._turn_away(training, error)
                return
            self._reporter.lanes = self._lanes.capacity
            self._shape_key = training.lease.shape
        assert self._lanes is not None
        assert self._shape_key == training.lease.shape, "a claim beside a training batch brings its shape only"
        earlier = self._active.get(training.run_id)
        if earlier is not None:  # its lease expired, and this worker was given the run again
            self._free(earlier)
        if self._tracker is not None:
            self._tracker.start(training.lease, lambda run_id: setattr(training, "mlflow_run_id", run_id))
        self._active[training.run_id] = training
        state, training.state = training.state, None
        past = self._lanes.admit(training.run_id, training.plan, eval_every=training.lease.eval_every, state=state)
        training.resumed_from = past.resumed_from
        if state is not None:
            self._lanes.executed[training.run_id] = state.executed(str(training.run_id))
        self._relive(training, past)

    def _lanes_for(self, training: Training) -> SharedLanes[int]:
        """Lanes for the shape of this run: as many as are fastest, or as fit."""
        lanes = self._fitting.get(training.lease.shape) or self._capacity.of(training.shape)
        while True:
            try:
                return SharedLanes[int](training.shape, lanes, self._device)
            except (RuntimeError, MemoryError) as error:
                if lanes == 1 or not is_out_of_memory(error):
                    raise
            lanes //= 2

    def _turn_away(self, training: Training, error: Exception) -> None:
        """Fail a run that never got as far as a lane."""
        reason = f"no room for one lane of this shape on {self._device}: {error}"
        log.error("run %d failed: %s", training.run_id, reason, extra=about(training.lease, "run.failed"))
        training.outcome = Outcome(state="failed", cause=cause_of(error), error=reason[:4000])
        self._let_go_of_states(training)
        self._reporter.hurry()

    def _relive(self, training: Training, past: Past) -> None:
        """Give a run that joined others, or goes on from a state, the record so far, as if it had been there."""
        if 0 in past.losses:
            self._note(training, past.losses[0])
        for entry in past.logs:
            if self._take_in(training, entry):
                self._note(training, past.losses[training.step])
            if training.run_id not in self._active:
                return

    def _train(self) -> None:
        try:
            self._stretch()
        except (RuntimeError, MemoryError) as error:
            memory_suffices, report = not is_out_of_memory(error), traceback.format_exc()
        else:
            self._keep_due()
            return
        # The error is gone by now, and with its traceback what the failed update had in memory.
        if memory_suffices:
            self._fail(self._foremost(), report)
        else:
            self._shrink(report)

    def _stretch(self) -> None:
        lanes = self._lanes
        assert lanes is not None
        self._meter.begin()
        lanes.seat(lambda run_id: self._keep("fork", run_id))
        self._note_shares(lanes.shares)
        self._settle([training for training in self._seated() if training.lacks_validation])
        if not lanes.remaining:
            return
        started = time.monotonic()
        pace = max(1, round(STRETCH_SECONDS / self._seconds_per_update))
        updates = min(pace, lanes.remaining, *(training.next_stop - training.step for training in self._seated()))
        logs = lanes.advance(updates)
        self._meter.charge(self._active, lanes.shares)
        seconds = max(1e-6, time.monotonic() - started)
        self._seconds_per_update = seconds / updates
        self._reporter.updates_per_second = updates * lanes.lanes / seconds
        self._settle([training for training in self._seated() if self._take_in(training, logs[training.run_id])])

    def _shrink(self, report: str) -> None:
        """After memory did not suffice for an update, which left all lanes as they were: go on with half of them."""
        lanes, key = self._lanes, self._shape_key
        assert lanes is not None
        assert key is not None
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
        try:
            shrunk = lanes.shrink()
        except (RuntimeError, MemoryError):
            why = f"out of memory on {self._device}, also while the batch was to shrink"
            self._fail(list(self._active.values()), f"{why}: {traceback.format_exc()[-3000:]}", "out_of_memory")
            self._lanes = self._shape_key = None
            return
        if shrunk:
            self._fitting[key] = self._reporter.lanes = lanes.capacity
            log.warning(
                "out of memory on %s; going on with %d lanes of this shape",
                self._device,
                lanes.capacity,
                extra={"action": "lanes.shrunk"},
            )
        else:
            why = f"out of memory on {self._device} with a single lane of this shape"
            self._fail(self._foremost(), f"{why}: {report[-3000:]}", "out_of_memory")

    def _note_shares(self, shares: dict[int, float]) -> None:
        for training in self._active.values():
            training.lane_share = shares.get(training.run_id, 0.0)

    def _seated(self) -> list[Training]:
        assert self._lanes is not None
        return [self._active[run_id] for run_id in self._lanes.seated]

    def _foremost(self) -> list[Training]:
        assert self._lanes is not None
        return [self._active[run_id] for run_id in self._lanes.foremost]

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
            return training.takes_validation
        self._end(training, Outcome(state="diverged", value=initial, diverged_at=diverged_at, error=reason))
        return False

    def _settle(self, trainings: list[Training]) -> None:
        """Take the validation losses of these runs, and keep states at the updates where others can branch off."""
        assert self._lanes is not None
        losses = self._lanes.evaluate([training.run_id for training in trainings]) if trainings else {}
        self._meter.charge(self._active, self._lanes.shares)
        for training in self._seated():
            ends = training.step == training.plan.total_steps
            if training.step == training.branch_point:
                self._keep("branch", training.run_id)
            if ends and self._tracker is not None and self._tracker.away:
                self._keep("end", training.run_id)
        for training in trainings:
            self._note(training, losses[training.run_id])

    def _note(self, training: Training, loss: float) -> None:
        """Record a validation loss, which may be the end of the run."""
        point = training.history.add_validation(training.step, loss)
        if self._tracker is not None:
            self._tracker.add(training.run_id, [point])
        if not math.isfinite(loss):
            initial = training.history.val_loss[0][1]
            reason = f"validation loss not finite after update {training.step}"
            self._end(training, Outcome(state="diverged", value=initial, diverged_at=training.step, error=reason))
            return
        training.unreported.append(ValPoint(step=training.step, value=loss))
        if training.step == training.plan.schedule.total_steps:
            self._complete(training, loss)

    def _complete(self, training: Training, loss: float) -> None:
        if training.history.lr == training.plan.schedule.lrs().tolist():
            self._end(training, Outcome(state="completed", value=loss))
        else:
            self._fail([training], "the rates that were applied are not those of the schedule")

    def _fail(self, trainings: list[Training], error: str, cause: Cause = "crash") -> None:
        for training in trainings:
            log.error(
                "run %d failed (%s): %s", training.run_id, cause, error, extra=about(training.lease, "run.failed")
            )
            self._end(training, Outcome(state="failed", cause=cause, error=error[-4000:]))

    def _end(self, training: Training, outcome: Outcome) -> None:
        self._free(training)
        status: Status = "FAILED" if outcome.state == "failed" else "FINISHED"
        self._close(training, status, outcome.cause or outcome.state, outcome)
        if outcome.state == "failed":
            self._let_go_of_states(training)
        else:
            self._ending.append(training)

    def _free(self, training: Training) -> None:
        del self._active[training.run_id]
        training.lane_share = 0.0
        assert self._lanes is not None
        training.history.executed = self._lanes.executed[training.run_id]
        self._lanes.remove(training.run_id)
        self._asked += training.step
        self._executed += training.history.executed
        if not self._active:
            log.info(
                "ledger: %d updates asked for so far, %d executed",
                self._asked,
                self._executed,
                extra={"action": "worker.ledger"},
            )

    def _keep_due(self) -> None:
        """Keep the states of the lanes whose time has come."""
        if self._states is None or self._lanes is None:
            return
        for run_id in self._lanes.leads:
            if self._active[run_id].step and self._states.is_due(self._active[run_id]):
                self._keep("interval", run_id)

    def _keep(self, why: Why, run_id: int, *, alone: bool = False) -> None:
        """Keep the state of the lane in which a run is, for all that share it or for this run alone."""
        lanes = self._lanes
        if self._states is None or lanes is None:
            return
        members = [self._active[sibling] for sibling in ((run_id,) if alone else lanes.siblings(run_id))]
        self._states.keep(why, members, lanes.executed, lambda: lanes.state(run_id))

    def _tidy(self) -> None:
        """Delete the states of runs whose end the service has confirmed; no one goes on with them."""
        self._parking.tidy()
        held = {id(training) for training in self._reporter.held()} if self._ending else set()
        for training in self._ending[:]:
            if id(training) not in held:
                self._ending.remove(training)
                if training.order in ("continue", "park", "prune"):  # orders to park or prune may come too late
                    self._forget_states(training)
                else:
                    self._let_go_of_states(training)
                    if training.order == "lost" and self._tracker is not None:
                        self._tracker.forget(training.lease, training.mlflow_run_id)

    def _forget_states(self, training: Training) -> None:
        if self._states is not None:
            self._states.ended(training.run_id)

    def _let_go_of_states(self, training: Training) -> None:
        if self._states is not None:
            self._states.let_go(training.run_id)

    def _close(self, training: Training, status: Status, name: str, outcome: Outcome | None = None) -> None:
        """Complete the run's record first, then tell the service: a run that counts as ended has all its metrics."""

        def closed() -> None:
            training.outcome = outcome
            self._reporter.hurry()

        if self._tracker is None:
            closed()
        else:
            ending = Ending(
                status=status,
                outcome=name,
                history=training.history,
                device_seconds=training.device_seconds,
                on_closed=closed,
            )
            self._tracker.finish(training.run_id, ending)
