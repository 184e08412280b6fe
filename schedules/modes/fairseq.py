"""fairseq's schedulers: linear warmup from ``warmup_init_lr`` with t = 0 at the first update.

Source: fairseq.optim.lr_scheduler, version 0.12. Array names: t, the zero-based counter, is float64 [N].
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from schedules.modes.reproduction import F64, Reproduction

if TYPE_CHECKING:
    from schedules.families.cosine import Cosine
    from schedules.families.inverse_sqrt import InverseSqrt
    from schedules.families.polynomial import Polynomial
    from schedules.warmup import Annealed, Warmed


def _climbing(s: "Warmed", t: F64) -> F64:
    return s.start_lr + t * ((s.peak_lr - s.start_lr) / max(1, s.warmup_steps))


def inverse_sqrt(s: "InverseSqrt", t: F64) -> F64:
    """``inverse_sqrt``: lr sqrt(W / t)."""
    factor: float = s.peak_lr * s.warmup_steps**0.5
    return np.where(t < s.warmup_steps, _climbing(s, t), factor * np.maximum(t, 1.0) ** -0.5)


def cosine(s: "Cosine", t: F64) -> F64:
    """``cosine`` with one period up to the horizon, after which it starts again."""
    period = max(1, s.end - s.warmup_steps)
    within = (t - s.warmup_steps) % period
    rates = s.final_lr + 0.5 * (s.peak_lr - s.final_lr) * (1 + np.cos(np.pi * within / period))
    return np.where(t < s.warmup_steps, _climbing(s, t), rates)


def polynomial(s: "Polynomial", t: F64) -> F64:
    """``polynomial_decay``."""
    return _polynomial(s, t, s.power)


def linear(s: "Annealed", t: F64) -> F64:
    """``polynomial_decay`` with power 1."""
    return _polynomial(s, t, 1.0)


def _polynomial(s: "Annealed", t: F64, power: float) -> F64:
    left = 1 - np.clip((t - s.warmup_steps) / max(1, s.end - s.warmup_steps), 0.0, 1.0)
    rates = (s.peak_lr - s.final_lr) * left**power + s.final_lr
    if not s.warmup_steps:
        return rates
    return np.where(t <= s.warmup_steps, t / s.warmup_steps * s.peak_lr, rates)


_TAKES = frozenset({"peak_lr", "warmup_steps"})
_TO_FLOOR = _TAKES | {"final_lr", "horizon"}

FAMILIES: Mapping[str, Reproduction] = {
    "inverse_sqrt": Reproduction(
        source="fairseq's inverse_sqrt",
        curve=inverse_sqrt,
        takes=_TAKES | {"start_lr"},
        positive=frozenset({"warmup_steps"}),
    ),
    "cosine": Reproduction(source="fairseq's cosine", curve=cosine, takes=_TO_FLOOR | {"start_lr"}),
    "polynomial": Reproduction(source="fairseq's polynomial_decay", curve=polynomial, takes=_TO_FLOOR | {"power"}),
    "linear": Reproduction(source="fairseq's polynomial_decay", curve=linear, takes=_TO_FLOOR),
}
