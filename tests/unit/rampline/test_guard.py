"""The guard: nothing that it runs outlives its starter."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.waiting import wait_until

GUARD = [sys.executable, "-m", "rampline.guard"]
# A process that starts another one, as MLflow's server does, and writes down both.
FAMILY = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open(sys.argv[1], "w").write(f"{os.getpid()} {child.pid}\\n")
time.sleep(600)
"""


def start(tmp_path: Path) -> tuple[subprocess.Popen[bytes], list[int]]:
    file = tmp_path / "pids"
    guard = subprocess.Popen([*GUARD, sys.executable, "-c", FAMILY, str(file)], stdin=subprocess.PIPE)
    wait_until(lambda: file.exists() and file.read_text().endswith("\n"))
    return guard, [int(pid) for pid in file.read_text().split()]


def lives(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def test_closing_its_input_ends_the_command_and_what_that_started(tmp_path: Path) -> None:
    guard, pids = start(tmp_path)
    assert guard.stdin is not None
    guard.stdin.close()
    guard.wait(20)
    wait_until(lambda: not any(map(lives, pids)))


def test_a_killed_starter_leaves_nothing(tmp_path: Path) -> None:
    file = tmp_path / "pids"
    starter = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import subprocess, sys, time\nsubprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE)\ntime.sleep(600)",
            *GUARD,
            *[sys.executable, "-c", FAMILY, str(file)],
        ]
    )
    wait_until(lambda: file.exists() and file.read_text().endswith("\n"))
    pids = [int(pid) for pid in file.read_text().split()]
    os.kill(starter.pid, signal.SIGKILL)
    starter.wait(20)
    assert len(pids) == 2
    wait_until(lambda: not any(map(lives, pids)))


def test_a_signal_to_the_guard_does_not_bypass_its_care(tmp_path: Path) -> None:
    guard, pids = start(tmp_path)
    guard.send_signal(signal.SIGINT)
    guard.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    assert guard.poll() is None
    assert all(map(lives, pids))
    assert guard.stdin is not None
    guard.stdin.close()
    guard.wait(20)


def test_its_exit_status_is_that_of_the_command() -> None:
    with subprocess.Popen([*GUARD, sys.executable, "-c", "raise SystemExit(7)"], stdin=subprocess.PIPE) as guard:
        assert guard.wait(20) == 7
