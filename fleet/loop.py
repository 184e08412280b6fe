"""The fleet itself: looks at the queue and the cluster, and lets workers begin and leave. It remembers nothing that it
could not find again: who starts it anew, anywhere, has the same fleet."""

import logging
import time
from collections.abc import Sequence
from itertools import count
from typing import Protocol

from fleet.inventory import CPU_SLOT, GPU_SLOT, Member, Need, NodeType, Place, capacity
from fleet.plan import Standing, Start, plan
from fleet.settings import FleetSettings
from service.wire.placement import FleetOrders, FleetReport, Offer, Resources, Supply
from worker.link import UnreachableError

log = logging.getLogger(__name__)

# After its deadline for leaving, a worker ends by itself within seconds; who is still there then has to be ended.
OVERDUE_SECONDS = 15.0


class Cluster(Protocol):
    """What a fleet does with a cluster; `fleet.ray_cluster` does it with Ray."""

    def places(self) -> list[Place]:
        """The nodes that live."""

    def members(self) -> list[Member]:
        """The fleet's workers that there are or that are to come."""

    def start(self, slot: str, start: Start) -> None:
        """Let a worker begin wherever there is room for it, as soon as there is."""

    def drain(self, member: Member) -> None:
        """Ask a worker to leave at its next checkpoint; it does not come back."""

    def end(self, member: Member) -> None:
        """End a worker now; it does not come back."""

    def ask_for(self, needs: Sequence[Need]) -> None:
        """Tell the autoscaler what all workers together need."""


class Queue(Protocol):
    """The service, as a fleet needs it."""

    def report_fleet(self, report: FleetReport) -> FleetOrders:
        """Say what could be had; learn what is needed."""


class Fleet:
    """Workers as many as the queue needs, on one cluster."""

    def __init__(
        self, cluster: Cluster, service: Queue, settings: FleetSettings, types: Sequence[NodeType] = ()
    ) -> None:
        self._cluster = cluster
        self._service = service
        self._settings = settings
        self._types = types
        self._known: dict[str, int] = {}  # the worker in each slot, as the service said last
        self._idle_since: dict[str, float] = {}
        self._draining: dict[str, float] = {}
        self._smaller: list[tuple[Offer, float]] = []  # kinds whose memory was not known before a worker told
        self._asked: list[Need] | None = None
        self._away = False

    def look(self) -> None:
        """Look once at queue and cluster, and do what is to be done. While the service is away, all stays as it is."""
        places = {place.node_id: place for place in self._cluster.places()}
        members = self._cluster.members()
        there = [(self._learned(offer), workers) for offer, workers in capacity(places.values(), self._types)]
        orders = self._report(there, members)
        if orders is None:
            return
        offers = {one.slot: one.offer for one in orders.workers}
        standing = []
        for member in members:
            place = places.get(member.node_id or "")
            if place is not None:
                self._learn(place.offer, offers.get(member.slot))
            if place is not None and place.draining:
                self._drain(member, "its node drains")
            if member.name not in self._draining:
                placed = place is not None and member.state == "alive"
                offer = self._learned(member.offer_on(place)) if place is not None and placed else None
                standing.append(Standing(member.name, member.key, offer))
        there = [(self._learned(offer), workers) for offer, workers in there]
        decided = plan(
            orders.demand, standing, there, most=self._settings.most, runs_per_worker=self._settings.runs_per_worker
        )
        self._let_go(members, orders, set(decided.spare))
        started = self._start(decided.start, members)
        self._ask_for(
            [Need(member.slot, Resources.of_key(member.key)) for member in members if member.name not in self._draining]
            + started
        )

    def _report(self, there: Sequence[tuple[Offer, int]], members: Sequence[Member]) -> FleetOrders | None:
        """What the service wants. Workers that it knew before the cluster was looked at, and whose actors do not live,
        are dead."""
        alive = {member.slot for member in members if member.state == "alive"}
        lost = [worker_id for slot, worker_id in self._known.items() if slot not in alive]
        report = FleetReport(
            name=self._settings.name,
            most=self._settings.most,
            supplies=[Supply(offer=offer, workers=workers) for offer, workers in there],
            lost=lost,
        )
        try:
            orders = self._service.report_fleet(report)
        except UnreachableError as error:
            if not self._away:
                log.warning(
                    "the service does not answer; all workers stay: %s", error, extra={"action": "service.away"}
                )
            self._away = True
            return None
        self._away = False
        if lost:
            log.info("workers %s are gone; what they held is free", lost, extra={"action": "fleet.lost"})
        self._known = {one.slot: one.worker_id for one in orders.workers}
        return orders

    def _let_go(self, members: Sequence[Member], orders: FleetOrders, spare: set[str]) -> None:
        """Drain workers that have held nothing for long, drop those that nothing waits for, end those overdue."""
        now = time.monotonic()
        held = {one.slot: one.runs for one in orders.workers}
        for member in members:
            since = self._draining.get(member.name)
            if since is not None:
                if now > since + float(self._settings.worker.get("drain_seconds", 25.0)) + OVERDUE_SECONDS:
                    self._cluster.end(member)
            elif held.get(member.slot) or (member.slot not in held and member.name not in spare):
                self._idle_since.pop(member.name, None)  # it trains, or is on its way to do so
            elif member.state != "alive" and member.name in spare:
                log.info("%s is needed no more", member.slot, extra={"action": "fleet.dropped"})
                self._draining[member.name] = now
                self._cluster.end(member)
            elif now >= self._idle_since.setdefault(member.name, now) + self._settings.idle_seconds:
                self._drain(member, "it has nothing to do")
        names = {member.name for member in members}
        self._draining = {name: since for name, since in self._draining.items() if name in names}
        self._idle_since = {name: since for name, since in self._idle_since.items() if name in names}

    def _drain(self, member: Member, why: str) -> None:
        if member.name in self._draining:
            return
        log.info("%s leaves: %s", member.slot, why, extra={"action": "fleet.drained"})
        self._draining[member.name] = time.monotonic()
        if member.state == "alive":
            self._cluster.drain(member)
        else:
            self._cluster.end(member)

    def _start(self, starts: Sequence[Start], members: Sequence[Member]) -> list[Need]:
        taken = {member.slot for member in members}
        needs = []
        for start in starts:
            kind = GPU_SLOT if start.offer.gpu is not None else CPU_SLOT
            slot = next(slot for number in count() if (slot := f"{self._settings.name}/{kind}-{number}") not in taken)
            taken.add(slot)
            log.info("%s begins, for what requires %s", slot, start.wanted, extra={"action": "fleet.started"})
            self._cluster.start(slot, start)
            needs.append(Need(slot, start.wanted))
        return needs

    def _ask_for(self, needs: list[Need]) -> None:
        """Ask the autoscaler for what all workers need, when that is not what was asked for last."""
        needs.sort(key=lambda need: need.slot)
        if needs != self._asked:
            self._cluster.ask_for(needs)
            self._asked = needs

    def _learn(self, offer: Offer, told: Offer | None) -> None:
        """Note how much memory a kind has of which that was not known."""
        if told is None or told.memory_gib is None or offer.memory_gib is not None:
            return
        if not any(known == offer for known, _ in self._smaller):
            self._smaller.append((offer, told.memory_gib))

    def _learned(self, offer: Offer) -> Offer:
        memory = next((memory for known, memory in self._smaller if known == offer), None)
        return offer if memory is None else offer.model_copy(update={"memory_gib": memory})
