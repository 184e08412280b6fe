"""A leased run on its way through a lane: what to train, how far it is, and what is still to be told."""

import math
import time
from dataclasses import dataclass, field
from functools import cached_property

from schedules import build
from service.wire.description import RunDescription
from service.wire.protocol import Lease, Outcome, RunReport, ValPoint
from worker.corpora import Corpora
from worker.divergence import Watch
from worker.history import History
from worker.lanes.identity import branch_point
from worker.lanes.plan import Plan
from worker.lanes.shape import Shape
from worker.lanes.state import State

VALIDATIONS_PER_REPORT = 10_000


def shape_and_plan(description: RunDescription, corpora: Corpora) -> tuple[Shape, Plan]:
    """What a run trains, in the fused trainer's terms.

    Raises:
        ValueError: the description is not that of a run that can be trained.
        CorruptCorpusError: see `Corpora.load`, which also raises what its source does.
    """
    model, optimizer = description.model, description.optimizer
    shape = Shape(**model.model_dump(exclude={"dropout"}), batch_size=description.batch_size, optimizer=optimizer.type)
    plan = Plan(
        schedule=build(description.schedule),
        seed=description.seed,
        data_seed=description.seed,
        beta1=optimizer.betas[0],
        beta2=optimizer.betas[1],
        eps=optimizer.eps,
        weight_decay=optimizer.weight_decay,
        grad_clip=optimizer.grad_clip,
        dropout=model.dropout,
        corpus=corpora.load(description.corpus, context=model.context, val_windows=description.val_windows),
    )
    return shape, plan


@dataclass(kw_only=True)
class Training:
    """One run under one lease. The training thread fills it in, the reporting thread reads it and gives orders.

    ``state`` is where the run can go on from, until it has a lane or waits for one. ``kept_at`` is when its state was
    last kept, or when it came. ``parked`` says that it can be given back: another worker finds all that it needs.
    ``device_seconds`` and ``joules`` are what it has cost so far; see ``worker.metering``.
    """

    lease: Lease
    shape: Shape
    plan: Plan
    history: History
    watch: Watch
    step: int = 0
    order: str = "continue"
    parked: bool = False
    lane_share: float = 0.0
    device_seconds: float = 0.0
    joules: float | None = None
    resumed_from: int = 0
    note: str | None = None
    state: State | None = None
    kept_at: float = field(default_factory=time.monotonic)
    mlflow_run_id: str | None = None
    outcome: Outcome | None = None
    unreported: list[ValPoint] = field(default_factory=list)

    @classmethod
    def of(cls, lease: Lease, corpora: Corpora) -> "Training":
        """What a lease asks for, in the fused trainer's terms.

        Raises:
            ValueError: the lease does not describe a run that can be trained.
        """
        shape, plan = shape_and_plan(lease, corpora)
        return cls(
            lease=lease,
            shape=shape,
            plan=plan,
            history=History(total_steps=plan.total_steps),
            watch=Watch(total_steps=plan.total_steps),
        )

    @property
    def run_id(self) -> int:
        """The run's id at the service; also the key of its lane."""
        return self.lease.run_id

    @cached_property
    def branch_point(self) -> int:
        """The last update through which the run does not depend on its length; see `identity.branch_point`."""
        return branch_point(self.plan.schedule)

    @property
    def next_stop(self) -> int:
        """The next update after which something is to be done: a validation, or to keep the state for longer runs."""
        every = self.lease.eval_every
        next_validation = min(self.plan.total_steps, (self.step // every + 1) * every)
        return min(next_validation, self.branch_point) if self.branch_point > self.step else next_validation

    @property
    def takes_validation(self) -> bool:
        """Whether a validation loss belongs to the update at which the run is."""
        return self.step == self.plan.total_steps or self.step % self.lease.eval_every == 0

    @property
    def lacks_validation(self) -> bool:
        """Whether that loss has yet to be taken."""
        taken = self.history.val_loss
        return self.takes_validation and not (taken and taken[-1][0] == self.step)

    def report(self) -> RunReport:
        """The news since the last report that the service has confirmed."""
        losses = self.history.train_loss[-1:]
        val = self.unreported[:VALIDATIONS_PER_REPORT]
        return RunReport(
            run_id=self.run_id,
            fence=self.lease.fence,
            step=self.step,
            lane_share=self.lane_share,
            device_seconds=self.device_seconds,
            joules=self.joules,
            resumed_from=self.resumed_from,
            note=self.note,
            train_loss=losses[0] if losses and math.isfinite(losses[0]) else None,
            val=val,
            mlflow_run_id=self.mlflow_run_id,
            outcome=self.outcome if len(val) == len(self.unreported) else None,
        )

    def confirmed(self, report: RunReport) -> None:
        """The service has taken in this report."""
        del self.unreported[: len(report.val)]
