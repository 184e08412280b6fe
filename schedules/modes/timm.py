"""timm's schedulers: warmup ``init + t (v - init) / W``, then the decay at the same t, or with a prefix at t - W.

Without the prefix the decay has gone on during warmup, so the rate jumps down where warmup ends.
Source: timm.scheduler, version 1.0.31. Array names: t, the zero-based counter, is float64 [N].
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from schedules.modes.reproduction import F64, Reproduction

if TYPE_CHECKING:
    from schedules.families.cosine import Cosine
    from schedules.families.polynomial import Polynomial
    from schedules.families.step import Step
    from schedules.families.wsd import Wsd
    from schedules.warmup import Annealed, Warmed


def _warmed(s: "Warmed", t: F64, after: F64) -> F64:
    up = s.start_lr + t * ((s.peak_lr - s.start_lr) / max(1, s.warmup_steps))
    return np.where(t < s.warmup_steps, up, after)


def _prefix(s: "Warmed") -> int:
    return s.warmup_steps if s.mode == "timm_prefix" else 0


def _progress(s: "Annealed", t: F64) -> F64:
    return np.clip((t - _prefix(s)) / max(1, s.end - _prefix(s)), 0.0, 1.0)


def cosine(s: "Cosine", t: F64) -> F64:
    """``CosineLRScheduler`` with t_initial = horizon, less the warmup where it is a prefix."""
    share = 1 + np.cos(np.pi * _progress(s, t))
    return _warmed(s, t, s.final_lr + 0.5 * (s.peak_lr - s.final_lr) * share)


def polynomial(s: "Polynomial", t: F64) -> F64:
    """``PolyLRScheduler``."""
    return _warmed(s, t, s.final_lr + (s.peak_lr - s.final_lr) * (1 - _progress(s, t)) ** s.power)


def step(s: "Step", t: F64) -> F64:
    """``MultiStepLRScheduler``: milestone m applies from counter m - 1 on."""
    counted = t - _prefix(s) + 1
    passed = np.searchsorted(np.array(s.milestones, dtype=np.float64), counted, side="right")
    return _warmed(s, t, s.peak_lr * s.gamma ** passed.astype(np.float64))


def wsd(s: "Wsd", t: F64) -> F64:
    """``WSDLRScheduler``; our exponential is its ``exp`` with decay_ratio = 0.5."""
    z = np.clip((t - (s.total_steps - s.cooldown)) / max(1, s.cooldown), 0.0, 1.0)
    down = {
        "linear": 1.0 - z,
        "1-sqrt": 1.0 - np.sqrt(z),
        "cosine": 0.5 * (1.0 + np.cos(np.pi * z)),
        "exponential": (0.5**z - 0.5) / (1.0 - 0.5),
    }[s.shape]
    return _warmed(s, t, s.final_lr + (s.peak_lr - s.final_lr) * down)


_WARMED = frozenset({"peak_lr", "warmup_steps", "start_lr"})
_TO_FLOOR = _WARMED | {"final_lr", "horizon"}

PREFIXED: Mapping[str, Reproduction] = {
    "cosine": Reproduction(source="timm's CosineLRScheduler", curve=cosine, takes=_TO_FLOOR),
    "polynomial": Reproduction(source="timm's PolyLRScheduler", curve=polynomial, takes=_TO_FLOOR | {"power"}),
    "step": Reproduction(source="timm's MultiStepLRScheduler", curve=step, takes=_WARMED | {"milestones", "gamma"}),
}

FAMILIES: Mapping[str, Reproduction] = {
    **PREFIXED,
    "wsd": Reproduction(
        source="timm's WSDLRScheduler",
        curve=wsd,
        takes=_WARMED | {"final_lr", "decay_steps", "decay_fraction", "shape"},
    ),
}
