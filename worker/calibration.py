"""How many lanes to train a shape with: measured once for a shape, a device and a version of torch, and remembered."""

import json
import logging
import os
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import torch

import schedules
from worker.lanes.batch import LaneBatch
from worker.lanes.data import Corpus
from worker.lanes.plan import Plan
from worker.lanes.shape import Shape

log = logging.getLogger(__name__)

SECONDS = 2.0
MOST_LANES = {"cpu": 16, "cuda": 256}
_UPDATES = 2  # of one measurement
_REPEATED = 3
_WORTH = 1.05  # more lanes end all runs later, so they have to gain
_LONG_ENOUGH = 1_000


class Capacity:
    """The number of lanes for a shape: the one given, else the one remembered, else one that is measured now."""

    def __init__(self, device: torch.device, device_name: str, directory: Path, *, given: int | None = None) -> None:
        self._device = device
        self._given = given
        self._path = directory / "lanes.json"
        self._machine = f"{device_name}, {device.type}, torch {torch.__version__}"

    def of(self, shape: Shape) -> int:
        """How many lanes to train this shape with; a first measurement takes about two seconds."""
        if self._given is not None:
            return self._given
        key = f"{self._machine}, {shape!r}"
        known = self._known()
        if not isinstance(known.get(key), int) or known[key] < 1:
            known[key] = measured(shape, self._device)
            log.info("%d lanes train this shape fastest here", known[key])
            self._remember(known)
        return known[key]

    def _known(self) -> dict[str, int]:
        try:
            known = json.loads(self._path.read_text())
        except (OSError, ValueError):
            return {}
        return known if isinstance(known, dict) else {}

    def _remember(self, known: dict[str, int]) -> None:
        """Replace the file in one go; of two workers that measure at once, one is remembered."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile("w", dir=self._path.parent, delete=False) as file:
                json.dump(known, file, indent=2)
            os.replace(file.name, self._path)
        except OSError as error:
            log.warning("the number of lanes is not remembered: %s", error)


def measured(shape: Shape, device: torch.device, *, seconds: float = SECONDS) -> int:
    """Double the lanes while all together train at least 5% faster for it; within the memory there is.

    Ends after the first measurement that is over when ``seconds`` have passed.
    """
    deadline = time.monotonic() + seconds
    best, fastest, lanes = 1, 0.0, 1
    while lanes <= MOST_LANES[device.type]:
        try:
            pace = _pace(shape, lanes, device, deadline)
        except RuntimeError as error:  # torch's OutOfMemoryError is one
            log.info("%d lanes do not fit: %s", lanes, str(error).splitlines()[0])
            break
        if pace < _WORTH * fastest:
            break
        best, fastest = lanes, pace
        if time.monotonic() > deadline:
            break
        lanes *= 2
    return best


def _pace(shape: Shape, lanes: int, device: torch.device, deadline: float) -> float:
    """The updates of all lanes in a second: the best of a few short measurements."""
    corpus = Corpus(bytes(range(256)) * (1 + shape.context // 8), context=shape.context, val_windows=1)
    schedule = schedules.build({"type": "constant", "total_steps": _LONG_ENOUGH, "peak_lr": 1e-6})
    plan = Plan(schedule=schedule, corpus=corpus)
    batch = LaneBatch[int](shape, lanes, device)
    for number in range(lanes):
        batch.admit(number, replace(plan, seed=number))
    batch.advance(1)
    paces = []
    for _ in range(_REPEATED):
        started = time.monotonic()
        batch.advance(_UPDATES)
        paces.append(_UPDATES * lanes / max(1e-9, time.monotonic() - started))
        if time.monotonic() > deadline:
            break
    return max(paces)
