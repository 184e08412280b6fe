"""What the threads of a worker tell its training loop: look up, or leave."""

import logging
import threading
from collections.abc import Callable

from service.wire.retries import Deadline

log = logging.getLogger(__name__)


class ThreadDiedError(Exception):
    """A thread that the worker cannot do without has died: a defect of Rampline's, whose traceback is in the log."""

    def __init__(self, name: str, error: BaseException) -> None:
        super().__init__(f"its {name} thread died ({type(error).__name__}: {error}); the log has the traceback")


class Bell:
    """Rung by the threads that talk to the service and by signals; heard by the training loop.

    Draining has one deadline, `drain_seconds` after the first order to leave, whatever has to be done until then.
    """

    def __init__(self, *, drain_seconds: float = 25.0) -> None:
        self._news = threading.Event()
        self._leave = threading.Event()
        self._drain_seconds = drain_seconds
        self._deadline: Deadline | None = None
        self.failure: Exception | None = None

    def ring(self) -> None:
        """Something arrived or was ordered."""
        self._news.set()

    def leave(self, failure: Exception | None = None) -> None:
        """The worker is to drain; `failure` when it cannot go on: the service will not have it, or it is defective."""
        self.failure = self.failure or failure
        self._deadline = self._deadline or Deadline(self._drain_seconds)
        self._leave.set()
        self._news.set()

    def thread(self, name: str, work: Callable[[], None]) -> threading.Thread:
        """Start a thread that does not hold up the end of the process. If it dies, the worker leaves with its error.

        Otherwise leases would be held, or records be left open, by a worker that only seems to live.
        """

        def guarded() -> None:
            try:
                work()
            except BaseException as error:
                log.exception("the %s thread died; the worker drains and ends", name)
                self.leave(ThreadDiedError(name, error))

        thread = threading.Thread(target=guarded, name=name, daemon=True)
        thread.start()
        return thread

    def left(self, *, until: float = 1.0) -> float:
        """The seconds left until this part of the time for draining is over; all of it before the order to leave."""
        deadline = self._deadline or Deadline(self._drain_seconds)
        return deadline.left(reserve=(1 - until) * self._drain_seconds)

    @property
    def leaving(self) -> bool:
        """Whether the worker is to drain."""
        return self._leave.is_set()

    def wait_to_leave(self, seconds: float | None) -> bool:
        """Sleep, for ever with None, unless the worker is to drain; whether it is."""
        return self._leave.wait(seconds)

    def wait(self, seconds: float) -> None:
        """Sleep until there is news."""
        self._news.wait(seconds)
        self._news.clear()
