"""How often somebody may ask, on a clock of the test's own."""

import pytest

from service.limiter import BURST_SECONDS, MOST_CALLERS, Limiter, neighbourhood


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def passed(limiter: Limiter, caller: str, times: int) -> int:
    return sum(limiter.wait(caller) == 0 for _ in range(times))


def test_a_burst_passes_and_then_so_many_a_second() -> None:
    clock = Clock()
    limiter = Limiter(5, clock=clock)
    assert passed(limiter, "ada", 1000) == 5 * BURST_SECONDS
    for _ in range(3):
        clock.now += 1
        assert passed(limiter, "ada", 1000) == 5
    clock.now += 3600
    assert passed(limiter, "ada", 1000) == 5 * BURST_SECONDS


def test_who_waits_as_long_as_was_said_passes_and_who_asks_earlier_does_not() -> None:
    clock = Clock()
    limiter = Limiter(0.5, burst=1, clock=clock)
    assert limiter.wait("ada") == 0
    assert limiter.wait("ada") == 2
    clock.now += 1.5
    assert limiter.wait("ada") == 0.5
    clock.now += 0.5
    assert limiter.wait("ada") == 0


def test_callers_do_not_share_what_they_may() -> None:
    limiter = Limiter(1, burst=3, clock=Clock())
    assert passed(limiter, "ada", 10) == passed(limiter, "bob", 10) == 3


def test_a_rate_of_nought_is_no_limit_and_remembers_nobody() -> None:
    limiter = Limiter(0)
    assert passed(limiter, "ada", 10_000) == 10_000
    assert len(limiter) == 0


def test_memory_is_bounded_and_who_asks_often_is_not_forgotten() -> None:
    limiter = Limiter(1, burst=1, clock=Clock())
    assert limiter.wait("ada") == 0
    for number in range(2 * MOST_CALLERS):
        limiter.wait(str(number))
        if number % 1000 == 0:
            assert limiter.wait("ada") > 0, number
    assert len(limiter) == MOST_CALLERS


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("a name", "a name", True),
    ],
)
def test_a_host_with_a_whole_network_of_addresses_is_one_caller(one: str, other: str, same: bool) -> None:
    assert (neighbourhood(one) == neighbourhood(other)) == same
