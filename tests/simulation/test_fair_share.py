"""The policy, simulated over days: what it promises teams, and that first come, first served would not."""

from functools import cache

import pytest

from tests.simulation.cluster import Policy
from tests.simulation.workload import HOUR, Outcome, Workload

SEEDS = (0, 1)


@cache
def outcome(policy: Policy, seed: int) -> Outcome:
    workload = Workload(workers=6, lanes=4, days=3, weights=[1, 1, 2, 4], guests=6, visits=3, seed=seed)
    return workload.simulate(policy)


@pytest.mark.parametrize("seed", SEEDS)
def test_busy_teams_get_device_time_by_their_weights(seed: int) -> None:
    fair, fifo = outcome("shares and preemption", seed), outcome("fifo", seed)
    assert fair.jain > 0.97
    assert fair.least > 0.8
    assert fifo.jain < 0.7


@pytest.mark.parametrize("seed", SEEDS)
def test_a_small_sweep_soon_has_its_first_lane(seed: int) -> None:
    fair, shares, fifo = (outcome(policy, seed) for policy in ("shares and preemption", "shares", "fifo"))
    assert fair.wait_p95 < HOUR / 12
    assert fair.wait_max < HOUR / 2
    assert fair.wait_p95 < shares.wait_p95
    assert fifo.wait_p50 > 12 * HOUR


@pytest.mark.parametrize("seed", SEEDS)
def test_fairness_costs_little_of_the_cluster(seed: int) -> None:
    fair, fifo = outcome("shares and preemption", seed), outcome("fifo", seed)
    assert fair.utilisation > fifo.utilisation - 0.05
    assert fair.overhead < 0.02
    assert fair.parks < fair.finished


def test_the_simulation_is_the_same_each_time() -> None:
    workload = Workload(workers=2, lanes=2, days=0.5, weights=[1, 2], guests=2)
    assert workload.simulate("shares and preemption") == workload.simulate("shares and preemption")


def test_a_single_team_is_served_as_first_come_first_served() -> None:
    workload = Workload(workers=2, lanes=4, days=1, weights=[3.0], guests=0)
    assert workload.simulate("shares and preemption") == workload.simulate("fifo")
