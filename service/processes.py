"""Several server processes on one port: started, started again when one ends, and ended together.

Each has a listening socket of its own, among which the kernel spreads connections (SO_REUSEPORT). The sockets belong to
this process: what waits for a process that has died is served by the one that takes its place.
"""

import contextlib
import logging
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from service.settings import Settings
from service.wire.retries import Backoff, Deadline

log = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
# A process that has lived for so long has started well; when it ends, the next one is started soon.
_WELL_SECONDS = 60.0
_END_SECONDS = 30.0


@dataclass
class _Member:
    """One place among the server processes, and whoever has it."""

    number: int
    listener: socket.socket
    process: "subprocess.Popen[bytes] | None" = None
    handle: int = -1
    began_at: float = 0.0
    due_at: float = 0.0
    pauses: Backoff = field(default_factory=lambda: Backoff(FIRST_PAUSE, LONGEST_PAUSE))


def keep_running(settings: Settings, listeners: Sequence[socket.socket], metrics: Path) -> None:
    """Keep a server process at each of `listeners` until this process gets SIGTERM or SIGINT; returns when all ended.

    They count into files in the directory `metrics`, which each of them adds up.
    """
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(metrics)}
    members = [_Member(number, listener) for number, listener in enumerate(listeners, 1)]
    with _told_to_end() as told:
        try:
            while _watch(members, told, metrics):
                for member in members:
                    if member.process is None and member.due_at <= time.monotonic():
                        _start(member, settings, environment)
        finally:
            _end(members)


def _watch(members: Sequence[_Member], told: int, metrics: Path) -> bool:
    """Wait until a process has ended or one is to be started; returns whether to go on."""
    waiting = [member.due_at for member in members if member.process is None]
    pause = max(0.0, min(waiting) - time.monotonic()) if waiting else None
    handles = [member.handle for member in members if member.process is not None]
    ready, _, _ = select.select([told, *handles], [], [], pause)
    for member in members:
        if member.process is not None and member.handle in ready:
            _note_end(member, metrics)
    return told not in ready


def _start(member: _Member, settings: Settings, environment: Mapping[str, str]) -> None:
    descriptor = member.listener.fileno()
    process = subprocess.Popen(
        [sys.executable, "-m", "service.member", str(descriptor)],
        stdin=subprocess.PIPE,
        pass_fds=[descriptor],
        env=environment,
    )
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError):  # it ended at once; that is noticed by its handle
        # Not among its arguments, which everybody on this machine can read; then the pipe says that we live.
        process.stdin.write(settings.model_dump_json().encode() + b"\n")
        process.stdin.flush()
    member.process, member.handle, member.began_at = process, os.pidfd_open(process.pid), time.monotonic()


def _note_end(member: _Member, metrics: Path) -> None:
    process = member.process
    assert process is not None
    status = process.wait()
    _forget(member)
    # What it had counted stays counted; what it had open is not open any more.
    for file in metrics.glob(f"gauge_live*_{process.pid}.db"):
        file.unlink()
    if time.monotonic() - member.began_at > _WELL_SECONDS:
        member.pauses.reset()
    pause = member.pauses.wait()
    member.due_at = time.monotonic() + pause
    log.error(
        "server process %d ended with status %d; it is started again in %.1f s",
        member.number,
        status,
        pause,
        extra={"action": "process.ended", "status": status},
    )


def _forget(member: _Member) -> None:
    assert member.process is not None
    assert member.process.stdin is not None
    with contextlib.suppress(BrokenPipeError):
        member.process.stdin.close()
    os.close(member.handle)
    member.process, member.handle = None, -1


def _end(members: Sequence[_Member]) -> None:
    """Ask every process to end, and kill those that do not."""
    deadline = Deadline(_END_SECONDS)
    processes = [member.process for member in members if member.process is not None]
    for process in processes:
        process.terminate()
    for process in processes:
        try:
            process.wait(deadline.left())
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    for member in members:
        if member.process is not None:
            _forget(member)


@contextlib.contextmanager
def _told_to_end() -> Iterator[int]:
    """A descriptor that can be read from as soon as this process got SIGTERM or SIGINT."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)

    def tell(_signal: int, _frame: object) -> None:
        with contextlib.suppress(BlockingIOError):
            os.write(writing, b".")

    earlier = {name: signal.signal(name, tell) for name in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield reading
    finally:
        for name, handler in earlier.items():
            signal.signal(name, handler)
        os.close(reading)
        os.close(writing)
