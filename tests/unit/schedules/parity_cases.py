"""Which oracle answers for which mode, and the schedules on which they are compared."""

from collections.abc import Iterator, Mapping
from typing import Any

from schedules import Schedule, ScheduleError, build
from tests.unit.schedules.oracles import cited, hf, megatron_installed, optax_installed, timm_installed, torch_own
from tests.unit.schedules.oracles.stepping import Oracle

ORACLES: Mapping[str, Mapping[str, Oracle]] = {
    "hf": hf.ORACLES,
    "hf_cosine_warmup_with_min_lr": hf.WITH_MIN_LR,
    "torchtitan": cited.TORCHTITAN,
    "nanogpt": cited.NANOGPT,
    "megatron": megatron_installed.ORACLES,
    "fairseq": cited.FAIRSEQ,
    "torch": torch_own.ORACLES,
    "torch_chained": torch_own.CHAINED,
    "optax": optax_installed.ORACLES,
    "timm": timm_installed.ORACLES,
    "timm_prefix": timm_installed.PREFIXED,
}

_WARMUPS = [{"warmup_steps": 1}, {"warmup_steps": 7}, {"warmup_steps": 30}]
_STARTS: list[dict[str, Any]] = [{}, {"start_lr": 1e-5}]
_TO_FLOOR: list[dict[str, Any]] = [{}, {"final_lr": 3e-4}, {"horizon": 60}, {"horizon": 41, "final_lr": 1e-4}]

_OWN: dict[str, list[dict[str, Any]]] = {
    "constant": [{}],
    "linear": _TO_FLOOR,
    "cosine": _TO_FLOOR,
    "cosine_restarts": [{"cycles": 1}, {"cycles": 3, "final_lr": 1e-4}, {"cycles": 3}],
    "polynomial": [{"power": power, **more} for power in (0.5, 1.0, 2.0, 3.0) for more in _TO_FLOOR],
    "inverse_sqrt": [{}, {"timescale": 25}, {"floor": 1e-3}],
    "exponential": [{"decay_rate": 0.05}, {"decay_rate": 0.2, "floor": 1e-4}],
    "step": [{"milestones": [31, 60], "gamma": 0.3}, {"milestones": [70]}],
    "wsd": [
        {"shape": shape, **more}
        for shape in ("linear", "cosine", "1-sqrt", "exponential")
        for more in ({}, {"decay_steps": 40, "final_lr": 2e-4}, {"warmup_shape": "cosine"})
    ],
    "one_cycle": [
        {},
        {"pct_start": 0.41},
        {"warmup_steps": 20, "anneal": "linear"},
        {"pct_start": 0.3, "three_phase": True, "div_factor": 10.0},
    ],
}


def cases(mode: str, family: str) -> Iterator[Schedule]:
    """Yield the schedules of this family that the mode can have, over lengths, warmups, floors and shapes."""
    base = {"type": family, "mode": mode, "total_steps": 80, "peak_lr": 3e-3}
    warmups = [{}] if family == "one_cycle" else [{}, *_WARMUPS]
    starts = [{}] if family == "one_cycle" else _STARTS
    for own in _OWN[family]:
        for warmup in warmups:
            for start in starts:
                try:
                    yield build({**base, **own, **warmup, **start})
                except ScheduleError:
                    continue  # its source has no such parameter: test_modes holds that
