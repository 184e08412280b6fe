"""Siblings meet on one worker, and leave the others something to do."""

from typing import Any

from tests.integration.harness import GRID, Harness

TRUNK: dict[str, Any] = GRID | {
    "space": {
        "schedule": [{"type": "wsd", "decay_fraction": part} for part in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)],
        "warmup_steps": [4],
        "peak_lr": [0.01, 0.02],
    },
    "total_steps": 40,
}


def peaks(leases: list[Any]) -> list[float]:
    return [lease.schedule["peak_lr"] for lease in leases]


def test_a_worker_that_is_alone_gets_one_trunk_for_one_lane(harness: Harness) -> None:
    harness.submit(TRUNK)
    worker = harness.worker()
    first = harness.claim(worker, 1, siblings=31)
    assert peaks(first) == [0.01] * 6
    assert peaks(harness.claim(worker, 1, siblings=31)) == [0.02] * 6
    assert harness.claim(worker, 1, siblings=31) == []


def test_no_more_siblings_are_granted_than_were_asked_for(harness: Harness) -> None:
    harness.submit(TRUNK)
    worker = harness.worker()
    assert len(harness.claim(worker, 1, siblings=2)) == 3
    assert peaks(harness.claim(worker, 1, siblings=31)) == [0.01] * 3, "those of what it holds"


def test_runs_that_share_nothing_are_granted_for_lanes_alone(harness: Harness) -> None:
    harness.submit(GRID, space={"schedule": ["linear"], "warmup_steps": [5], "peak_lr": [0.001, 0.003, 0.01]})
    assert len(harness.claim(harness.worker(), 1, siblings=31)) == 1


def test_replicates_share_nothing(harness: Harness) -> None:
    harness.submit(TRUNK, replicates=2)
    seeds = {lease.seed for lease in harness.claim(harness.worker(), 1, siblings=31)}
    assert len(seeds) == 1


def test_the_last_siblings_are_divided_among_the_workers(harness: Harness) -> None:
    harness.submit(TRUNK, space=TRUNK["space"] | {"peak_lr": [0.01]})
    workers = [harness.worker() for _ in range(2)]
    shares = [len(harness.claim(worker, 1, siblings=31)) for worker in workers]
    assert shares == [3, 3]


def test_a_worker_with_many_lanes_gets_what_they_hold_whoever_else_waits(harness: Harness) -> None:
    harness.submit(TRUNK)
    many, _other = harness.worker(), harness.worker()
    assert len(harness.claim(many, 8, siblings=248)) == 8
