"""The installed transformers."""

from typing import Any

from tests.unit.schedules.oracles.stepping import Oracle, applied, needs


def _by(function: str, *names: str, **more: str) -> Oracle:
    def rates(s: Any) -> list[float]:
        needs("transformers")
        make = getattr(needs("transformers.optimization"), function)
        keywords = {"num_warmup_steps": s.warmup_steps, **{name: _ARGUMENTS[name](s) for name in names}}
        return applied(s, lambda optimizer: make(optimizer, **keywords))

    return rates


_ARGUMENTS: dict[str, Any] = {
    "num_training_steps": lambda s: getattr(s, "horizon", None) or s.total_steps,
    "num_cycles": lambda s: s.cycles,
    "lr_end": lambda s: s.final_lr,
    "power": lambda s: s.power,
    "timescale": lambda s: s.timescale,
    "min_lr": lambda s: s.final_lr,
    "warmup_lr_rate": lambda s: s.start_lr / s.peak_lr or None,
    "num_decay_steps": lambda s: s.cooldown,
    "warmup_type": lambda s: s.warmup_shape,
    "decay_type": lambda s: s.shape,
    "min_lr_ratio": lambda s: s.final_lr / s.peak_lr,
}


def _cosine(s: Any) -> list[float]:
    if s.final_lr:
        return _by("get_cosine_with_min_lr_schedule_with_warmup", "num_training_steps", "min_lr")(s)
    return _by("get_cosine_schedule_with_warmup", "num_training_steps")(s)


ORACLES: dict[str, Oracle] = {
    "constant": _by("get_constant_schedule_with_warmup"),
    "linear": _by("get_linear_schedule_with_warmup", "num_training_steps"),
    "cosine": _cosine,
    "cosine_restarts": _by("get_cosine_with_hard_restarts_schedule_with_warmup", "num_training_steps", "num_cycles"),
    "polynomial": _by("get_polynomial_decay_schedule_with_warmup", "num_training_steps", "lr_end", "power"),
    "inverse_sqrt": _by("get_inverse_sqrt_schedule", "timescale"),
    "wsd": _by(
        "get_wsd_schedule", "num_training_steps", "num_decay_steps", "warmup_type", "decay_type", "min_lr_ratio"
    ),
}

WITH_MIN_LR: dict[str, Oracle] = {
    "cosine": _by(
        "get_cosine_with_min_lr_schedule_with_warmup_lr_rate", "num_training_steps", "min_lr", "warmup_lr_rate"
    )
}
