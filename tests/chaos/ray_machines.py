"""Machines of a Ray cluster, as processes of this one: each declares GPUs that it does not have."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from tests.chaos.part import Part

MARKER = "RAMPLINE_TEST_MACHINE"
_UP_SECONDS = 120.0
# The processes of Ray that a machine can do without, so that many fit on one.
_SPARING = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_enable_metrics_collection": "0",
    "RAY_prestart_worker_first_driver": "0",
    "RAY_enable_worker_prestart": "0",
    "RAY_DISABLE_MEMORY_MONITOR": "1",
    "RAY_memory_monitor_refresh_ms": "0",
}


class Machine:
    """One node of a Ray cluster, the head if it is given no address; started again when its Ray has ended."""

    def __init__(
        self,
        name: str,
        directory: Path,
        *,
        port: int,
        gpus: int,
        head: bool,
        environment: Mapping[str, str],
        labels: str = "",
    ) -> None:
        self.name = name
        self.gpus = gpus
        self._mark = f"{MARKER}={directory.name}-{name}"
        ray = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--disable-usage-stats"]
        command = [*ray, "--node-name", name, "--num-cpus", "4", "--num-gpus", str(gpus)]
        command += ["--object-store-memory", str(80 * 2**20)]
        if labels:
            command += ["--labels", labels]
        if head:
            command += ["--head", "--port", str(port), "--include-dashboard", "false"]
            command += ["--temp-dir", str(directory / "ray")]
        else:
            command += ["--address", f"127.0.0.1:{port}"]
        variables = {**environment, **_SPARING, MARKER: f"{directory.name}-{name}"}
        self.part = Part(f"machine-{name}", command, environment=variables, log=directory / "logs" / f"{name}.log")

    def start(self) -> None:
        """Switch it on."""
        self.part.start()

    def kill(self) -> None:
        """Let it lose its power: everything on it is gone at once."""
        self.part.wanted = False
        deadline = time.monotonic() + _UP_SECONDS
        while pids := self.processes():
            assert time.monotonic() < deadline, f"{self.name} cannot be killed: {pids}"
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)
        self.part.wait()

    def processes(self) -> dict[int, str]:
        """What runs there, with command lines."""
        found = {}
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if entry.name.isdigit() and self._mark.encode() in (entry / "environ").read_bytes().split(b"\0"):
                    command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                    if command:  # else it is a zombie
                        found[int(entry.name)] = command
        return found

    @property
    def workers(self) -> list[int]:
        """The actors on it that train."""
        return [pid for pid, command in self.processes().items() if command.startswith("ray::FleetWorker")]


def answer(command: list[str], environment: Mapping[str, str]) -> str:
    """What a command prints."""
    done = subprocess.run(
        command, env=dict(environment), capture_output=True, text=True, timeout=_UP_SECONDS, check=False
    )
    assert done.returncode == 0, f"{command[-4:]}: {done.stderr[-2000:]}"
    return done.stdout
