"""Runs a command that must not outlive its starter: `python -m rampline.guard COMMAND...`.

The starter holds the other end of this process's standard input. When it closes, because the starter wants the
command to end or has itself been killed, the command's whole process group gets SIGTERM, and SIGKILL when it has
not ended within the grace period. (MLflow's server starts a process of its own, which a killed parent would leave.)
"""

import contextlib
import os
import select
import signal
import subprocess
import sys
import time

GRACE_SECONDS = 40.0
POLL_SECONDS = 0.2


def main(command: list[str]) -> int:
    """Run the command until it ends or standard input closes; returns its exit status."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)  # not SIG_IGN, which the command would inherit
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    while process.poll() is None:
        closed, _, _ = select.select([sys.stdin], [], [], POLL_SECONDS)
        if closed and not os.read(sys.stdin.fileno(), 1):
            _end(process)
    _signal_group(process, signal.SIGKILL)
    return process.returncode


def _end(process: subprocess.Popen[bytes]) -> None:
    _signal_group(process, signal.SIGTERM)
    deadline = time.monotonic() + GRACE_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    _signal_group(process, signal.SIGKILL)
    process.wait()


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
