"""The sweeps that are disturbed, and the one that is not: small, with every fourth configuration diverging."""

import json
from typing import Any

from tests.chaos.cluster import CORPUS

PEAKS = [1e-3, 1e-2, 3e-2, 3e3]
TRIALS = 24


def grid(updates: int) -> dict[str, Any]:
    """Every configuration once."""
    return {
        "name": "grid",
        "space": {"schedule": ["linear", "cosine", "wsd"], "warmup_steps": [10, 20], "peak_lr": PEAKS},
        "sampler": {"type": "grid"},
        "total_steps": updates,
        "eval_every": max(1, updates // 4),
        "model": {"d_model": 16, "n_layers": 1, "n_heads": 2, "context": 16, "norm": "post"},
        "data": {"corpus": CORPUS, "batch_size": 4, "val_windows": 8},
    }


def tpe(updates: int, seed: int) -> dict[str, Any]:
    """As many trials from the same values, chosen by a sampler that learns, some of them twice."""
    return grid(updates) | {"name": "tpe", "sampler": {"type": "tpe", "seed": seed}, "trials": TRIALS}


def configuration(schedule: dict[str, Any], seed: int) -> str:
    """What decides a run of these sweeps."""
    return json.dumps([schedule, seed], sort_keys=True)
