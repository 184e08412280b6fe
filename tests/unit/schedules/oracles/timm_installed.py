"""The installed timm; only its schedulers, since the package itself asks for torchvision."""

import importlib.util
import sys
from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.schedules.oracles.stepping import Oracle, imported, optimizer


def _scheduler(name: str) -> Any:
    """Return a class of timm.scheduler without running timm/__init__.py, whose models need torchvision."""
    if "timm" not in sys.modules:
        spec = importlib.util.find_spec("timm")
        if spec is None:
            pytest.skip("timm is not installed; it comes with `make parity`")
        sys.modules["timm"] = importlib.util.module_from_spec(spec)
    return getattr(imported("timm.scheduler"), name)


def _by(name: str, arguments: Callable[[Any], dict[str, Any]]) -> Oracle:
    def rates(s: Any) -> list[float]:
        one = optimizer(s.peak_lr)
        made = _scheduler(name)(
            one, **arguments(s), warmup_t=s.warmup_steps, warmup_lr_init=s.start_lr, t_in_epochs=False
        )
        applied = []
        for update in range(s.total_steps):
            made.step_update(update)
            applied.append(one.param_groups[0]["lr"])
        return applied

    return rates


def _prefixed(s: Any) -> bool:
    return bool(s.mode == "timm_prefix")


def _length(s: Any) -> int:
    return int(s.end - s.warmup_steps if _prefixed(s) else s.end)


PREFIXED: dict[str, Oracle] = {
    "cosine": _by(
        "CosineLRScheduler",
        lambda s: {"t_initial": _length(s), "lr_min": s.final_lr, "warmup_prefix": _prefixed(s)},
    ),
    "polynomial": _by(
        "PolyLRScheduler",
        lambda s: {"t_initial": _length(s), "lr_min": s.final_lr, "power": s.power, "warmup_prefix": _prefixed(s)},
    ),
    "step": _by(
        "MultiStepLRScheduler",
        lambda s: {"decay_t": list(s.milestones), "decay_rate": s.gamma, "warmup_prefix": _prefixed(s)},
    ),
}

_DECAY = {"linear": "linear", "1-sqrt": "1-sqrt", "cosine": "cosine", "exponential": "exp"}

ORACLES: dict[str, Oracle] = {
    **PREFIXED,
    "wsd": _by(
        "WSDLRScheduler",
        lambda s: {
            "t_initial": s.total_steps - s.warmup_steps,
            "decay_t": s.cooldown,
            "lr_min": s.final_lr,
            "decay_fn": _DECAY[s.shape],
            "decay_ratio": 0.5,
        },
    ),
}
