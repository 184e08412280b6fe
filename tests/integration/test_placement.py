"""What sweeps require, what workers have, and who is told that nobody comes."""

from typing import Any

import pytest
from sqlalchemy import update

from service.domain import fleets, leases, sweeps, workers
from service.errors import NotFoundError
from service.store import clock
from service.store.tables import Attempt, Fleet, Run, Worker
from service.wire.placement import FleetOrders, FleetReport, Offer, Resources, Supply
from service.wire.protocol import Hello, Outcome, Report
from tests.integration.harness import GRID, RANDOM, Harness, news

H100 = {"gpu": "H100", "memory_gib": 40}


def register(harness: Harness, gpu: str | None = None, memory: float = 79.1, **more: Any) -> int:
    """Register a worker with a GPU of this name, or with a CPU."""
    device = "cpu" if gpu is None else "cuda:0"
    hello = Hello(name="n", device=device, device_name=gpu or "a CPU", lanes=4, version="0", memory_gib=memory, **more)
    with harness.store.write() as session:
        return workers.register(session, hello)


def report(harness: Harness, *supplies: Supply, most: int = 4, lost: list[int] | None = None) -> FleetOrders:
    """Report as the fleet `gym`."""
    told = FleetReport(name="gym", most=most, supplies=list(supplies), lost=lost or [])
    with harness.store.write() as session:
        return fleets.take(session, told)


def waiting(harness: Harness, sweep: int) -> str | None:
    """What a sweep's status says about waiting."""
    with harness.store.read() as session:
        return sweeps.views(session, [sweep], None)[0].waits_for


@pytest.mark.parametrize(
    ("wanted", "offer", "served"),
    [
        (H100, Offer(gpu="NVIDIA H100 80GB HBM3", memory_gib=79.1), True),
        (H100, Offer(gpu="NVIDIA H100 MIG 1g.10gb", memory_gib=9.8), False),
        (H100, Offer(gpu="H100"), True),
        ({"gpu": "A10"}, Offer(gpu="NVIDIA A100-SXM4-80GB", memory_gib=79.1), False),
        ({"gpu": "a100 80gb"}, Offer(gpu="NVIDIA A100-SXM4-80GB", memory_gib=79.1), True),
        ({"gpu": "any"}, Offer(gpu="NVIDIA L4"), True),
        ({"gpu": "any"}, Offer(memory_gib=500), False),
        ({"memory_gib": 40}, Offer(memory_gib=500), True),
        ({"label": {"pool": "a"}}, Offer(labels={"pool": "a", "zone": "1"}), True),
        ({"label": {"pool": "a"}}, Offer(labels={"pool": "b"}), False),
        ({}, Offer(), True),
    ],
)
def test_a_worker_serves_what_it_has(wanted: dict[str, Any], offer: Offer, served: bool) -> None:
    assert offer.serves(Resources.model_validate(wanted)) is served


def test_equal_requirements_have_one_key_and_it_can_be_read() -> None:
    one, other = Resources(gpu="H100 SXM", memory_gib=40), Resources(memory_gib=40.0, gpu="sxm h100")
    assert one.key == other.key
    assert Resources.of_key(one.key).key == one.key
    assert (Resources().key, Resources.of_key("")) == ("", Resources())


@pytest.mark.parametrize("base", [GRID, RANDOM], ids=["grid", "random"])
def test_runs_go_to_workers_that_have_what_they_require(harness: Harness, base: dict[str, Any]) -> None:
    picky, modest = harness.submit(base, resources=H100), harness.submit(base)
    cpu, gpu = register(harness), register(harness, "NVIDIA H100 80GB HBM3")
    assert {lease.sweep_id for lease in harness.claim(cpu, 4)} == {modest}
    assert {lease.sweep_id for lease in harness.claim(gpu, 4)} == {picky}
    first = harness.runs(modest)[0]
    assert {lease.sweep_id for lease in harness.claim(cpu, 100, shape=first.shape)} == {modest}


def test_a_lease_that_expired_goes_to_a_worker_that_has_what_its_run_requires(harness: Harness) -> None:
    harness.submit(resources={"label": {"pool": "a"}})
    assert len(harness.claim(register(harness, labels={"pool": "a"}), 8)) == 8
    harness.expire()
    assert harness.claim(register(harness, labels={"pool": "b"}), 8) == []
    assert len(harness.claim(register(harness, labels={"pool": "a"}), 8)) == 8


