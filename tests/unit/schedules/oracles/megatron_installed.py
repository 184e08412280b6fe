"""The installed megatron-core."""

import warnings
from typing import Any

from tests.unit.schedules.oracles.stepping import Oracle, needs, optimizer

_SHAPES = {"linear": "linear", "cosine": "cosine", "exponential": "exponential", "1-sqrt": "minus_sqrt"}


def _by(style: str) -> Oracle:
    def rates(s: Any) -> list[float]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns of missing CUDA packages when imported
            module = needs("megatron.core.optimizer_param_scheduler")
        one = optimizer(s.peak_lr)
        scheduler = module.OptimizerParamScheduler(
            one,
            init_lr=s.start_lr,
            max_lr=s.peak_lr,
            min_lr=getattr(s, "floor", getattr(s, "final_lr", 0.0)),
            lr_warmup_steps=s.warmup_steps,
            lr_decay_steps=getattr(s, "horizon", None) or s.total_steps,
            lr_decay_style=style,
            start_wd=0.0,
            end_wd=0.0,
            wd_incr_steps=s.total_steps,
            wd_incr_style="constant",
            wsd_decay_steps=getattr(s, "cooldown", None),
            lr_wsd_decay_style=_SHAPES.get(getattr(s, "shape", "")),
        )
        applied = []
        for _ in range(s.total_steps):
            applied.append(one.param_groups[0]["lr"])
            scheduler.step(1)
        return applied

    return rates


ORACLES: dict[str, Oracle] = {
    "constant": _by("constant"),
    "linear": _by("linear"),
    "cosine": _by("cosine"),
    "inverse_sqrt": _by("inverse-square-root"),
    "wsd": _by("WSD"),
}
