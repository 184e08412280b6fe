"""One process of the product: started under a guard, its output in a log file, ended with its whole group."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from rampline.guard import GRACE_SECONDS


class Child:
    """A process that ends when this one ends, however that happens."""

    def __init__(self, name: str, command: Sequence[str], *, environment: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.log = log
        self._command = command
        self._environment = dict(environment)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, anew if it has ended; what it prints is appended to its log."""
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "rampline.guard", *self._command],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                env=self._environment,
                start_new_session=True,
            )

    @property
    def exit_status(self) -> int | None:
        """None while it runs."""
        return self._process.poll() if self._process is not None else None

    def last_words(self) -> str:
        """The last line of its log that says something, for an error message."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return next((line.strip() for line in reversed(lines) if line.strip()), "it printed nothing")

    def ask_to_end(self) -> None:
        """Let the guard end it."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()

    def wait(self) -> None:
        """Wait for its end; the guard kills what is left after its grace period."""
        if self._process is not None:
            self._process.wait(GRACE_SECONDS + 10)
