"""nanoGPT's ``get_lr``: (t + 1) / (W + 1) in warmup, then a cosine to ``min_lr``.

Source: karpathy/nanoGPT, train.py. Array names: t, the zero-based counter, is float64 [N].
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from schedules.modes.reproduction import F64, Reproduction

if TYPE_CHECKING:
    from schedules.families.cosine import Cosine


def cosine(s: "Cosine", t: F64) -> F64:
    """``get_lr``, with lr_decay_iters = the horizon."""
    up = s.peak_lr * (t + 1) / (s.warmup_steps + 1)
    z = np.clip((t - s.warmup_steps) / max(1, s.end - s.warmup_steps), 0.0, 1.0)
    share = 0.5 * (1.0 + np.cos(np.pi * z))
    return np.where(t < s.warmup_steps, up, s.final_lr + share * (s.peak_lr - s.final_lr))


FAMILIES: Mapping[str, Reproduction] = {
    "cosine": Reproduction(
        source="nanoGPT's get_lr", curve=cosine, takes=frozenset({"peak_lr", "warmup_steps", "final_lr", "horizon"})
    ),
}
