"""How much energy a device has taken, where it tells.

An NVIDIA GPU counts its millijoules (NVML, `nvmlDeviceGetTotalEnergyConsumption`, since Volta; a part of a GPU does
not). An x86 processor counts its microjoules for a whole package (RAPL, the kernel's `powercap`), which few kernels let
others than root read; a worker takes the part of its threads among the processors' threads, an estimate.
"""

import logging
import os
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

import torch

log = logging.getLogger(__name__)

Counter = Callable[[], float | None]
POWERCAP = Path("/sys/class/powercap")


def nothing() -> None:
    """The counter of a device that does not tell."""
    return


def counter_of(device: torch.device) -> Counter:
    """A function that returns the joules that a device has taken so far; None where it does not tell."""
    counter = _of_gpu(device) if device.type == "cuda" else Rapl.found()
    if counter is None or counter() is None:
        log.info("%s does not tell its energy", device)
        return nothing
    return counter


def _of_gpu(device: torch.device) -> Counter | None:
    try:
        nvml = import_module("pynvml")
    except ImportError:
        return None
    try:
        nvml.nvmlInit()
        # By its UUID: CUDA numbers the devices that a process may see, NVML all of them.
        handle = nvml.nvmlDeviceGetHandleByUUID(f"GPU-{torch.cuda.get_device_properties(device).uuid}")
    except nvml.NVMLError:
        return None

    def joules() -> float | None:
        try:
            return float(nvml.nvmlDeviceGetTotalEnergyConsumption(handle)) / 1e3
        except nvml.NVMLError:
            return None

    return joules


class Rapl:
    """The part of a machine's processors' energy that falls to this process by its number of threads."""

    def __init__(self, packages: Sequence[Path], part: float) -> None:
        self._packages = packages
        self._part = part
        self._last = [0] * len(packages)
        self._total: float | None = None

    @classmethod
    def found(cls, directory: Path = POWERCAP) -> "Rapl | None":
        """The counters of this machine's packages, if there are any."""
        packages = sorted(directory.glob("*-rapl:[0-9]")) if directory.is_dir() else []
        return cls(packages, min(1.0, torch.get_num_threads() / (os.cpu_count() or 1))) if packages else None

    def __call__(self) -> float | None:
        """The joules since the first call; None if the counters cannot be read."""
        try:
            now = [int((package / "energy_uj").read_text()) for package in self._packages]
            ranges = [int((package / "max_energy_range_uj").read_text()) for package in self._packages]
        except (OSError, ValueError):
            return None
        if self._total is None:
            self._total = 0.0
        else:  # a counter begins again at its range
            counted = zip(now, self._last, ranges, strict=True)
            self._total += self._part * sum((new - old) % (most + 1) for new, old, most in counted) / 1e6
        self._last = now
        return self._total
