"""The wrapper of the Annotated Transformer and its descendants, with the state that a resume needs."""

from collections.abc import Callable
from typing import Any

import numpy as np
from torch.optim import Optimizer

from schedules.families.noam import Noam


class NoamOpt:
    """Sets the rate of every parameter group by the Noam formula, and steps the optimizer.

    A drop-in for the class of that name: the same arguments, ``step()``, ``rate()``, ``zero_grad()``,
    ``param_groups`` and ``state_dict()``. Unlike it, the state holds the optimizer's own state too, without which
    Adam would start again from empty moments. Training has no end here, so there is no total_steps.
    Source: Vaswani et al. 2017, section 5.3; Rush 2018, The Annotated Transformer.
    """

    def __init__(self, model_size: int, factor: float, warmup: int, optimizer: Optimizer) -> None:
        """Wrap ``optimizer``, whose own rate is not used. Raises ScheduleError for a size or warmup below 1."""
        self.optimizer = optimizer
        self._schedule = Noam(total_steps=max(1, warmup), d_model=model_size, warmup_steps=warmup, factor=factor)
        self._step = 0

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """The optimizer's parameter groups."""
        return self.optimizer.param_groups

    def rate(self, step: int | None = None) -> float:
        """Return the rate of update ``step`` (from 1), or of the last update taken. Raises ValueError before any."""
        update = self._step if step is None else step
        if update < 1:
            raise ValueError(f"there is no update {update}; updates count from 1")
        return float(self._schedule.rates_at(np.array([update], dtype=np.float64))[0])

    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Take one update at the next rate, and return what the optimizer's own ``step`` returns."""
        self._step += 1
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate()
        return self.optimizer.step(closure) if closure is not None else self.optimizer.step()

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Clear the gradients of the optimizer's parameters."""
        self.optimizer.zero_grad(set_to_none=set_to_none)

    def state_dict(self) -> dict[str, Any]:
        """Return the number of updates taken and the optimizer's state, as plain data and tensors."""
        return {"_step": self._step, "optimizer": self.optimizer.state_dict()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where ``state_dict`` was taken. Raises ValueError for one that lacks the optimizer's state."""
        if "optimizer" not in state_dict:
            raise ValueError(
                "the state holds the step but not the optimizer, as other NoamOpt classes save it; "
                'load {"_step": ..., "optimizer": optimizer.state_dict()}'
            )
        self._step = state_dict["_step"]
        self.optimizer.load_state_dict(state_dict["optimizer"])
