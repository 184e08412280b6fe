"""When to try again, and for how long: the one home of waiting times, budgets and deadlines, for both ends of the wire.

Who calls something that may be away makes one try with a deadline, and asks a `Backoff` before the next. The libraries
beneath make no tries of their own: those would multiply with ours and outlast every deadline.
"""

import math
import random
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

CALL_SECONDS = 20.0  # for a call between worker, command line and service, if the answer is not held back on purpose
TEXT_SECONDS = 80.0  # for fetching a text to train on
LONGEST_ASKED = 60.0  # whatever an answer asks for: who waits for longer looks dead
STATE_SECONDS = 60.0  # for writing or reading the state of a lane

# PostgreSQL: for reaching it, and for noticing within half a minute that its machine is gone.
POSTGRES_OPTIONS = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 4,
    "tcp_user_timeout": 30_000,
}

# MLflow's own client: one try, each with a deadline. Read from the environment at every call.
MLFLOW_ENVIRONMENT = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}


def asked_wait(headers: Mapping[str, str]) -> float:
    """For how many seconds an answer asks to be left alone: Retry-After, in seconds or as a date (RFC 9110, 10.2.3).

    A date is compared with that of the answer itself. 0 if it says nothing, or nothing that can be read.
    """
    given = headers.get("Retry-After", "").strip()
    if given.isascii() and given.isdigit():
        return float(given[:9])
    try:
        later, now = (parsedate_to_datetime(text) for text in (given, headers.get("Date", "")))
        return max(0.0, (later - now).total_seconds())
    except (ValueError, TypeError):  # one of them with a zone and the other without
        return 0.0


class Backoff:
    """Waiting times in seconds that double up to a ceiling, each drawn from its upper half so that callers spread.

    With a budget, `spent` says when the waiting since the last success has come to that many seconds.
    """

    def __init__(self, first: float = 0.5, ceiling: float = 10.0, *, budget: float = math.inf) -> None:
        self._first = first
        self._ceiling = ceiling
        self._budget = budget
        self.reset()

    def reset(self) -> None:
        """Start over, after a success."""
        self._next = self._first
        self._waited = 0.0

    def wait(self, least: float = 0.0) -> float:
        """How long to wait before the next try: at least as long as the other end asked for."""
        seconds = random.uniform(self._next / 2, self._next)  # noqa: S311 - spreads retries, guards nothing
        self._next = min(self._ceiling, 2 * self._next)
        seconds = max(seconds, min(least, LONGEST_ASKED))
        self._waited += seconds
        return seconds

    @property
    def spent(self) -> bool:
        """Whether it is time to give up."""
        return self._waited >= self._budget


class Deadline:
    """A moment by which something has to be over, on this machine's monotonic clock; never sent anywhere."""

    def __init__(self, seconds: float) -> None:
        self._at = time.monotonic() + seconds

    def left(self, *, reserve: float = 0.0) -> float:
        """The seconds until then, less those that what follows will need; 0 when it is over."""
        return max(0.0, self._at - time.monotonic() - reserve)
