"""torch's own schedulers, stepped."""

import math
from collections.abc import Callable
from typing import Any

from torch.optim import Optimizer, lr_scheduler

from tests.unit.schedules.oracles.stepping import Oracle, applied

Make = Callable[[Any, Optimizer], lr_scheduler.LRScheduler]


def _warmup(s: Any, optimizer: Optimizer) -> lr_scheduler.LRScheduler:
    return lr_scheduler.LinearLR(optimizer, start_factor=s.start_lr / s.peak_lr, total_iters=s.warmup_steps)


def _after_warmup(main: Make) -> Oracle:
    def make(s: Any, optimizer: Optimizer) -> lr_scheduler.LRScheduler:
        if not s.warmup_steps:
            return main(s, optimizer)
        parts = [_warmup(s, optimizer), main(s, optimizer)]
        return lr_scheduler.SequentialLR(optimizer, parts, milestones=[s.warmup_steps])

    return lambda s: applied(s, lambda optimizer: make(s, optimizer))


def _chained(main: Make) -> Oracle:
    def make(s: Any, optimizer: Optimizer) -> lr_scheduler.LRScheduler:
        return lr_scheduler.ChainedScheduler([_warmup(s, optimizer), main(s, optimizer)], optimizer=optimizer)

    return lambda s: applied(s, lambda optimizer: make(s, optimizer))


def _one_cycle(s: Any) -> list[float]:
    def make(optimizer: Optimizer) -> Any:
        made = lr_scheduler.OneCycleLR(
            optimizer,
            max_lr=s.peak_lr,
            total_steps=s.total_steps,
            pct_start=s.rise / s.total_steps,
            div_factor=s.div_factor,
            final_div_factor=s.final_div_factor,
            anneal_strategy="cos" if s.anneal == "cosine" else "linear",
            three_phase=s.three_phase,
            cycle_momentum=False,
        )
        return _StoppedAtItsEnd(made, s.total_steps)

    return applied(s, make)


class _StoppedAtItsEnd:
    """OneCycleLR raises when stepped after its last update; a training loop then stops stepping it."""

    def __init__(self, scheduler: lr_scheduler.LRScheduler, total_steps: int) -> None:
        self.scheduler = scheduler
        self.left = total_steps - 1

    def step(self) -> None:
        if self.left:
            self.scheduler.step()
        self.left -= 1


ORACLES: dict[str, Oracle] = {
    "constant": _after_warmup(lambda s, optimizer: lr_scheduler.ConstantLR(optimizer, factor=1.0)),
    "linear": _after_warmup(
        lambda s, optimizer: lr_scheduler.LinearLR(
            optimizer, start_factor=1.0, end_factor=s.final_lr / s.peak_lr, total_iters=s.end - s.warmup_steps
        )
    ),
    "cosine": _after_warmup(
        lambda s, optimizer: lr_scheduler.CosineAnnealingLR(optimizer, T_max=s.end - s.warmup_steps, eta_min=s.final_lr)
    ),
    "cosine_restarts": _after_warmup(
        lambda s, optimizer: lr_scheduler.CosineAnnealingWarmRestarts(
            optimizer, T_0=(s.end - s.warmup_steps) // s.cycles, eta_min=s.final_lr
        )
    ),
    "polynomial": _after_warmup(
        lambda s, optimizer: lr_scheduler.PolynomialLR(optimizer, total_iters=s.end - s.warmup_steps, power=s.power)
    ),
    "exponential": _after_warmup(
        lambda s, optimizer: lr_scheduler.ExponentialLR(optimizer, gamma=math.exp(-s.decay_rate))
    ),
    "step": _after_warmup(
        lambda s, optimizer: lr_scheduler.MultiStepLR(optimizer, milestones=list(s.milestones), gamma=s.gamma)
    ),
    "one_cycle": _one_cycle,
}

CHAINED: dict[str, Oracle] = {
    "cosine": _chained(lambda s, optimizer: lr_scheduler.CosineAnnealingLR(optimizer, T_max=s.end)),
    "exponential": _chained(lambda s, optimizer: lr_scheduler.ExponentialLR(optimizer, gamma=math.exp(-s.decay_rate))),
}
