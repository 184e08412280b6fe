"""Who is waited for goes first: people wait for a page, and a free lane for a claim; for a report nobody does.

Python computes for one thread of a process at a time, and knows no priorities: a page takes turns with every report
that it meets. So reports, and the work in the background, step aside before each statement of theirs while a page or a
claim is being answered; for a bounded time, so that however many there are, the work goes on.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, event

# How long a report, or a round of the background's, steps aside altogether.
REPORT_SECONDS = 0.05
ROUND_SECONDS = 0.1


@dataclass
class _Patience:
    seconds: float


_patience: ContextVar[_Patience | None] = ContextVar("_patience", default=None)


@contextmanager
def stepping_aside(seconds: float) -> Iterator[None]:
    """Let others go first in what this thread does meanwhile, for so many seconds altogether."""
    token = _patience.set(_Patience(seconds))
    try:
        yield
    finally:
        _patience.reset(token)


class Courtesy:
    """Knows whether somebody is waited for in this process. Safe to share between threads.

    `waiting` is how many threads step aside just now.
    """

    def __init__(self) -> None:
        self.waiting = 0
        self._urgent = 0
        self._changed = threading.Condition()

    @property
    def is_wanted(self) -> bool:
        """Whether a page or a claim is being answered."""
        return self._urgent > 0

    @contextmanager
    def urgent(self) -> Iterator[None]:
        """A page or a claim is being answered."""
        with self._changed:
            self._urgent += 1
        try:
            yield
        finally:
            with self._changed:
                self._urgent -= 1
                if not self.is_wanted:
                    self._changed.notify_all()

    def listen(self, engine: Engine) -> None:
        """Let those who step aside do so before the statements of an engine."""
        event.listen(engine, "before_cursor_execute", self._before_statement)

    def _before_statement(self, *_given: Any) -> None:
        patience = _patience.get()
        if patience is None or not self.is_wanted or patience.seconds <= 0:
            return
        started = time.monotonic()
        with self._changed:
            self.waiting += 1
            self._changed.wait_for(lambda: not self.is_wanted, patience.seconds)
            self.waiting -= 1
        patience.seconds -= time.monotonic() - started
