"""torch's own schedulers, after a LinearLR warmup joined by SequentialLR, or chained with it.

torch computes each rate from the last; the closed forms here agree with that up to its rounding. Milestones count
from the end of warmup, as they do inside SequentialLR.
Source: torch.optim.lr_scheduler, version 2.13. Array names: t, the zero-based counter, is float64 [N]; c, the counter
since the end of warmup, likewise.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from schedules.modes.reproduction import F64, Reproduction, ratio

if TYPE_CHECKING:
    from schedules.families.cosine import Cosine
    from schedules.families.cosine_restarts import CosineRestarts
    from schedules.families.exponential import Exponential
    from schedules.families.one_cycle import OneCycle
    from schedules.families.polynomial import Polynomial
    from schedules.families.step import Step
    from schedules.warmup import Annealed, Warmed


def _share_of_warmup(s: "Warmed", t: F64) -> F64:
    """LinearLR with start_factor = start_lr / peak_lr, as a share [N] of the peak."""
    start = ratio(s.start_lr, s.peak_lr)
    return start + (1.0 - start) * np.minimum(t, s.warmup_steps) / max(1, s.warmup_steps)


def _sequential(s: "Warmed", t: F64, after: F64) -> F64:
    return np.where(t < s.warmup_steps, s.peak_lr * _share_of_warmup(s, t), after)


def _since_warmup(s: "Warmed", t: F64) -> F64:
    return np.maximum(t - s.warmup_steps, 0.0)


def constant(s: "Warmed", t: F64) -> F64:
    """ConstantLR with factor 1."""
    return _sequential(s, t, np.full_like(t, s.peak_lr))


def linear(s: "Annealed", t: F64) -> F64:
    """LinearLR from 1 to final_lr / peak_lr."""
    length = max(1, s.end - s.warmup_steps)
    share = 1.0 + (ratio(s.final_lr, s.peak_lr) - 1.0) * np.minimum(_since_warmup(s, t), length) / length
    return _sequential(s, t, s.peak_lr * share)


def cosine(s: "Cosine", t: F64) -> F64:
    """CosineAnnealingLR with T_max = horizon - warmup; past its T_max it rises again."""
    turned = np.pi * _since_warmup(s, t) / max(1, s.end - s.warmup_steps)
    return _sequential(s, t, s.final_lr + (s.peak_lr - s.final_lr) * (1 + np.cos(turned)) / 2)


def cosine_restarts(s: "CosineRestarts", t: F64) -> F64:
    """CosineAnnealingWarmRestarts with T_0 = (horizon - warmup) // cycles."""
    length = max(1, (s.end - s.warmup_steps) // s.cycles)
    turned = np.pi * (_since_warmup(s, t) % length) / length
    return _sequential(s, t, s.final_lr + (s.peak_lr - s.final_lr) * (1 + np.cos(turned)) / 2)


def polynomial(s: "Polynomial", t: F64) -> F64:
    """PolynomialLR, to zero."""
    length = max(1, s.end - s.warmup_steps)
    return _sequential(s, t, s.peak_lr * (1.0 - np.minimum(_since_warmup(s, t), length) / length) ** s.power)


def exponential(s: "Exponential", t: F64) -> F64:
    """ExponentialLR with gamma = exp(-decay_rate)."""
    rates: F64 = s.peak_lr * np.exp(-s.rate_of_decay) ** _since_warmup(s, t)
    return _sequential(s, t, rates)


def step(s: "Step", t: F64) -> F64:
    """MultiStepLR."""
    passed = np.searchsorted(np.array(s.milestones, dtype=np.float64), t - s.warmup_steps, side="right")
    return _sequential(s, t, s.peak_lr * s.gamma ** passed.astype(np.float64))


def one_cycle(s: "OneCycle", t: F64) -> F64:
    """OneCycleLR, whose convention is the native one."""
    rates: F64 = s.native_rates(t + 1)
    return rates


def chained_cosine(s: "Cosine", t: F64) -> F64:
    """ChainedScheduler([LinearLR, CosineAnnealingLR(T_max = horizon)]): the product of both from the first update."""
    rates: F64 = s.peak_lr * _share_of_warmup(s, t) * (1 + np.cos(np.pi * t / s.end)) / 2
    return rates


def chained_exponential(s: "Exponential", t: F64) -> F64:
    """ChainedScheduler([LinearLR, ExponentialLR]): the product of both from the first update."""
    rates: F64 = s.peak_lr * _share_of_warmup(s, t) * np.exp(-s.rate_of_decay) ** t
    return rates


_WARMED = frozenset({"peak_lr", "warmup_steps", "start_lr"})
_TO_ZERO = _WARMED | {"horizon"}
_TO_FLOOR = _TO_ZERO | {"final_lr"}

_START = frozenset({"start_lr"})

FAMILIES: Mapping[str, Reproduction] = {
    "constant": Reproduction(
        source="torch's ConstantLR after LinearLR", curve=constant, takes=_WARMED, positive_in_warmup=_START
    ),
    "linear": Reproduction(source="torch's LinearLR", curve=linear, takes=_TO_FLOOR, positive_in_warmup=_START),
    "cosine": Reproduction(
        source="torch's CosineAnnealingLR after LinearLR", curve=cosine, takes=_TO_FLOOR, positive_in_warmup=_START
    ),
    "cosine_restarts": Reproduction(
        source="torch's CosineAnnealingWarmRestarts after LinearLR",
        curve=cosine_restarts,
        takes=_TO_FLOOR | {"cycles"},
        positive_in_warmup=_START,
    ),
    "polynomial": Reproduction(
        source="torch's PolynomialLR after LinearLR",
        curve=polynomial,
        takes=_TO_ZERO | {"power"},
        positive_in_warmup=_START,
    ),
    "exponential": Reproduction(
        source="torch's ExponentialLR after LinearLR",
        curve=exponential,
        takes=_WARMED | {"decay_rate"},
        positive_in_warmup=_START,
    ),
    "step": Reproduction(
        source="torch's MultiStepLR after LinearLR",
        curve=step,
        takes=_WARMED | {"milestones", "gamma"},
        positive_in_warmup=_START,
    ),
    "one_cycle": Reproduction(
        source="torch's OneCycleLR",
        curve=one_cycle,
        takes=frozenset(
            {"peak_lr", "warmup_steps", "pct_start", "div_factor", "final_div_factor", "anneal", "three_phase"}
        ),
    ),
}

_CHAINED = frozenset({"warmup_steps", "start_lr"})

CHAINED: Mapping[str, Reproduction] = {
    "cosine": Reproduction(
        source="torch's ChainedScheduler with LinearLR", curve=chained_cosine, takes=_TO_ZERO, positive=_CHAINED
    ),
    "exponential": Reproduction(
        source="torch's ChainedScheduler with LinearLR",
        curve=chained_exponential,
        takes=_WARMED | {"decay_rate"},
        positive=_CHAINED,
    ),
}
