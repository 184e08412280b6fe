"""One plain example of every family, for tests that go through all of them."""

from typing import Any

from schedules import FAMILIES, Schedule, build

TOTAL = 200
WARMUP = 20
PEAK = 3e-3
D_MODEL = 64

_OWN: dict[str, dict[str, Any]] = {
    "noam": {"d_model": D_MODEL, "warmup_steps": WARMUP},
    "exponential": {"peak_lr": PEAK, "warmup_steps": WARMUP, "final_lr": 1e-5},
    "step": {"peak_lr": PEAK, "warmup_steps": WARMUP, "milestones": [80, 150]},
    "cosine_restarts": {"peak_lr": PEAK, "warmup_steps": WARMUP, "cycles": 3},
    "polynomial": {"peak_lr": PEAK, "warmup_steps": WARMUP, "power": 2.0},
}


def mapping(family: str, **changes: Any) -> dict[str, Any]:
    """Return a mapping that builds the family."""
    own = _OWN.get(family, {"peak_lr": PEAK, "warmup_steps": WARMUP})
    return {"type": family, "total_steps": TOTAL, **own, **changes}


def example(family: str, **changes: Any) -> Schedule:
    """Return a schedule of the family."""
    return build(mapping(family, **changes))


ALL = tuple(FAMILIES)
