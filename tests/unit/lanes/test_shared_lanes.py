"""Runs that share a beginning get the bits that each gets alone, and no update is executed twice."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

import schedules
from tests.unit.lanes.lane_examples import assert_same_bits, joined, plan, poisoned, shape, trained_alone
from worker.lanes.batch import LaneBatch
from worker.lanes.log import Past, StepLog
from worker.lanes.plan import Plan
from worker.lanes.shape import Shape
from worker.lanes.sharing import SharedLanes

EVERY = 5


def trunk(decay_steps: int, total_steps: int = 20, **fields: Any) -> Plan:
    """Runs of equal rates up to update ``total_steps - decay_steps``."""
    schedule = {"type": "wsd", "total_steps": total_steps, "peak_lr": 3e-3, "decay_steps": decay_steps}
    return plan(1, schedule=schedules.build(schedule), **fields)


class Driver:
    """Trains shared lanes to the end as the worker's loop does, and keeps what each run got."""

    def __init__(self, capacity: int, of: Shape | None = None, stretch: int = 3) -> None:
        self.of = of or shape()
        self.lanes = SharedLanes[str](self.of, capacity)
        self.stretch = stretch
        self.plans: dict[str, Plan] = {}
        self.logs: dict[str, list[StepLog]] = {}
        self.losses: dict[str, dict[int, float]] = {}
        self.executed = 0

    def admit(self, plans: Mapping[str, Plan]) -> dict[str, Past]:
        pasts = {}
        for key, run in plans.items():
            past = pasts[key] = self.lanes.admit(key, run, eval_every=EVERY)
            self.plans[key] = run
            self.logs[key], self.losses[key] = list(past.logs), dict(past.losses)
        return pasts

    def step(self, limit: int | None = None) -> None:
        lanes = self.lanes
        lanes.seat()
        self.evaluate([key for key in lanes.seated if not self.losses[key]])
        until_evaluation = (EVERY - self.update(key) % EVERY for key in lanes.seated)
        updates = min(limit or self.stretch, lanes.remaining, *until_evaluation)
        logs = lanes.advance(updates)
        self.executed += updates * lanes.lanes
        for key, log in logs.items():
            self.logs[key].append(log)
        self.evaluate([key for key, log in logs.items() if log.diverged_at is None and self.update(key) % EVERY == 0])
        for key, log in logs.items():
            if log.diverged_at is not None or self.update(key) == self.plans[key].total_steps:
                lanes.remove(key)

    def evaluate(self, keys: list[str]) -> None:
        for key, loss in self.lanes.evaluate(keys).items():
            self.losses[key][self.update(key)] = loss

    def update(self, key: str) -> int:
        return sum(len(log.lr) for log in self.logs[key])

    def finish(self) -> None:
        for _ in range(1_000):
            if not self.lanes.keys:
                return
            self.step()
        raise AssertionError("the runs do not end")

    def assert_as_alone(self, *keys: str) -> None:
        for key in keys or self.plans:
            run = self.plans[key]
            assert_same_bits(joined(self.logs[key]), trained_alone(self.of, run)[0])
            alone = LaneBatch[str](self.of, 1)
            alone.admit("", run)
            for update in range(0, self.update(key) + 1, EVERY):
                assert self.losses[key][update] == alone.evaluate([""])[""]
                if update + EVERY <= self.update(key):
                    alone.advance(EVERY)


def bound(*plans: Plan) -> int:
    return schedules.distinct_updates([run.schedule for run in plans])


def test_identical_runs_share_to_the_end() -> None:
    driver = Driver(capacity=2)
    driver.admit({"a": trunk(5), "b": trunk(5), "c": trunk(5)})
    driver.finish()
    driver.assert_as_alone()
    assert driver.executed == 20


@pytest.mark.parametrize("capacity", [1, 2, 3, 8])
@pytest.mark.parametrize("of", [shape(), shape(optimizer="adamw", norm="post")], ids=["adam", "adamw"])
def test_forks_at_different_updates_are_bit_equal_to_runs_alone_on_however_few_lanes(capacity: int, of: Shape) -> None:
    plans = {"late": trunk(4), "early": trunk(16), "middle": trunk(9), "longer": trunk(19, total_steps=25)}
    driver = Driver(capacity, of)
    driver.admit(plans)
    driver.finish()
    driver.assert_as_alone()
    assert driver.executed == bound(*plans.values()) < sum(run.total_steps for run in plans.values())


def test_three_runs_that_part_at_one_update() -> None:
    plans = {
        key: plan(0, schedule=schedules.build({"type": kind, "total_steps": 20, "warmup_steps": 8, "peak_lr": 1e-2}))
        for key, kind in {"a": "linear", "b": "cosine", "c": "constant"}.items()
    }
    driver = Driver(capacity=2)
    driver.admit(plans)
    driver.finish()
    driver.assert_as_alone()
    assert driver.executed == bound(*plans.values()) <= 3 * 12 + 9


