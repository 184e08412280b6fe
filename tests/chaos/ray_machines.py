"""Machines of a Ray cluster, as processes of this one: each declares GPUs that it does not have."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

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
# Ray's own provider of nodes that are processes of one machine.
_HEAD_ID = "f" * 51 + "00000"
_AUTOSCALING = {
    "RAY_FAKE_CLUSTER": "1",
    "RAY_OVERRIDE_NODE_ID_FOR_TESTING": _HEAD_ID,
    "AUTOSCALER_UPDATE_INTERVAL_S": "1",
}


def autoscaling(port: int) -> dict[str, Any]:
    """An autoscaler's configuration that adds up to two machines with a GPU and the label pool=a."""
    head = {"resources": {"CPU": 4}, "node_config": {}, "max_workers": 0}
    resources = {"CPU": 4, "GPU": 1, "object_store_memory": 80 * 2**20}
    added = {"resources": resources, "labels": {"pool": "a"}, "node_config": {}, "min_workers": 0, "max_workers": 2}
    commands = ["initialization_commands", "setup_commands", "head_setup_commands", "worker_setup_commands"]
    commands += ["head_start_ray_commands", "worker_start_ray_commands"]
    return {
        "cluster_name": "gym",
        "max_workers": 2,
        "idle_timeout_minutes": 0.1,
        "provider": {
            "type": "fake_multinode",
            "gcs_address": f"127.0.0.1:{port}",
            "head_node_id": _HEAD_ID,
            "use_node_id_as_ip": True,
            "disable_node_updaters": True,
            "disable_launch_config_check": True,
        },
        "available_node_types": {"ray.head.default": head, "pooled": added},
        "head_node_type": "ray.head.default",
        "auth": {"ssh_user": "nobody"},
        "file_mounts": {},
        "cluster_synced_files": [],
        **{name: [] for name in commands},
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
        autoscaling: Path | None = None,
    ) -> None:
        self.name = name
        self.gpus = gpus
        self._mark = f"{MARKER}={directory.name}-{name}"
        ray = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--disable-usage-stats"]
        command = [*ray, "--node-name", name, "--num-cpus", "4", "--num-gpus", str(gpus)]
        command += ["--object-store-memory", str(80 * 2**20)]
        if head:
            command += ["--head", "--port", str(port), "--include-dashboard", "false"]
            command += ["--temp-dir", str(directory / "ray")]
        else:
            command += ["--address", f"127.0.0.1:{port}"]
        variables = {**environment, **_SPARING, MARKER: f"{directory.name}-{name}"}
        if autoscaling is not None:
            command += ["--autoscaling-config", str(autoscaling)]
            variables |= _AUTOSCALING
        self.part = Part(f"machine-{name}", command, environment=variables, log=directory / "logs" / f"{name}.log")

    def start(self) -> None:
        """Switch it on."""
        self.part.start()

    def kill(self) -> None:
        """Let it lose its power: everything on it is gone at once."""
        self.part.wanted = False
        deadline = time.monotonic() + _UP_SECONDS
        sessions = self._sessions()
        while pids := self._of(sessions | self._sessions()):
            assert time.monotonic() < deadline, f"{self.name} cannot be killed: {pids}"
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)
        self.part.wait()

    def processes(self) -> dict[int, str]:
        """What runs there, with command lines."""
        return self._of(self._sessions())

    def _sessions(self) -> set[int]:
        """The sessions of what was started there. Some processes of Ray write their title over the mark."""
        found = set()
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if entry.name.isdigit() and self._mark.encode() in (entry / "environ").read_bytes().split(b"\0"):
                    found.add(os.getsid(int(entry.name)))
        return found

    def _of(self, sessions: set[int]) -> dict[int, str]:
        found = {}
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if entry.name.isdigit() and os.getsid(int(entry.name)) in sessions:
                    command = (entry / "cmdline").read_bytes().strip(b"\0").replace(b"\0", b" ").decode()
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
