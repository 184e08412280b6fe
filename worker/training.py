"""A leased run on its way through a lane: what to train, how far it is, and what is still to be told."""

import math
from dataclasses import dataclass, field

from schedules import build
from service.wire.description import RunDescription
from service.wire.protocol import Lease, Outcome, RunReport, ValPoint
from worker.corpora import Corpora
from worker.divergence import Watch
from worker.history import History
from worker.lanes.plan import Plan
from worker.lanes.shape import Shape


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
    """One run under one lease. The training thread fills it in, the reporting thread reads it and gives orders."""

    lease: Lease
    shape: Shape
    plan: Plan
    history: History
    watch: Watch
    step: int = 0
    order: str = "continue"
    lane_share: float = 0.0
    resumed_from: int = 0
    note: str | None = None
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

    def next_validation(self) -> int:
        """The next update after which the validation loss is taken."""
        every = self.lease.eval_every
        return min(self.plan.schedule.total_steps, (self.step // every + 1) * every)

    def report(self) -> RunReport:
        """The news since the last report that the service has confirmed."""
        losses = self.history.train_loss[-1:]
        return RunReport(
            run_id=self.run_id,
            fence=self.lease.fence,
            step=self.step,
            lane_share=self.lane_share,
            resumed_from=self.resumed_from,
            note=self.note,
            train_loss=losses[0] if losses and math.isfinite(losses[0]) else None,
            val=self.unreported[:],
            mlflow_run_id=self.mlflow_run_id,
            outcome=self.outcome,
        )

    def confirmed(self, report: RunReport) -> None:
        """The service has taken in this report."""
        del self.unreported[: len(report.val)]
