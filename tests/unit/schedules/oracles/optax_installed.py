"""The installed optax, in float64."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.unit.schedules.oracles.stepping import Oracle, needs


def _by(make: Callable[[Any, Any], Any]) -> Oracle:
    def rates(s: Any) -> list[float]:
        optax, jax = needs("optax"), needs("jax")
        with jax.enable_x64(True):
            counts = jax.numpy.arange(s.total_steps)
            values = jax.vmap(make(optax, s))(counts) * jax.numpy.ones(s.total_steps)
            return [float(value) for value in np.asarray(values)]

    return rates


def _joined(main: Callable[[Any, Any], Any]) -> Oracle:
    def make(optax: Any, s: Any) -> Any:
        warmup = optax.linear_schedule(s.start_lr, s.peak_lr, s.warmup_steps)
        return optax.join_schedules([warmup, main(optax, s)], [s.warmup_steps])

    return _by(make)


ORACLES: dict[str, Oracle] = {
    "constant": _by(lambda optax, s: optax.warmup_constant_schedule(s.start_lr, s.peak_lr, s.warmup_steps)),
    "linear": _joined(lambda optax, s: optax.linear_schedule(s.peak_lr, s.final_lr, s.end - s.warmup_steps)),
    "polynomial": _joined(
        lambda optax, s: optax.polynomial_schedule(s.peak_lr, s.final_lr, s.power, s.end - s.warmup_steps)
    ),
    "cosine": _by(
        lambda optax, s: optax.warmup_cosine_decay_schedule(s.start_lr, s.peak_lr, s.warmup_steps, s.end, s.final_lr)
    ),
    "exponential": _by(
        lambda optax, s: optax.warmup_exponential_decay_schedule(
            s.start_lr, s.peak_lr, s.warmup_steps, 1, math.exp(-s.decay_rate), end_value=s.floor
        )
    ),
    "step": _joined(
        lambda optax, s: optax.piecewise_constant_schedule(s.peak_lr, dict.fromkeys(s.milestones, s.gamma))
    ),
    "one_cycle": _by(
        lambda optax, s: optax.cosine_onecycle_schedule(
            s.total_steps, s.peak_lr, s.rise / s.total_steps, s.div_factor, s.final_div_factor
        )
    ),
}
