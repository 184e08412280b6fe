"""A schedule as a torch learning-rate scheduler."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from schedules.families import build
from schedules.schedule import Schedule

SCALE = "lr_scale"


class ScheduleLR(LRScheduler):
    """Sets the rate of every parameter group to ``schedule.lr(n)`` times the group's scale, at update n.

    The rate that the optimizer was built with is not used. A group's scale is its entry ``lr_scale`` (1 if it has
    none), so the optimizer's own state carries it. After the run's last update the last rate stays. Every rate is
    computed from the number of the update alone, so a resumed run continues bit for bit.
    """

    def __init__(
        self, optimizer: Optimizer, schedule: Schedule, *, scales: Sequence[float] | None = None, completed: int = 0
    ) -> None:
        """See ``schedules.scheduler``."""
        if completed < 0:
            raise ValueError(f"completed = {completed} is negative; give the number of updates done so far")
        if scales is not None and len(scales) != len(optimizer.param_groups):
            groups = len(optimizer.param_groups)
            raise ValueError(f"scales has {len(scales)} entries for {groups} parameter groups; give one for each")
        for group, scale in zip(optimizer.param_groups, scales or (), strict=scales is not None):
            group[SCALE] = float(scale)
        for group in optimizer.param_groups:
            rate = group["lr"]
            group.setdefault("initial_lr", rate.clone() if isinstance(rate, Tensor) else rate)
        self.schedule = schedule
        super().__init__(optimizer, last_epoch=completed - 1)

    def get_lr(self) -> list[float | Tensor]:
        """Return the rate of each parameter group for the update to come."""
        rate = self.schedule.lr(min(self.last_epoch + 1, self.schedule.total_steps))
        return [rate * group.get(SCALE, 1.0) for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """Return what a resume needs, as plain data: the schedule, and how many updates are done."""
        return {"schedule": self.schedule.to_dict(), "last_epoch": self.last_epoch, "_step_count": self._step_count}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where ``state_dict`` was taken and set the rates of the optimizer's groups for the next update.

        Raises ValueError where it was taken under another schedule; to go on under a new one on purpose, build the
        scheduler with ``completed`` instead.
        """
        saved = build(state_dict["schedule"])
        if saved != self.schedule:
            raise ValueError(
                f"the state was saved under {saved.to_dict()}, this scheduler follows {self.schedule.to_dict()}; "
                "build it with the saved schedule, or with completed= to change the schedule on purpose"
            )
        self._step_count = state_dict["_step_count"]
        self.last_epoch = state_dict["last_epoch"]
        rates = self.get_lr()
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(rate)
            else:
                group["lr"] = rate
        self._last_lr = rates


def scheduler(
    optimizer: Optimizer, schedule: Schedule, *, scales: Sequence[float] | None = None, completed: int = 0
) -> ScheduleLR:
    """Return a torch ``LRScheduler`` that applies ``schedule`` to ``optimizer``; call its ``step()`` after each update.

    ``scales`` multiplies the rates group by group (else each group's own ``lr_scale``, else 1). ``completed`` is the
    number of updates already done, for going on without a saved scheduler. Raises ValueError for a number of scales
    that is not the number of groups.
    """
    return ScheduleLR(optimizer, schedule, scales=scales, completed=completed)