def test_a_sweep_that_nobody_can_serve_says_so_at_once(harness: Harness) -> None:
    plain, picky = harness.submit(), harness.submit(resources=H100)
    assert "no worker is there" in str(waiting(harness, plain))
    register(harness, "NVIDIA L4", 22.0, labels={"pool": "a"})
    assert waiting(harness, plain) is None
    assert waiting(harness, picky) == (
        "no worker that is there or can be obtained has a GPU H100 and 40 GiB of memory; "
        "there is: NVIDIA L4 with 22 GiB pool=a"
    )
    report(harness, Supply(offer=Offer(gpu="H100"), workers=8))
    assert waiting(harness, picky) is None


def test_a_fleet_that_may_have_no_worker_or_is_gone_is_not_counted_on(harness: Harness) -> None:
    picky = harness.submit(resources=H100)
    supply = Supply(offer=Offer(gpu="H100"), workers=8)
    report(harness, supply, most=0)
    assert waiting(harness, picky) is not None
    report(harness, supply)
    assert waiting(harness, picky) is None
    with harness.store.write() as session:
        session.execute(update(Fleet).values(seen_at=harness.sweep(picky).created_at.replace(year=2020)))
    assert waiting(harness, picky) is not None


def test_a_fleet_learns_what_the_queue_needs_in_its_order(harness: Harness) -> None:
    harness.submit(resources=H100)
    harness.submit(RANDOM, priority=5, replicates=2)
    orders = report(harness)
    assert [(one.resources.gpu, one.runs) for one in orders.demand] == [(None, 24), ("h100", 8)]
    harness.train(register(harness))
    assert [(one.resources.gpu, one.runs) for one in report(harness).demand] == [("h100", 8)]


def test_a_fleet_sees_its_own_workers_and_what_they_hold(harness: Harness) -> None:
    harness.submit()
    mine, _ = register(harness, slot="gym/gpu-0"), register(harness, slot="gymnasium/gpu-0")
    harness.claim(mine, 3)
    (shown,) = report(harness).workers
    assert (shown.worker_id, shown.slot, shown.runs, shown.offer.memory_gib) == (mine, "gym/gpu-0", 3, 79.1)


@pytest.mark.parametrize("by", ["its slot", "its fleet"])
def test_what_a_dead_worker_held_is_free_at_once(harness: Harness, by: str) -> None:
    sweep = harness.submit()
    dead = register(harness, slot="gym/gpu-0")
    held = harness.claim(dead, 8)
    if by == "its slot":
        other = register(harness, slot="gym/gpu-0")
    else:
        other = register(harness)
        report(harness, lost=[dead])
    taken = harness.claim(other, 8)
    assert sorted(lease.run_id for lease in taken) == sorted(lease.run_id for lease in held)
    assert {lease.fence for lease in taken} == {2}
    with harness.store.read() as session:
        assert {session.get_one(Attempt, (run.id, 1)).outcome for run in harness.runs(sweep)} == {"lost"}
        assert session.get_one(Worker, dead).left_at is not None
        assert {run.losses for run in harness.runs(sweep)} == {1}
    ended = [news(lease, Outcome(state="completed", value=1.0)) for lease in held]
    late = Report(worker_id=dead, updates_per_second=1.0, runs=ended)
    with harness.store.write() as session:
        commands, ends = leases.report(session, late, clock.now(session), lease_seconds=30.0)
    assert ({answer.command for answer in commands}, ends) == ({"lost"}, {})
    with pytest.raises(NotFoundError, match="no worker 1 is registered"):
        harness.finish(dead, held)


def test_a_fleet_ends_no_worker_of_anothers(harness: Harness) -> None:
    harness.submit()
    other = register(harness, slot="gymnasium/gpu-0")
    harness.claim(other, 8)
    report(harness, lost=[other])
    assert harness.claim(register(harness), 8) == []
    with harness.store.read() as session:
        assert session.get_one(Worker, other).left_at is None


def test_runs_know_what_their_sweep_requires(harness: Harness) -> None:
    sweep = harness.submit(resources={"gpu": "any"})
    with harness.store.read() as session:
        assert {session.get_one(Run, run.id).requirement for run in harness.runs(sweep)} == {'{"gpu":"any"}'}
