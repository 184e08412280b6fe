"""How often somebody may ask: a bucket of permissions for each caller, which fills at a steady rate.

In the memory of one server process: several processes let through as many times as much.
"""

import ipaddress
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable

BURST_SECONDS = 10.0
MOST_CALLERS = 10_000


class Limiter:
    """Lets each caller pass `rate` times a second, and `burst` times at once after a rest; a rate of 0 is no limit.

    The callers that were seen last are remembered, `MOST_CALLERS` of them; one that was forgotten begins anew.
    """

    def __init__(self, rate: float, burst: float | None = None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._burst = max(1.0, rate * BURST_SECONDS if burst is None else burst)
        self._clock = clock
        self._lock = threading.Lock()
        self._left: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()  # permissions, and as of when

    def __len__(self) -> int:
        return len(self._left)

    def wait(self, caller: Hashable) -> float:
        """Take a permission; 0 if there was one, else in how many seconds there will be."""
        if self._rate <= 0:
            return 0.0
        with self._lock:
            now = self._clock()
            left, then = self._left.pop(caller, (self._burst, now))
            left = min(self._burst, left + (now - then) * self._rate)
            passes = left >= 1
            self._left[caller] = (left - passes, now)
            if len(self._left) > MOST_CALLERS:
                self._left.popitem(last=False)
        return 0.0 if passes else (1 - left) / self._rate


def neighbourhood(address: str) -> str:
    """Whose limit an address shares: of IPv6 its /64 network, since one host has all of it."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, 64), strict=False))
    return address
