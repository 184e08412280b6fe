"""What a bell says: that a thread has died, and how long leaving may still take."""

from worker.bell import Bell, ThreadDiedError


def test_a_thread_that_dies_makes_the_worker_leave_with_its_error() -> None:
    bell = Bell()

    def work() -> None:
        raise ZeroDivisionError("by zero")

    bell.thread("counting", work).join()
    assert bell.leaving
    assert isinstance(bell.failure, ThreadDiedError)
    assert str(bell.failure) == "its counting thread died (ZeroDivisionError: by zero); the log has the traceback"


def test_a_thread_that_ends_by_itself_lets_the_worker_work_on() -> None:
    bell = Bell()
    bell.thread("short", lambda: None).join()
    assert not bell.leaving
    assert bell.failure is None


def test_the_first_failure_is_the_one_that_is_told() -> None:
    bell = Bell()
    first = ValueError("first")
    bell.leave()
    bell.leave(first)
    bell.leave(ValueError("second"))
    assert bell.failure is first


def test_the_time_to_leave_runs_from_the_first_order_and_has_parts() -> None:
    bell = Bell(drain_seconds=100)
    assert bell.left() > 99.9
    bell.leave()
    whole, half = bell.left(), bell.left(until=0.5)
    assert 49.9 < whole - half < 50.1
    bell.leave()
    assert bell.left() <= whole
    late = Bell(drain_seconds=0.0)
    late.leave()
    assert (late.left(), late.left(until=0.5)) == (0, 0)
