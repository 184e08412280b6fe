"""optax's schedules: the count starts at 0, the peak is at count W, and decay_steps includes the warmup.

Milestones count from the end of warmup, as they do inside ``join_schedules``.
Source: optax.schedules, version 0.2.8. Array names: t, the zero-based count, is float64 [N]; c, the count since the
end of warmup, likewise.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from schedules.modes.reproduction import F64, Reproduction, ratio

if TYPE_CHECKING:
    from schedules.families.cosine import Cosine
    from schedules.families.exponential import Exponential
    from schedules.families.one_cycle import OneCycle
    from schedules.families.polynomial import Polynomial
    from schedules.families.step import Step
    from schedules.warmup import Annealed, Warmed


def _warmed(s: "Warmed", t: F64, after: F64) -> F64:
    left = 1 - np.minimum(t, s.warmup_steps) / max(1, s.warmup_steps)
    return np.where(t < s.warmup_steps, (s.start_lr - s.peak_lr) * left + s.peak_lr, after)


def _polynomial(s: "Annealed", t: F64, power: float) -> F64:
    length = max(1, s.end - s.warmup_steps)
    left = 1 - np.clip(t - s.warmup_steps, 0.0, length) / length
    return _warmed(s, t, (s.peak_lr - s.final_lr) * left**power + s.final_lr)


def constant(s: "Warmed", t: F64) -> F64:
    """``warmup_constant_schedule``."""
    return _warmed(s, t, np.full_like(t, s.peak_lr))


def linear(s: "Annealed", t: F64) -> F64:
    """``linear_schedule``, joined."""
    return _polynomial(s, t, 1.0)


def polynomial(s: "Polynomial", t: F64) -> F64:
    """``polynomial_schedule``, joined."""
    return _polynomial(s, t, s.power)


def cosine(s: "Cosine", t: F64) -> F64:
    """``warmup_cosine_decay_schedule``."""
    floor, length = ratio(s.final_lr, s.peak_lr), max(1, s.end - s.warmup_steps)
    share = 0.5 * (1 + np.cos(np.pi * np.clip(t - s.warmup_steps, 0.0, length) / length))
    return _warmed(s, t, s.peak_lr * ((1 - floor) * share + floor))


def exponential(s: "Exponential", t: F64) -> F64:
    """``warmup_exponential_decay_schedule`` with transition_steps = 1 and decay_rate = exp(-k)."""
    c = np.maximum(t - s.warmup_steps, 0.0)
    return _warmed(s, t, np.maximum(s.peak_lr * np.exp(-s.rate_of_decay) ** c, s.floor))


def step(s: "Step", t: F64) -> F64:
    """``piecewise_constant_schedule``, joined."""
    passed = np.searchsorted(np.array(s.milestones, dtype=np.float64), t - s.warmup_steps, side="right")
    return _warmed(s, t, s.peak_lr * s.gamma ** passed.astype(np.float64))


def one_cycle(s: "OneCycle", t: F64) -> F64:
    """``cosine_onecycle_schedule``: the peak is at count W, the end one update after the run."""
    turn, first = s.rise // 1, s.peak_lr / s.div_factor
    last = s.peak_lr / (s.div_factor * s.final_div_factor)
    up = s.peak_lr + (first - s.peak_lr) / 2.0 * (np.cos(np.pi * t / turn) + 1)
    z = (t - turn) / max(1.0, s.total_steps - turn)
    down = last + (s.peak_lr - last) / 2.0 * (np.cos(np.pi * z) + 1)
    return np.where(t < turn, up, down)


_WARMED = frozenset({"peak_lr", "warmup_steps", "start_lr"})
_TO_FLOOR = _WARMED | {"final_lr", "horizon"}

FAMILIES: Mapping[str, Reproduction] = {
    "constant": Reproduction(
        source="optax's warmup_constant_schedule", curve=constant, takes=_WARMED, positive=frozenset({"warmup_steps"})
    ),
    "linear": Reproduction(source="optax's linear_schedule", curve=linear, takes=_TO_FLOOR),
    "polynomial": Reproduction(source="optax's polynomial_schedule", curve=polynomial, takes=_TO_FLOOR | {"power"}),
    "cosine": Reproduction(source="optax's warmup_cosine_decay_schedule", curve=cosine, takes=_TO_FLOOR),
    "exponential": Reproduction(
        source="optax's warmup_exponential_decay_schedule",
        curve=exponential,
        takes=_WARMED | {"decay_rate", "floor"},
    ),
    "step": Reproduction(
        source="optax's piecewise_constant_schedule", curve=step, takes=_WARMED | {"milestones", "gamma"}
    ),
    "one_cycle": Reproduction(
        source="optax's cosine_onecycle_schedule",
        curve=one_cycle,
        takes=frozenset({"peak_lr", "warmup_steps", "pct_start", "div_factor", "final_div_factor"}),
    ),
}
