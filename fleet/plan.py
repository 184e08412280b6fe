"""What a fleet does about the queue's need: which workers to start, and which were started for nothing."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from service.wire.placement import Demand, Offer, Resources


@dataclass(frozen=True)
class Standing:
    """A worker that is there or coming: what it has once it has been placed, and what it was started for."""

    name: str
    key: str
    offer: Offer | None

    def serves(self, wanted: Resources) -> bool:
        """Whether it trains what requires this, as far as is known."""
        return self.offer.serves(wanted) if self.offer is not None else wanted.key in ("", self.key)


@dataclass(frozen=True)
class Start:
    """A worker to start: for what requires `wanted`, on a node that has `offer`."""

    wanted: Resources
    offer: Offer


@dataclass(frozen=True)
class Plan:
    """What to start, and the names of those that nothing needs."""

    start: list[Start]
    spare: list[str]


def plan(
    demand: Sequence[Demand],
    standing: Sequence[Standing],
    capacity: Sequence[tuple[Offer, int]],
    *,
    most: int,
    runs_per_worker: int,
) -> Plan:
    """Serve the demands in their order, by workers that there are, then by new ones where there is room for them.

    `capacity` says how many workers of each kind there could be at all; `most` is for all kinds together.
    """
    unused = list(standing)
    room = [_Room(offer, count - sum(one.offer == offer for one in standing)) for offer, count in capacity]
    _seat_the_unplaced(room, standing)
    left = most - len(standing)
    start = []
    for one in demand:
        wanted = math.ceil(one.runs / runs_per_worker)
        serving = [worker for worker in unused if worker.serves(one.resources)][:wanted]
        taken = {worker.name for worker in serving}
        unused = [worker for worker in unused if worker.name not in taken]
        for _ in range(wanted - len(serving)):
            room_for_it = next((kind for kind in room if kind.free > 0 and kind.offer.serves(one.resources)), None)
            if room_for_it is None or left <= 0:
                break
            room_for_it.free -= 1
            left -= 1
            start.append(Start(one.resources, room_for_it.offer))
    return Plan(start, [worker.name for worker in unused])


@dataclass
class _Room:
    offer: Offer
    free: int


def _seat_the_unplaced(rooms: Sequence[_Room], standing: Sequence[Standing]) -> None:
    """Keep a seat for every worker that is still to be placed."""
    for one in standing:
        if one.offer is None:
            wanted = Resources.of_key(one.key)
            seat = next((room for room in rooms if room.free > 0 and room.offer.serves(wanted)), None)
            if seat is not None:
                seat.free -= 1