@pytest.mark.parametrize("difference", [{"seed": 5}, {"data_seed": 5}, {"eps": 1e-5}, {"grad_clip": 0.5}])
def test_runs_that_differ_in_more_than_their_rates_do_not_share(difference: dict[str, Any]) -> None:
    driver = Driver(capacity=2)
    driver.admit({"a": trunk(5), "b": trunk(5, **difference)})
    driver.finish()
    driver.assert_as_alone()
    assert driver.executed == 40


@pytest.mark.parametrize("removed", ["lead", "follower", "other"])
@pytest.mark.parametrize("updates", [1, 7, 13])
def test_a_run_that_leaves_harms_no_other(removed: str, updates: int) -> None:
    driver = Driver(capacity=2)
    driver.admit({"lead": trunk(16), "follower": trunk(9), "other": trunk(4)})
    for _ in range(updates):
        driver.step(1)
    driver.lanes.remove(removed)
    driver.finish()
    driver.assert_as_alone(*({"lead", "follower", "other"} - {removed}))


def test_a_waiting_run_can_leave() -> None:
    driver = Driver(capacity=1)
    driver.admit({"a": trunk(16), "b": trunk(9), "c": plan(3)})
    for _ in range(6):
        driver.step(1)
    assert set(driver.lanes.keys) - set(driver.lanes.seated) == {"b", "c"}
    driver.lanes.remove("b")
    driver.lanes.remove("c")
    driver.finish()
    driver.assert_as_alone("a")


@pytest.mark.parametrize("updates", [1, 5, 7, 10])
def test_a_run_that_comes_later_joins_while_it_agrees_and_gets_the_whole_record(updates: int) -> None:
    driver = Driver(capacity=2)
    driver.admit({"first": trunk(4)})
    for _ in range(updates):
        driver.step(1)
    past = driver.admit({"second": trunk(10)})["second"]
    assert sum(len(log.lr) for log in past.logs) == updates
    driver.finish()
    driver.assert_as_alone()
    assert driver.executed == bound(trunk(4), trunk(10))


def test_a_run_that_comes_when_its_siblings_have_parted_from_it_starts_anew() -> None:
    driver = Driver(capacity=2)
    driver.admit({"first": trunk(4)})
    for _ in range(12):
        driver.step(1)
    assert driver.admit({"second": trunk(10)})["second"] == Past()
    driver.finish()
    driver.assert_as_alone()


def test_a_run_does_not_join_those_that_lack_its_validation_losses() -> None:
    driver = Driver(capacity=2)
    driver.admit({"first": trunk(4)})
    driver.step(3)
    lanes = driver.lanes
    assert lanes.admit("often", trunk(4), eval_every=2) == Past()
    assert lanes.admit("rarely", trunk(4), eval_every=4).logs


def test_runs_that_share_a_divergence_all_learn_of_it_and_others_do_not_notice() -> None:
    driver = Driver(capacity=2)
    driver.admit({"a": poisoned(1), "b": poisoned(1), "healthy": plan(0)})
    driver.finish()
    driver.assert_as_alone()
    assert [driver.logs[key][-1].diverged_at for key in ("a", "b", "healthy")] == [2, 2, None]


def test_every_executed_update_is_in_one_run_s_count() -> None:
    driver = Driver(capacity=2)
    driver.admit({"lead": trunk(16), "follower": trunk(9)})
    counts: dict[str, int] = {}
    while driver.lanes.keys:
        driver.step(1)
        counts |= {key: driver.lanes.executed[key] for key in driver.lanes.keys}
    # the last update of a run removes it; it was executed for that run
    assert sum(counts.values()) + 2 == driver.executed == bound(trunk(16), trunk(9))


def test_lanes_are_offered_that_are_free_and_that_no_group_waits_for() -> None:
    lanes = SharedLanes[str](shape(), 4)
    assert lanes.room == 4
    for number in range(3):
        lanes.admit(f"alone {number}", plan(number), eval_every=EVERY)
    assert lanes.room == 1
    lanes.seat()
    assert lanes.room == 1
    lanes.admit("sibling", plan(0), eval_every=EVERY)
    assert (lanes.sharing, lanes.room) == (True, 1)
    lanes.admit("fourth", plan(3), eval_every=EVERY)
    lanes.seat()
    assert lanes.room == 0
    lanes.admit("fifth", plan(4), eval_every=EVERY)
    assert lanes.room == -1
    lanes.remove("alone 1")
    assert lanes.room == 0
    assert SharedLanes[str](shape(), 1).room == 1


def test_a_lane_is_handed_over_only_to_a_run_that_agrees() -> None:
    batch = LaneBatch[str](shape(), 1)
    batch.admit("a", trunk(4))
    batch.advance(12)
    with pytest.raises(ValueError, match="schedule: the rates differ before update 12"):
        batch.hand_over("a", "b", trunk(10))
    batch.hand_over("a", "b", trunk(6))
    assert batch.keys == ("b",)
    np.testing.assert_array_equal(batch.advance(8)["b"].lr, trunk(6).schedule.lrs()[12:])
