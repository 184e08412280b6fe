"""One process of the product, to be killed, frozen and started again."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from urllib.request import urlopen

_END_SECONDS = 60.0


class Part:
    """A process under a guard, so that it ends when the harness does. `wanted` says that it ought to be running."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        log: Path,
        answers: Callable[[], bool] = lambda: True,
    ) -> None:
        self.name = name
        self.log = log
        self.answers = answers
        self.wanted = False
        self._command = list(command)
        self._environment = dict(environment)
        self._guard: subprocess.Popen[bytes] | None = None
        self._pid: int | None = None

    def start(self) -> None:
        """Start it, unless it runs; what it prints is appended to its log."""
        self.wanted = True
        if self.alive:
            return
        self._let_go()
        with self.log.open("ab") as log:
            self._guard = subprocess.Popen(
                [sys.executable, "-m", "rampline.guard", *self._command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=self._environment,
                start_new_session=True,
            )
        self._pid = None

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._guard is not None and self._guard.poll() is None

    @property
    def pid(self) -> int:
        """The process itself, behind its guard."""
        deadline = time.monotonic() + _END_SECONDS
        while self._pid is None:
            assert self._guard is not None
            assert self._guard.poll() is None, f"{self.name} has ended: {self.last_words()}"
            assert time.monotonic() < deadline, f"{self.name} has a guard and no process"
            listed = Path(f"/proc/{self._guard.pid}/task/{self._guard.pid}/children").read_text().split()
            if listed:
                self._pid = int(listed[0])
            else:
                time.sleep(0.01)
        return self._pid

    def kill(self) -> None:
        """SIGKILL it and what it has started."""
        self.wanted = False
        if self.alive:
            self._signal(signal.SIGKILL)
        self.wait()

    def freeze(self) -> None:
        """SIGSTOP."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        self._signal(signal.SIGCONT)

    def ask_to_end(self) -> None:
        """SIGTERM, by way of the guard; `wait` for its end."""
        self.wanted = False
        self._let_go()

    def wait(self) -> None:
        """Wait until it has ended."""
        if self._guard is not None:
            self._guard.wait(_END_SECONDS)
            self._let_go()

    def _let_go(self) -> None:
        if self._guard is not None and self._guard.stdin is not None:
            self._guard.stdin.close()

    def last_words(self) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-5:]) if self.log.exists() else ""

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)


def answers_at(url: str) -> Callable[[], bool]:
    """Whether something answers there with success, asked when it is called."""

    def asked() -> bool:
        try:
            with urlopen(url, timeout=2):
                return True
        except OSError:  # an answer that is not a success is one, too
            return False

    return asked
