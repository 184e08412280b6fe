"""What is done to the product: each fault has a beginning, a length and an end."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from tests.chaos.cluster import Cluster
from tests.chaos.part import Part

Act = Callable[[], None]


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Something that goes wrong for so many seconds. `begin` picks its victim and returns what makes good again.

    A run may lose its lease once to each of the things that go wrong at that moment, which are `count`.
    """

    name: str
    seconds: float
    begin: Callable[[Cluster, Random], Act]
    count: int = 1


@dataclass(frozen=True, kw_only=True)
class Lengths:
    """How long faults last, in seconds: `dead` is a killed process until it is started again."""

    dead: float
    mlflow_away: float
    database_away: float
    cut: float
    beyond_lease: float


SHORT = Lengths(dead=0.5, mlflow_away=3, database_away=3, cut=2, beyond_lease=1.5)
LONG = Lengths(dead=2, mlflow_away=120, database_away=60, cut=30, beyond_lease=10)


def faults(cluster: Cluster, lengths: Lengths) -> dict[str, Fault]:
    """Every fault that this cluster can suffer, by its name."""
    found = [
        Fault(name="worker killed", seconds=lengths.dead, begin=_kill(lambda cluster: cluster.workers)),
        Fault(name="service killed", seconds=lengths.dead, begin=_kill(lambda cluster: cluster.services)),
        Fault(name="MLflow killed", seconds=lengths.dead, begin=_kill(lambda cluster: [cluster.mlflow])),
        Fault(name="MLflow away", seconds=lengths.mlflow_away, begin=_kill(lambda cluster: [cluster.mlflow])),
        Fault(name="MLflow hung", seconds=lengths.mlflow_away, begin=_freeze(lambda cluster: [cluster.mlflow])),
        Fault(name="database away", seconds=lengths.database_away, begin=_take_database_away),
        Fault(
            name="worker stopped beyond its lease",
            seconds=cluster.lease_seconds + lengths.beyond_lease,
            begin=_freeze(lambda cluster: cluster.workers),
        ),
        Fault(name="network cut", seconds=lengths.cut, begin=_cut_all),
        Fault(name="answers lost", seconds=lengths.cut, begin=_cut_answers),
        Fault(name="disk full at the worker", seconds=lengths.cut, begin=_fill_disk),
    ]
    if cluster.database.has_server:
        found.append(Fault(name="database killed", seconds=lengths.dead, begin=_kill_database))
    return {fault.name: fault for fault in found}


def killing(available: dict[str, Fault]) -> list[Fault]:
    """Those that kill a process."""
    return [fault for name, fault in available.items() if name.endswith("killed")]


def pair(first: Fault, second: Fault) -> Fault:
    """Two faults at the same moment; the order in which they are made good is the other way round."""

    def begin(cluster: Cluster, random: Random) -> Act:
        undo = [fault.begin(cluster, random) for fault in (first, second)]

        def end() -> None:
            for act in reversed(undo):
                act()

        return end

    names = sorted((first.name, second.name))
    name, seconds = f"{names[0]} + {names[1]}", max(first.seconds, second.seconds)
    return Fault(name=name, seconds=seconds, begin=begin, count=first.count + second.count)


def _kill(which: Callable[[Cluster], list[Part]]) -> Callable[[Cluster, Random], Act]:
    def begin(cluster: Cluster, random: Random) -> Act:
        victim = random.choice(which(cluster))
        victim.kill()
        return victim.start

    return begin


def _freeze(which: Callable[[Cluster], list[Part]]) -> Callable[[Cluster, Random], Act]:
    def begin(cluster: Cluster, random: Random) -> Act:
        victim = random.choice(which(cluster))
        if not victim.alive:  # another fault has killed it
            return lambda: None
        victim.freeze()
        return victim.thaw

    return begin


def _kill_database(cluster: Cluster, random: Random) -> Act:
    cluster.database.kill()
    return cluster.database.start


def _take_database_away(cluster: Cluster, random: Random) -> Act:
    cluster.database.take_away()
    return cluster.database.give_back


def _cut_all(cluster: Cluster, random: Random) -> Act:
    proxy = random.choice(cluster.proxies)
    proxy.lose("all")
    return proxy.heal


def _cut_answers(cluster: Cluster, random: Random) -> Act:
    proxy = random.choice(cluster.proxies)
    proxy.lose("answers")
    return proxy.heal


def _fill_disk(cluster: Cluster, random: Random) -> Act:
    number = random.randrange(len(cluster.workers))
    disk, worker = cluster.disks[number], cluster.workers[number]
    if not worker.alive:  # another fault has killed it
        return lambda: None
    pid = worker.pid
    disk.fill(pid)

    def end() -> None:
        if worker.alive and worker.pid == pid:  # a worker that was killed meanwhile has an empty disk
            disk.clear(pid)

    return end
