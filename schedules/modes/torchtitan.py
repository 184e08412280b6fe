"""torchtitan's ``LRSchedulersContainer``: (t + 1) / W in warmup, and one virtual update more, so that it never is 0.

Source: torchtitan.components.optimizer.lr_scheduler, version 0.3. Array names: t, the zero-based counter, is
float64 [N]; z, progress through the decay, likewise.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from schedules.modes.reproduction import F64, Reproduction, ratio

if TYPE_CHECKING:
    from schedules.families.wsd import Wsd
    from schedules.warmup import Annealed


def _rates(s: "Annealed | Wsd", t: F64, decay_steps: int, shape: str) -> F64:
    begin = s.total_steps + 1 - decay_steps
    floor = ratio(s.final_lr, s.peak_lr)
    z = np.clip((t + 1 - begin) / max(1, decay_steps), 0.0, 1.0)
    down = {"linear": 1 - z, "1-sqrt": 1 - np.sqrt(z), "cosine": 0.5 * (1.0 + np.cos(np.pi * z))}[shape]
    after = np.where(t < begin, 1.0, floor + (1 - floor) * down)
    return s.peak_lr * np.where(t < s.warmup_steps, (t + 1) / max(1, s.warmup_steps), after)


def linear(s: "Annealed", t: F64) -> F64:
    """``decay_type="linear"`` without ``decay_ratio``."""
    return _rates(s, t, s.total_steps - s.warmup_steps, "linear")


def cosine(s: "Annealed", t: F64) -> F64:
    """``decay_type="cosine"`` without ``decay_ratio``."""
    return _rates(s, t, s.total_steps - s.warmup_steps, "cosine")


def wsd(s: "Wsd", t: F64) -> F64:
    """``decay_ratio`` set; its ``sqrt`` is our ``1-sqrt``."""
    return _rates(s, t, s.cooldown, s.shape)


_SOURCE = "torchtitan's LRSchedulersContainer"
_TAKES = frozenset({"peak_lr", "warmup_steps", "final_lr"})

FAMILIES: Mapping[str, Reproduction] = {
    "linear": Reproduction(source=_SOURCE, curve=linear, takes=_TAKES),
    "cosine": Reproduction(source=_SOURCE, curve=cosine, takes=_TAKES),
    "wsd": Reproduction(
        source=_SOURCE,
        curve=wsd,
        takes=_TAKES | {"decay_steps", "decay_fraction", "shape"},
        only={"shape": ("linear", "cosine", "1-sqrt")},
    ),
}
