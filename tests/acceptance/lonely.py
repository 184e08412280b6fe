"""A service in this process and a real worker process; between them a line that can go dead."""

import contextlib
import os
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.acceptance.running import environment

TINY: dict[str, Any] = {
    "name": "tiny",
    "space": {"schedule": ["linear"], "warmup_steps": [2], "peak_lr": [0.001, 0.002]},
    "sampler": {"type": "grid"},
    "total_steps": 20_000,
    "model": {"d_model": 16, "n_layers": 1, "n_heads": 2, "context": 16},
    "data": {"corpus": "file:words.txt", "batch_size": 2, "val_windows": 4},
}


def wait_until(condition: Callable[[], object], seconds: float = 60) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


@contextlib.contextmanager
def worker(url: str, token: str, directory: Path, **settings: object) -> Iterator["subprocess.Popen[bytes]"]:
    """A worker process with four lanes; what it prints is in `directory`/worker.log."""
    given = {f"RAMPLINE_{name.upper()}": str(value) for name, value in settings.items()}
    given |= {"RAMPLINE_WORKER_TOKEN": token, "RAMPLINE_SCRATCH_DIR": str(directory / "scratch"), "RAMPLINE_LANES": "4"}
    command = [sys.executable, "-m", "rampline", "worker", "--url", url, "--device", "cpu"]
    with (directory / "worker.log").open("ab") as log:
        process = subprocess.Popen(command, env=environment(directory, **given), stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


class Line:
    """A TCP proxy to a port of this machine. `dead`, it keeps every connection, takes what comes, and never answers."""

    def __init__(self, port: int | None = None) -> None:
        self._port = port
        self.dead = port is None
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._over, self._wake = os.pipe()
        self._thread = threading.Thread(target=self._carry)
        self._thread.start()

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def close(self) -> None:
        """End it and every connection."""
        os.write(self._wake, b"x")
        self._thread.join(10)
        assert not self._thread.is_alive()

    def _carry(self) -> None:
        ends: dict[socket.socket, socket.socket | None] = {}
        while True:
            watched: list[int | socket.socket] = [self._over, self._listener, *ends]
            readable, _, _ = select.select(watched, [], [])
            if self._over in readable:
                break
            for one in readable:
                if one is self._listener:
                    near = self._listener.accept()[0]
                    far = socket.create_connection(("127.0.0.1", self._port)) if self._port is not None else None
                    ends[near] = far
                    if far is not None:
                        ends[far] = near
                elif isinstance(one, socket.socket) and one in ends:
                    self._pass_on(one, ends)
        for one in (*ends, self._listener):
            one.close()
        os.close(self._over)
        os.close(self._wake)

    def _pass_on(self, one: socket.socket, ends: dict[socket.socket, socket.socket | None]) -> None:
        try:
            data = one.recv(1 << 16)
        except OSError:
            data = b""
        other = ends[one]
        if data and (self.dead or other is None):
            return
        if data and other is not None:
            other.sendall(data)
            return
        for end in (one, other):
            if end is not None:
                ends.pop(end, None)
                end.close()
