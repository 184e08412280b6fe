"""Taking in workers' reports: what each says of its runs by itself, the ends of runs together.

Whoever ends a run holds its sweep's row until the transaction has ended, since the sweep counts what has ended. A sweep
that hundreds of workers train has dozens of ends a second: those that come while others are being written down are
written down by the next transaction, which takes hardly longer for many than for one.
"""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import anyio

from service.domain import leases, workers
from service.domain.fairness import USUAL, Policy
from service.domain.leases import Ending, Refusal
from service.store.engine import Store
from service.wire.protocol import Command, Report

# While they step aside (see `service.courtesy`), whoever goes first needs a thread.
AT_ONCE = 6


@dataclass
class _Wish:
    """What one report wants written, and what came of it."""

    ends: Mapping[int, Ending]
    refusals: dict[int, Refusal] = field(default_factory=dict)
    error: Exception | None = None
    done: bool = False


class Reports:
    """Takes reports, in `threads` of their own. Safe to share between threads."""

    def __init__(self, store: Store, lease_seconds: float, policy: Policy = USUAL) -> None:
        self._store = store
        self._lease_seconds = lease_seconds
        self._policy = policy
        self.threads = anyio.CapacityLimiter(AT_ONCE)
        self._turn = threading.Lock()
        self._mutex = threading.Lock()
        self._waiting: list[_Wish] = []

    def take(self, request: Report) -> list[Command]:
        """Write a report down; returns the answers to it, in its order. A second time changes nothing.

        Raises:
            NotFoundError: the worker is not registered.
        """
        with self._store.write() as session:
            now = workers.seen(session, request.worker_id, request)
            commands, ends = leases.report(session, request, now, self._lease_seconds, self._policy)
        if not ends:
            return commands
        refusals = self._end(ends)
        return [
            Command(run_id=one.run_id, command=refusals[one.run_id]) if one.run_id in refusals else one
            for one in commands
        ]

    def _end(self, ends: Mapping[int, Ending]) -> Mapping[int, Refusal]:
        wish = _Wish(ends)
        with self._mutex:
            self._waiting.append(wish)
        with self._turn:
            if not wish.done:
                with self._mutex:
                    wishes, self._waiting = self._waiting, []
                self._write(wishes)
        if wish.error is not None:
            raise wish.error
        return wish.refusals

    def _write(self, wishes: Sequence[_Wish]) -> None:
        """Write down all of them, or where that fails each by itself: one that cannot be written harms no other."""
        try:
            with self._store.write() as session:
                refusals = leases.end(session, {run_id: end for wish in wishes for run_id, end in wish.ends.items()})
        except Exception as error:
            if len(wishes) == 1:
                wishes[0].error = error
            else:
                for wish in wishes:
                    self._write([wish])
        else:
            for wish in wishes:
                wish.refusals = {run_id: refusals[run_id] for run_id in wish.ends if run_id in refusals}
        finally:
            for wish in wishes:
                wish.done = True
