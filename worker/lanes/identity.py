"""What decides a lane's bits: the identity of a run without its rates, and of its rates up to an update."""

import dataclasses
import hashlib
import json
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from schedules.comparison import common_prefix
from schedules.errors import ScheduleError
from schedules.schedule import Schedule
from worker.lanes.plan import Plan
from worker.lanes.shape import Shape


def identity(shape: Shape, plan: Plan, device_type: str) -> dict[str, Any]:
    """Return everything but the rates on which two runs must agree to be the same run, bit for bit, as JSON.

    On a CPU that holds between processors of one kind: their libraries choose other instructions on another.
    """
    fields = {field.name: getattr(plan, field.name) for field in dataclasses.fields(plan)}
    del fields["schedule"]
    return {
        "shape": dataclasses.asdict(shape),
        "plan": fields | {"corpus": list(plan.corpus.cut)},
        "code": code_version(),
        "torch": torch.__version__.split("+")[0],
        "numpy": np.__version__,
        "device": device_type,
    }


def base_digest(shape: Shape, plan: Plan, device_type: str) -> str:
    """Return the SHA-256 of the ``identity``, in hexadecimal."""
    return hashlib.sha256(json.dumps(identity(shape, plan, device_type), sort_keys=True).encode()).hexdigest()


def prefix_digests(lrs: NDArray[np.float64], updates: Iterable[int]) -> dict[int, str]:
    """Return, for each of these updates n, the first 32 digits of the SHA-256 of the rates 1 ... n as float64."""
    digests, hashed, done = {}, hashlib.sha256(), 0
    for update in sorted({update for update in updates if 1 <= update <= len(lrs)}):
        hashed.update(lrs[done:update].astype("<f8").tobytes())
        digests[update], done = hashed.hexdigest()[:32], update
    return digests


def branch_point(schedule: Schedule) -> int:
    """Return the last update through which the schedule does not depend on its length; 0 if that cannot be said.

    For a constant rate that is its end, for warmup-stable-decay the start of the decay.
    """
    try:
        return common_prefix(schedule, schedule.with_total_steps(2 * schedule.total_steps))
    except ScheduleError:
        return 0


@cache
def code_version() -> str:
    """Return the SHA-256 of the fused trainer's source: any change of it makes another run, whoever thinks of it."""
    hashed = hashlib.sha256()
    for file in sorted(files("worker.lanes").iterdir(), key=lambda file: file.name):
        if file.name.endswith(".py"):
            hashed.update(f"{file.name}\n".encode() + file.read_bytes())
    return hashed.hexdigest()
