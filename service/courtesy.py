"""Who is waited for goes first: people wait for a page, and a free lane for a claim; for a report nobody does.

Python computes for one thread of a process at a time, and knows no priorities: a page takes turns with every claim and
report that it meets. So these, and the work in the background, step aside before each statement of theirs while
somebody is being answered who goes before them; for a bounded time, so that however many there are, the work goes on.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from sqlalchemy import Engine, event


class Rank(IntEnum):
    """Who goes before whom."""

    PAGE = 0
    CLAIM = 1
    REPORT = 2
    ROUND = 3  # of the background's work


# How many seconds each steps aside altogether.
PATIENCE = {Rank.CLAIM: 0.02, Rank.REPORT: 0.05, Rank.ROUND: 0.1}


@dataclass
class _Patience:
    rank: Rank
    seconds: float


_patience: ContextVar[_Patience | None] = ContextVar("_patience", default=None)


@contextmanager
def stepping_aside(rank: Rank) -> Iterator[None]:
    """Let those who go before this rank go first in what this thread does meanwhile, for as long as it has patience."""
    token = _patience.set(_Patience(rank, PATIENCE[rank]))
    try:
        yield
    finally:
        _patience.reset(token)


class Courtesy:
    """Knows who is waited for in this process. Safe to share between threads.

    `waiting` is how many threads step aside just now.
    """

    def __init__(self) -> None:
        self.waiting = 0
        self._answered = dict.fromkeys(Rank, 0)
        self._changed = threading.Condition()

    def goes_first(self, rank: Rank) -> bool:
        """Whether somebody is being answered who goes before this rank."""
        return any(count and one < rank for one, count in self._answered.items())

    @contextmanager
    def answering(self, rank: Rank) -> Iterator[None]:
        """Somebody of this rank is being answered."""
        with self._changed:
            self._answered[rank] += 1
        try:
            yield
        finally:
            with self._changed:
                self._answered[rank] -= 1
                if not self._answered[rank]:
                    self._changed.notify_all()

    def listen(self, engine: Engine) -> None:
        """Let those who step aside do so before the statements of an engine."""
        event.listen(engine, "before_cursor_execute", self._before_statement)

    def _before_statement(self, *_given: Any) -> None:
        patience = _patience.get()
        if patience is None or patience.seconds <= 0 or not self.goes_first(patience.rank):
            return
        started = time.monotonic()
        with self._changed:
            self.waiting += 1
            self._changed.wait_for(lambda: not self.goes_first(patience.rank), patience.seconds)
            self.waiting -= 1
        patience.seconds -= time.monotonic() - started
