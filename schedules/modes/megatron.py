"""Megatron-LM's ``OptimizerParamScheduler``: warmup from ``init_lr`` with t = 0 at the first update, floor ``min_lr``.

Source: megatron.core.optimizer_param_scheduler, version 0.16. Array names: t, the zero-based counter, is float64 [N];
z, progress through the decay, likewise.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from schedules.modes.reproduction import F64, Reproduction

if TYPE_CHECKING:
    from schedules.families.inverse_sqrt import InverseSqrt
    from schedules.families.wsd import Wsd
    from schedules.warmup import Annealed, Warmed

_SHAPES: Mapping[str, Callable[[F64], F64]] = {
    "linear": lambda z: 1.0 - z,
    "cosine": lambda z: 0.5 * (np.cos(np.pi * z) + 1.0),
    "exponential": lambda z: 2.0 * 0.5**z - 1.0,
    "1-sqrt": lambda z: 1.0 - np.sqrt(z),
}


def _warmed(s: "Warmed", t: F64, after: F64) -> F64:
    if not s.warmup_steps:
        return after
    up = s.start_lr + (s.peak_lr - s.start_lr) * t / s.warmup_steps
    return np.where(t <= s.warmup_steps, up, after)


def _to_floor(s: "Annealed", t: F64, shape: str) -> F64:
    z = np.clip((t - s.warmup_steps) / max(1, s.end - s.warmup_steps), 0.0, 1.0)
    return _warmed(s, t, s.final_lr + _SHAPES[shape](z) * (s.peak_lr - s.final_lr))


def constant(s: "Warmed", t: F64) -> F64:
    """``lr_decay_style="constant"``."""
    return _warmed(s, t, np.full_like(t, s.peak_lr))


def linear(s: "Annealed", t: F64) -> F64:
    """``lr_decay_style="linear"``."""
    return _to_floor(s, t, "linear")


def cosine(s: "Annealed", t: F64) -> F64:
    """``lr_decay_style="cosine"``."""
    return _to_floor(s, t, "cosine")


def inverse_sqrt(s: "InverseSqrt", t: F64) -> F64:
    """``lr_decay_style="inverse-square-root"``."""
    rates: F64 = s.peak_lr * max(s.warmup_steps, 1) ** 0.5 / np.sqrt(np.maximum(t, 1.0))
    return _warmed(s, t, np.maximum(s.floor, rates))


def wsd(s: "Wsd", t: F64) -> F64:
    """``lr_decay_style="WSD"``; its ``minus_sqrt`` is our ``1-sqrt``."""
    z = np.clip((t - (s.total_steps - s.cooldown)) / max(1, s.cooldown), 0.0, 1.0)
    return _warmed(s, t, s.final_lr + _SHAPES[s.shape](z) * (s.peak_lr - s.final_lr))


_SOURCE = "Megatron-LM's OptimizerParamScheduler"
_TAKES = frozenset({"peak_lr", "warmup_steps", "start_lr"})
_TO_FLOOR = _TAKES | {"final_lr", "horizon"}

FAMILIES: Mapping[str, Reproduction] = {
    "constant": Reproduction(source=_SOURCE, curve=constant, takes=_TAKES),
    "linear": Reproduction(source=_SOURCE, curve=linear, takes=_TO_FLOOR),
    "cosine": Reproduction(source=_SOURCE, curve=cosine, takes=_TO_FLOOR),
    "inverse_sqrt": Reproduction(source=_SOURCE, curve=inverse_sqrt, takes=_TAKES | {"floor"}),
    "wsd": Reproduction(
        source=_SOURCE, curve=wsd, takes=_TAKES | {"final_lr", "decay_steps", "decay_fraction", "shape"}
    ),
}
