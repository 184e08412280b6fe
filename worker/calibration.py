"""How many lanes to train a shape with: measured once for a shape, a device and a version of torch, and remembered."""

import contextlib
import json
import logging
import time
from dataclasses import replace
from pathlib import Path

import torch

import schedules
from service.wire.files import whole_file
from worker.lanes.batch import LaneBatch
from worker.lanes.data import Corpus
from worker.lanes.plan import Plan
from worker.lanes.shape import Shape

log = logging.getLogger(__name__)

SECONDS = {"cpu": 2.0, "cuda": 30.0}  # on a GPU each number of lanes is captured as a graph first
MOST_LANES = {"cpu": 16, "cuda": 256}
_UPDATES = {"cpu": 2, "cuda": 20}  # of one measurement
_REPEATED = 3
_WORTH = 1.1  # more lanes end all runs later, and leave other workers idle at the end of a sweep, so they have to gain
_LONG_ENOUGH = 1_000


class Capacity:
    """The number of lanes for a shape: the one given, else the one remembered, else one that is measured now."""

    def __init__(self, device: torch.device, device_name: str, directory: Path, *, given: int | None = None) -> None:
        self._device = device
        self._given = given
        self._path = directory / "lanes.json"
        self._machine = f"{device_name}, {device.type}, torch {torch.__version__}"

    def of(self, shape: Shape) -> int:
        """How many lanes to train this shape with; a first measurement takes two seconds on a CPU, 30 on a GPU."""
        if self._given is not None:
            return self._given
        key = f"{self._machine}, {shape!r}"
        known = self._known()
        if key not in known:
            lanes = measured(shape, self._device)
            known = self._known()  # of workers that measure at the same time, the first decides for all
            if key not in known:
                known[key] = lanes
                self._remember(known)
            log.info("%d lanes train this shape fastest here", known[key], extra={"action": "lanes.measured"})
        return known[key]

    def _known(self) -> dict[str, int]:
        try:
            known = json.loads(self._path.read_text())
        except (OSError, ValueError):
            return {}
        if not isinstance(known, dict):
            return {}
        return {key: lanes for key, lanes in known.items() if isinstance(lanes, int) and lanes >= 1}

    def _remember(self, known: dict[str, int]) -> None:
        """Replace the file in one go."""
        try:
            with whole_file(self._path) as file:
                file.write(json.dumps(known, indent=2).encode())
        except OSError as error:
            log.warning("the number of lanes is not remembered: %s", error, extra={"action": "lanes.forgotten"})


def measured(shape: Shape, device: torch.device, *, seconds: float | None = None) -> int:
    """Return the fewest lanes that together train within a tenth as fast as any that were tried and fit the memory.

    Tried are 1, 2, 4, ... lanes, as far as ``seconds`` suffice, and one in any case.
    """
    paces: dict[int, float] = {}
    lanes = 1
    _warm_up(shape, device)
    deadline = time.monotonic() + (SECONDS[device.type] if seconds is None else seconds)
    while lanes <= MOST_LANES[device.type]:
        least_seconds = (1 + _UPDATES[device.type]) * lanes / max(paces.values()) if paces else 0.0
        if paces and time.monotonic() + least_seconds > deadline:
            break
        try:
            paces[lanes] = _pace(shape, lanes, device, deadline)
        except RuntimeError as error:  # torch's OutOfMemoryError is one
            reason = str(error).splitlines()[0]
            log.info("%d lanes do not fit: %s", lanes, reason, extra={"action": "lanes.too_many"})
            break
        lanes *= 2
    fastest = max(paces.values(), default=0.0)
    return min((lanes for lanes, pace in paces.items() if _WORTH * pace >= fastest), default=1)


def _warm_up(shape: Shape, device: torch.device) -> None:
    """The first updates in a process set up libraries, which can take longer than all the measurements."""
    with contextlib.suppress(RuntimeError):
        _pace(shape, 1, device, deadline=0.0)


def _pace(shape: Shape, lanes: int, device: torch.device, deadline: float) -> float:
    """The updates of all lanes in a second: the best of a few short measurements.

    On a CPU in seconds of processor time, which says more than the clock's where other processes are busy.
    """
    clock = time.process_time if device.type == "cpu" else time.monotonic
    corpus = Corpus(bytes(range(256)) * (1 + shape.context // 8), context=shape.context, val_windows=1)
    schedule = schedules.build({"type": "constant", "total_steps": _LONG_ENOUGH, "peak_lr": 1e-6})
    plan = Plan(schedule=schedule, corpus=corpus)
    batch = LaneBatch[int](shape, lanes, device)
    for number in range(lanes):
        batch.admit(number, replace(plan, seed=number))
    batch.advance(1)
    updates = _UPDATES[device.type]
    paces = []
    for _ in range(_REPEATED):
        started = clock()
        batch.advance(updates)
        paces.append(updates * lanes / max(1e-9, clock() - started))
        if time.monotonic() > deadline:
            break
    return max(paces)
