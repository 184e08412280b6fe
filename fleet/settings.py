"""What a fleet is told from outside."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from service.wire.placement import FLEET_NAME

# Ray reads these when it is imported. A fleet never speaks to a cluster that anybody may command, unless told to; and
# it survives the cluster's head, for longer than Ray by itself would let it.
RAY_ENVIRONMENT = {
    "RAY_AUTH_MODE": "token",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_gcs_rpc_server_reconnect_timeout_s": "86400",
}


class FleetError(Exception):
    """The fleet cannot work; the message says why and what to do."""


@dataclass(frozen=True, kw_only=True)
class FleetSettings:
    """How workers are placed: at most `most` of them, each with `gpus_per_worker` of a GPU.

    Each node without a GPU has `cpu_workers` that train on its CPUs. One worker is wanted for `runs_per_worker` runs
    that wait or train; one that has held none for `idle_seconds` is given up. `worker` holds settings of
    `worker.settings.WorkerSettings`, the same for all.
    """

    name: str = "fleet"
    most: int = 8
    gpus_per_worker: float = 1.0
    cpu_workers: int = 0
    cpus_per_worker: float = 1.0
    runs_per_worker: int = 8
    idle_seconds: float = 300.0
    look_seconds: float = 5.0
    worker: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if not re.match(FLEET_NAME, self.name):
            raise FleetError(f"{self.name!r} cannot be a fleet's name: give letters, digits, dots and dashes")


def prepare_ray() -> None:
    """Set what Ray reads when it is imported, where the environment does not say otherwise."""
    for name, value in RAY_ENVIRONMENT.items():
        os.environ.setdefault(name, value)
