"""transformers' ``get_*_schedule_with_warmup``: a factor of the counter t, times the peak; the first update is 0.

Source: transformers.optimization, version 5.23. Array names: t, the zero-based counter, is float64 [N].
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from schedules.modes.reproduction import F64, Reproduction, ratio

if TYPE_CHECKING:
    from schedules.families.cosine import Cosine
    from schedules.families.cosine_restarts import CosineRestarts
    from schedules.families.inverse_sqrt import InverseSqrt
    from schedules.families.polynomial import Polynomial
    from schedules.families.wsd import Wsd
    from schedules.warmup import Annealed, Warmed

TIMESCALE_WITHOUT_WARMUP = 10_000


def _warmed(s: "Warmed", t: F64, after: F64) -> F64:
    return s.peak_lr * np.where(t < s.warmup_steps, t / max(1, s.warmup_steps), after)


def _progress(s: "Annealed", t: F64) -> F64:
    return (t - s.warmup_steps) / max(1, s.end - s.warmup_steps)


def constant(s: "Warmed", t: F64) -> F64:
    """``get_constant_schedule_with_warmup``."""
    return _warmed(s, t, np.ones_like(t))


def linear(s: "Annealed", t: F64) -> F64:
    """``get_linear_schedule_with_warmup``: leaves 1 / (T - W) of the peak at the last update."""
    return _warmed(s, t, np.maximum(0.0, (s.end - t) / max(1, s.end - s.warmup_steps)))


def cosine(s: "Cosine", t: F64) -> F64:
    """``get_cosine_schedule_with_warmup``, or with a final rate ``get_cosine_with_min_lr_schedule_with_warmup``."""
    floor = ratio(s.final_lr, s.peak_lr)
    share = 0.5 * (1.0 + np.cos(np.pi * _progress(s, t)))
    return _warmed(s, t, np.maximum(0.0, share * (1 - floor) + floor))


def cosine_warmup_with_min_lr(s: "Cosine", t: F64) -> F64:
    """``get_cosine_with_min_lr_schedule_with_warmup_lr_rate``: no update at zero, ends exactly at the floor."""
    floor, width = ratio(s.final_lr, s.peak_lr), s.warmup_steps
    start = ratio(s.start_lr, s.peak_lr)
    up = start + (1.0 - start) * t / max(1, width - 1) if start else (t + 1.0) / max(1.0, width)
    progress = (t - width + 1.0) / max(1.0, s.end - width)
    share = 0.5 * (1.0 + np.cos(np.pi * progress))
    return s.peak_lr * np.where(t < width, up, np.maximum(0.0, share * (1 - floor) + floor))


def cosine_restarts(s: "CosineRestarts", t: F64) -> F64:
    """``get_cosine_with_hard_restarts_schedule_with_warmup``."""
    progress = _progress(s, t)
    share = 0.5 * (1.0 + np.cos(np.pi * ((s.cycles * progress) % 1.0)))
    return _warmed(s, t, np.where(progress >= 1.0, 0.0, np.maximum(0.0, share)))


def polynomial(s: "Polynomial", t: F64) -> F64:
    """``get_polynomial_decay_schedule_with_warmup``, whose own default for ``final_lr`` is 1e-7."""
    left = 1 - np.clip(_progress(s, t), 0.0, 1.0)
    rates = (s.peak_lr - s.final_lr) * left**s.power + s.final_lr
    return _warmed(s, t, rates / s.peak_lr)


def inverse_sqrt(s: "InverseSqrt", t: F64) -> F64:
    """``get_inverse_sqrt_schedule``: the timescale is W, or 10000 without warmup."""
    timescale = s.timescale or s.warmup_steps or TIMESCALE_WITHOUT_WARMUP
    shifted = np.maximum(t + (timescale - s.warmup_steps), 1.0)
    return _warmed(s, t, 1.0 / np.sqrt(shifted / timescale))


def wsd(s: "Wsd", t: F64) -> F64:
    """``get_wsd_schedule``: the floor holds during warmup as well."""
    floor, begin = ratio(s.final_lr, s.peak_lr), s.total_steps - s.cooldown
    climbed = t / max(1, s.warmup_steps)
    up = 0.5 * (1.0 - np.cos(np.pi * climbed)) if s.warmup_shape == "cosine" else climbed
    z = np.clip((t - begin) / max(1, s.cooldown), 0.0, 1.0)
    down = {"linear": 1.0 - z, "cosine": 0.5 * (1.0 + np.cos(np.pi * z)), "1-sqrt": 1.0 - np.sqrt(z)}[s.shape]
    after = np.where(t < begin, 1.0, down * (1.0 - floor) + floor)
    return s.peak_lr * np.where(t < s.warmup_steps, up * (1.0 - floor) + floor, after)


_WARMED = frozenset({"peak_lr", "warmup_steps"})
_TO_ZERO = _WARMED | {"horizon"}
_TO_FLOOR = _TO_ZERO | {"final_lr"}

FAMILIES: Mapping[str, Reproduction] = {
    "constant": Reproduction(source="transformers' get_constant_schedule_with_warmup", curve=constant, takes=_WARMED),
    "linear": Reproduction(source="transformers' get_linear_schedule_with_warmup", curve=linear, takes=_TO_ZERO),
    "cosine": Reproduction(source="transformers' get_cosine_schedule_with_warmup", curve=cosine, takes=_TO_FLOOR),
    "cosine_restarts": Reproduction(
        source="transformers' get_cosine_with_hard_restarts_schedule_with_warmup",
        curve=cosine_restarts,
        takes=_TO_ZERO | {"cycles"},
    ),
    "polynomial": Reproduction(
        source="transformers' get_polynomial_decay_schedule_with_warmup",
        curve=polynomial,
        takes=_TO_FLOOR | {"power"},
        positive=frozenset({"peak_lr"}),
    ),
    "inverse_sqrt": Reproduction(
        source="transformers' get_inverse_sqrt_schedule", curve=inverse_sqrt, takes=_WARMED | {"timescale"}
    ),
    "wsd": Reproduction(
        source="transformers' get_wsd_schedule",
        curve=wsd,
        takes=_WARMED | {"final_lr", "decay_steps", "decay_fraction", "shape", "warmup_shape"},
        only={"shape": ("linear", "cosine", "1-sqrt"), "warmup_shape": ("linear", "cosine")},
    ),
}

WITH_MIN_LR: Mapping[str, Reproduction] = {
    "cosine": Reproduction(
        source="transformers' get_cosine_with_min_lr_schedule_with_warmup_lr_rate",
        curve=cosine_warmup_with_min_lr,
        takes=_TO_FLOOR | {"start_lr"},
    ),
}
