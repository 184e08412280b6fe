"""One thing that fails does not hold up the others."""

import pytest

from service.patience import MOST_FAILURES, Patience


def test_the_others_are_done_and_the_failure_is_raised_at_the_end() -> None:
    done: list[int] = []

    def act(item: int) -> None:
        if item == 1:
            raise ValueError("no luck with 1")
        done.append(item)

    patience = Patience()
    with pytest.raises(ValueError, match="no luck with 1"):
        patience.each([0, 1, 2, 3], act)
    assert done == [0, 2, 3]


def test_what_failed_is_left_alone_for_a_while() -> None:
    tried: list[str] = []

    def act(item: str) -> None:
        tried.append(item)
        raise ValueError(item)

    patience = Patience()
    for _ in range(2):
        with pytest.raises(ValueError, match="a"):
            patience.each(["a"], act)
    assert tried == ["a"]


def test_after_a_few_failures_it_gives_up_for_this_time() -> None:
    tried: list[int] = []

    def act(item: int) -> None:
        tried.append(item)
        raise ConnectionError(item)

    with pytest.raises(ConnectionError, match="0"):
        Patience().each(range(100), act)
    assert tried == list(range(MOST_FAILURES))
