"""Sources that cannot be installed: their formulae, one update at a time, in Python's own arithmetic.

torchtitan: torchtitan.components.optimizer.lr_scheduler of version 0.3 (factor of the zero-based step).
nanoGPT: get_lr in train.py of karpathy/nanoGPT. fairseq: fairseq.optim.lr_scheduler of version 0.12.2.
"""

import math
from collections.abc import Callable
from typing import Any

from tests.unit.schedules.oracles.stepping import Oracle


def _each(rate: Callable[[Any, int], float]) -> Oracle:
    return lambda s: [rate(s, t) for t in range(s.total_steps)]


def _torchtitan(shape: Callable[[Any], str], decay: Callable[[Any], int]) -> Oracle:
    def rate(s: Any, t: int) -> float:
        if t < s.warmup_steps:
            return float(s.peak_lr * ((t + 1) / s.warmup_steps))
        stable_until = s.total_steps + 1 - decay(s)
        if t < stable_until:
            return float(s.peak_lr)
        z = (t + 1 - stable_until) / decay(s)
        down = {"linear": 1 - z, "1-sqrt": 1 - math.sqrt(z), "cosine": (1 + math.cos(math.pi * z)) / 2}[shape(s)]
        floor = s.final_lr / s.peak_lr
        return float(s.peak_lr * (floor + (1 - floor) * down))

    return _each(rate)


def _all_after_warmup(s: Any) -> int:
    return int(s.total_steps - s.warmup_steps)


TORCHTITAN: dict[str, Oracle] = {
    "linear": _torchtitan(lambda s: "linear", _all_after_warmup),
    "cosine": _torchtitan(lambda s: "cosine", _all_after_warmup),
    "wsd": _torchtitan(lambda s: str(s.shape), lambda s: int(s.cooldown)),
}


def _nanogpt(s: Any, t: int) -> float:
    if t < s.warmup_steps:
        return float(s.peak_lr * (t + 1) / (s.warmup_steps + 1))
    if t > s.end:
        return float(s.final_lr)
    z = (t - s.warmup_steps) / (s.end - s.warmup_steps)
    return float(s.final_lr + (1 + math.cos(math.pi * z)) / 2 * (s.peak_lr - s.final_lr))


NANOGPT: dict[str, Oracle] = {"cosine": _each(_nanogpt)}


def _fairseq_inverse_sqrt(s: Any, t: int) -> float:
    if t < s.warmup_steps:
        return float(s.start_lr + t * (s.peak_lr - s.start_lr) / s.warmup_steps)
    return float(s.peak_lr * math.sqrt(s.warmup_steps) / math.sqrt(t))


def _fairseq_polynomial(s: Any, t: int) -> float:
    if s.warmup_steps and t <= s.warmup_steps:
        return float(s.peak_lr * t / s.warmup_steps)
    if t >= s.end:
        return float(s.final_lr)
    left = 1 - (t - s.warmup_steps) / (s.end - s.warmup_steps)
    return float((s.peak_lr - s.final_lr) * left ** getattr(s, "power", 1.0) + s.final_lr)


def _fairseq_cosine(s: Any, t: int) -> float:
    if t < s.warmup_steps:
        return float(s.start_lr + t * (s.peak_lr - s.start_lr) / s.warmup_steps)
    period = s.end - s.warmup_steps
    z = ((t - s.warmup_steps) % period) / period
    return float(s.final_lr + (s.peak_lr - s.final_lr) * (1 + math.cos(math.pi * z)) / 2)


FAIRSEQ: dict[str, Oracle] = {
    "inverse_sqrt": _each(_fairseq_inverse_sqrt),
    "polynomial": _each(_fairseq_polynomial),
    "linear": _each(_fairseq_polynomial),
    "cosine": _each(_fairseq_cosine),
}
