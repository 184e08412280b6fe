"""Real processes: the command `rampline up` as a person starts it, and what it leaves."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from service.client import Client
from service.wire.views import SweepView

RAMPLINE = [sys.executable, "-m", "rampline"]
READY_SECONDS = 150


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(data_dir: Path, **extra: str) -> dict[str, str]:
    """This process's environment, without what another product on this machine may have left in it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RAMPLINE_", "MLFLOW_"))}
    return kept | {"RAMPLINE_DATA_DIR": str(data_dir)} | extra


def processes_of(data_dir: Path) -> dict[int, str]:
    """The living processes that were started for this data directory, with their command lines."""
    marker = f"RAMPLINE_DATA_DIR={data_dir}".encode()
    found = {}
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and marker in (entry / "environ").read_bytes().split(b"\0"):
                found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    return {pid: command for pid, command in found.items() if command and pid != os.getpid()}


def wait_until_gone(data_dir: Path, seconds: float = 60) -> dict[int, str]:
    """Wait until no process of this data directory is left; returns those that are."""
    deadline = time.monotonic() + seconds
    while (left := processes_of(data_dir)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return left


@dataclass
class Up:
    """A running `rampline up`."""

    data_dir: Path
    arguments: tuple[str, ...] = ()
    extra_environment: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    mlflow_port: int = field(default_factory=free_port)

    def start(self) -> None:
        ports = ["--port", str(self.port), "--mlflow-port", str(self.mlflow_port)]
        self.output = (self.data_dir.parent / f"{self.data_dir.name}.out").open("w+")
        self.process = subprocess.Popen(
            [*RAMPLINE, "up", *ports, *self.arguments],
            env=environment(self.data_dir, **self.extra_environment),
            stdout=self.output,
            stderr=subprocess.STDOUT,
        )
        deadline = time.monotonic() + READY_SECONDS
        while "Rampline is up" not in self.printed():
            assert self.process.poll() is None, self.printed()
            assert time.monotonic() < deadline, f"not ready: {self.printed()}"
            time.sleep(0.05)

    def printed(self) -> str:
        return Path(self.output.name).read_text()

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        self.process.send_signal(number)
        status = self.process.wait(90)
        self.output.close()
        self.client.close()
        del self.client
        return status

    @cached_property
    def client(self) -> Client:
        token = (self.data_dir / "tokens" / "local").read_text()
        return Client(f"http://127.0.0.1:{self.port}", token)

    @property
    def mlflow_url(self) -> str:
        return f"http://127.0.0.1:{self.mlflow_port}"

    def pid_of(self, part: str) -> int:
        """The process whose command line holds this, not counting the guard that watches over it."""
        own = {
            pid: cmd for pid, cmd in processes_of(self.data_dir).items() if part in cmd and "rampline.guard" not in cmd
        }
        return min(own)


def wait_for_end(client: Client, sweep: int, seconds: float = 120) -> SweepView:
    """Wait until a sweep has ended."""
    deadline = time.monotonic() + seconds
    while (view := client.sweep(sweep)).state not in {"completed", "failed", "cancelled"}:
        assert time.monotonic() < deadline, view.progress
        time.sleep(0.2)
    return view
