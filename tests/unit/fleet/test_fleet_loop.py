"""What a fleet does at each look; the cluster and the service are lists here, and Ray in tests/chaos/test_fleet.py."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from fleet.inventory import Member, Need, Place
from fleet.loop import Fleet
from fleet.plan import Start
from fleet.settings import FleetSettings
from service.wire.placement import Demand, FleetOrders, FleetReport, Offer, Resources, SlotView
from worker.link import UnreachableError

GPU = Offer(gpu="L4")


@dataclass
class Cluster:
    """Two nodes with a GPU each; what is started is placed on the next free one."""

    draining: bool = False
    there: list[Member] = field(default_factory=list)
    did: list[str] = field(default_factory=list)

    def places(self) -> list[Place]:
        return [
            Place(node_id=name, name=name, address="", offer=GPU, workers=1, draining=self.draining and name == "a")
            for name in "ab"
        ]

    def members(self) -> list[Member]:
        return list(self.there)

    def start(self, slot: str, start: Start) -> None:
        self.did.append(f"start {slot}")
        node = "ab"[len(self.there)]
        key = start.wanted.key
        self.there.append(
            Member(name=f"{slot} {key}", slot=slot, key=key, state="alive", node_id=node, pid=1, restarts=0)
        )

    def drain(self, member: Member) -> None:
        self.did.append(f"drain {member.slot}")

    def end(self, member: Member) -> None:
        self.did.append(f"end {member.slot}")

    def ask_for(self, needs: Sequence[Need]) -> None:
        self.did.append(f"ask for {len(needs)}")


@dataclass
class Service:
    """A queue that needs workers for `runs` runs; slots with how many runs they hold."""

    runs: int = 16
    held: dict[str, int] = field(default_factory=dict)
    away: bool = False
    reports: list[FleetReport] = field(default_factory=list)

    def report_fleet(self, report: FleetReport) -> FleetOrders:
        if self.away:
            raise UnreachableError("away")
        self.reports.append(report)
        workers = [
            SlotView(worker_id=number, slot=slot, runs=runs, offer=Offer(gpu="L4", memory_gib=22.0))
            for number, (slot, runs) in enumerate(self.held.items(), start=1)
        ]
        demand = [Demand(resources=Resources(), runs=self.runs)] if self.runs else []
        return FleetOrders(demand=demand, workers=workers)


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def fleet(cluster: Cluster, service: Service) -> Fleet:
    return Fleet(cluster, service, FleetSettings(idle_seconds=0.0))


def test_workers_begin_for_the_queue_and_the_autoscaler_is_asked_once(fleet: Fleet, cluster: Cluster) -> None:
    fleet.look()
    fleet.look()
    assert cluster.did == ["start fleet/gpu-0", "start fleet/gpu-1", "ask for 2"]


def test_a_fleet_that_is_started_anew_goes_on_with_what_is_there(cluster: Cluster, service: Service) -> None:
    Fleet(cluster, service, FleetSettings()).look()
    cluster.did.clear()
    Fleet(cluster, service, FleetSettings()).look()
    assert cluster.did == ["ask for 2"]


def test_workers_without_runs_leave_and_those_with_runs_stay(fleet: Fleet, cluster: Cluster, service: Service) -> None:
    fleet.look()
    service.runs, service.held = 1, {"fleet/gpu-0": 1, "fleet/gpu-1": 0}
    cluster.did.clear()
    fleet.look()
    fleet.look()
    assert cluster.did == ["drain fleet/gpu-1", "ask for 1"]


def test_a_worker_on_its_way_is_not_idle(cluster: Cluster, service: Service) -> None:
    fleet = Fleet(cluster, service, FleetSettings(idle_seconds=0.0))
    fleet.look()
    fleet.look()
    assert not [done for done in cluster.did if done.startswith("drain")]


def test_a_worker_whose_actor_does_not_live_is_told_of_and_no_other(
    fleet: Fleet, cluster: Cluster, service: Service
) -> None:
    fleet.look()
    service.held = {"fleet/gpu-0": 4, "fleet/gpu-1": 4}
    fleet.look()
    assert service.reports[-1].lost == []
    cluster.there[0] = Member(**{**vars(cluster.there[0]), "state": "restarting"})
    fleet.look()
    assert service.reports[-1].lost == [1]


def test_nothing_changes_while_the_service_is_away(fleet: Fleet, cluster: Cluster, service: Service) -> None:
    service.away = True
    fleet.look()
    assert cluster.did == []


def test_workers_leave_a_node_that_drains(fleet: Fleet, cluster: Cluster, service: Service) -> None:
    fleet.look()
    service.held = {"fleet/gpu-0": 4, "fleet/gpu-1": 4}
    cluster.did.clear()
    cluster.draining = True
    fleet.look()
    assert cluster.did == ["drain fleet/gpu-0", "ask for 1"]
    assert service.reports[-1].supplies[0].workers == 1


def test_memory_that_a_worker_told_of_is_known_of_its_kind(fleet: Fleet, service: Service) -> None:
    fleet.look()
    service.held = {"fleet/gpu-0": 4}
    fleet.look()
    fleet.look()
    assert service.reports[0].supplies[0].offer.memory_gib is None
    assert service.reports[-1].supplies[0].offer.memory_gib == 22.0
