"""What a cluster has: nodes, the nodes that its autoscaler could add, and the members of a fleet."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from fleet.settings import FleetError, FleetSettings
from service.wire.placement import Offer, Resources

MemberState = Literal["pending", "alive", "restarting"]
ACCELERATOR = "accelerator_type:"
GPU_SLOT, CPU_SLOT = "gpu", "cpu"
MEMORY_LABEL = "rampline/memory-gib"
# Labels that Ray itself gives to nodes; no sweep asks for them.
RAYS_OWN = "ray.io/"


@dataclass(frozen=True, kw_only=True)
class Place:
    """A node that lives, and how many workers of which kind it can hold; none any more if it drains."""

    node_id: str
    name: str
    address: str
    offer: Offer
    workers: int
    draining: bool


@dataclass(frozen=True, kw_only=True)
class NodeType:
    """Nodes that the autoscaler could add: up to `nodes` of them, each for `workers` workers of one kind."""

    name: str
    offer: Offer
    workers: int
    nodes: int


@dataclass(frozen=True, kw_only=True)
class Member:
    """A worker of the fleet, as an actor: made for what requires `key`, on a node once it has been placed."""

    name: str
    slot: str
    key: str
    state: MemberState
    node_id: str | None
    pid: int | None
    restarts: int

    def offer_on(self, place: Place) -> Offer:
        """What it has there: of a node with GPUs, a worker on the CPU has none."""
        if self.slot.rpartition("/")[2].startswith(GPU_SLOT):
            return place.offer
        return Offer(labels=place.offer.labels)


@dataclass(frozen=True)
class Need:
    """What the worker in a slot needs."""

    slot: str
    wanted: Resources

    @property
    def on_gpu(self) -> bool:
        """Whether it trains on a GPU."""
        return self.slot.rpartition("/")[2].startswith(GPU_SLOT)


def kind_of(resources: Mapping[str, float], labels: Mapping[str, str], settings: FleetSettings) -> tuple[Offer, int]:
    """What workers on a node have, and how many fit, by the node's resources and labels in Ray's terms."""
    memory = labels.get(MEMORY_LABEL)
    try:
        offer = Offer(
            gpu=_gpu(resources), memory_gib=None if memory is None else float(memory), labels=own_labels(labels)
        )
    except ValueError as error:
        raise FleetError(f"the labels {dict(labels)} of a Ray node cannot be those of a worker: {error}") from error
    if offer.gpu is not None:
        return offer, math.floor(resources["GPU"] / settings.gpus_per_worker + 1e-6)
    return offer, min(settings.cpu_workers, math.floor(resources.get("CPU", 0) / settings.cpus_per_worker + 1e-6))


def own_labels(labels: Mapping[str, str]) -> dict[str, str]:
    """The labels of a node that sweeps may ask for: neither Ray's own, nor the one that is its memory."""
    return {name: value for name, value in labels.items() if not name.startswith(RAYS_OWN) and name != MEMORY_LABEL}


def node_types(document: Any, settings: FleetSettings) -> list[NodeType]:
    """The node types of the autoscaler's configuration, a mapping with `available_node_types`.

    Raises:
        FleetError: it is no such mapping; the message names the place.
    """
    types = document.get("available_node_types") if isinstance(document, dict) else None
    if not isinstance(types, dict):
        raise FleetError("it has no mapping available_node_types; give the file that Ray's autoscaler was started with")
    found = []
    for name, described in types.items():
        if not isinstance(described, dict) or not isinstance(described.get("resources", {}), dict):
            raise FleetError(f"available_node_types.{name} is no mapping with resources, such as {{CPU: 8, GPU: 1}}")
        offer, workers = kind_of(described.get("resources", {}), described.get("labels", {}), settings)
        nodes = described.get("max_workers", document.get("max_workers", 0))
        found.append(NodeType(name=str(name), offer=offer, workers=workers, nodes=int(nodes)))
    return [one for one in found if one.workers and one.nodes]


def capacity(places: Iterable[Place], types: Iterable[NodeType]) -> list[tuple[Offer, int]]:
    """How many workers of each kind there could be: on living nodes, and on those that could be added beside them."""
    living: list[tuple[Offer, int]] = []
    for place in places:
        if not place.draining:
            _add(living, place.offer, place.workers)
    obtainable: list[tuple[Offer, int]] = []
    for kind in types:
        _add(obtainable, kind.offer, kind.workers * kind.nodes)
    # A living node of a kind that the autoscaler adds is one of those that it may add.
    both = [(offer, max(count, _count(obtainable, offer))) for offer, count in living]
    both += [(offer, count) for offer, count in obtainable if not any(offer == known for known, _ in living)]
    return [(offer, count) for offer, count in both if count]


def _gpu(resources: Mapping[str, float]) -> str | None:
    if not resources.get("GPU"):
        return None
    named = [name.removeprefix(ACCELERATOR) for name in resources if name.startswith(ACCELERATOR)]
    return named[0] if named else "GPU"


def _count(kinds: list[tuple[Offer, int]], offer: Offer) -> int:
    return next((count for known, count in kinds if known == offer), 0)


def _add(kinds: list[tuple[Offer, int]], offer: Offer, count: int) -> None:
    for index, (known, there) in enumerate(kinds):
        if known == offer:
            kinds[index] = (offer, there + count)
            return
    kinds.append((offer, count))
