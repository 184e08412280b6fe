"""What the threads of a worker tell its training loop: look up, or leave."""

import threading


class Bell:
    """Rung by the threads that talk to the service and by signals; heard by the training loop."""

    def __init__(self) -> None:
        self._news = threading.Event()
        self._leave = threading.Event()
        self.refusal: Exception | None = None

    def ring(self) -> None:
        """Something arrived or was ordered."""
        self._news.set()

    def leave(self, refusal: Exception | None = None) -> None:
        """The worker is to drain; `refusal` when the service will not have it."""
        self.refusal = self.refusal or refusal
        self._leave.set()
        self._news.set()

    @property
    def leaving(self) -> bool:
        """Whether the worker is to drain."""
        return self._leave.is_set()

    def wait_to_leave(self, seconds: float) -> bool:
        """Sleep, unless the worker is to drain; whether it is."""
        return self._leave.wait(seconds)

    def wait(self, seconds: float) -> None:
        """Sleep until there is news."""
        self._news.wait(seconds)
        self._news.clear()
