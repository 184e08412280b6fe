"""Who submits what: a few teams that always have more than fits, and many that come now and then with little."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from tests.simulation.cluster import Arrival, Cluster, Policy, jain

HOUR = 3600.0
SHAPES = ("small", "medium", "large")


@dataclass(frozen=True, kw_only=True)
class Workload:
    """A cluster and its teams.

    Those with `weights` are busy: each submits, at the start and then twice a day, sweeps that together would fill the
    cluster `demand` times over. The `guests` submit small sweeps, about `visits` a day.
    """

    workers: int
    lanes: int
    days: float
    weights: Sequence[float]
    guests: int
    demand: float = 3.0
    visits: float = 2.0
    seed: int = 0

    def arrivals(self) -> list[Arrival]:
        """Every sweep that is submitted; the same for the same seed."""
        chance = random.Random(self.seed)
        found = []
        half_days = max(1, round(2 * self.days))
        share = self.demand * self.workers * self.lanes * 12 * HOUR / len(self.weights)
        for team in range(len(self.weights)):
            for half_day in range(half_days):
                at = (12 * half_day + chance.uniform(0, 2)) * HOUR
                # The first team to come brings all that it will ever have: who comes later waits behind it in a FIFO.
                amount = share * half_days if team == 0 and half_day == 0 else share
                if team > 0 or half_day == 0:
                    found.append(self._sweep(chance, 0.0 if team == 0 else at, team, amount, chance.choice(SHAPES)))
        for guest in range(len(self.weights), len(self.weights) + self.guests):
            at = chance.expovariate(self.visits / 24) * HOUR
            while at < self.days * 24 * HOUR:
                found.append(self._sweep(chance, at, guest, chance.uniform(2, 12) * HOUR, chance.choice(SHAPES)))
                at += chance.expovariate(self.visits / 24) * HOUR
        return sorted(found, key=lambda arrival: arrival.at)

    @staticmethod
    def _sweep(chance: random.Random, at: float, team: int, amount: float, shape: str) -> Arrival:
        seconds: list[float] = []
        while amount > 0:
            seconds.append(min(8 * HOUR, max(0.1 * HOUR, chance.lognormvariate(0, 0.8) * 0.7 * HOUR)))
            amount -= seconds[-1]
        return Arrival(at=at, team=team, shape=shape, seconds=seconds)

    def simulate(self, policy: Policy) -> "Outcome":
        """What comes of it under a policy; the first day, while the busy teams arrive, is not counted for shares."""
        weights = [*self.weights, *[1.0] * self.guests]
        settled = min(1.0, self.days / 4) * 24 * HOUR
        cluster = Cluster(self.workers, self.lanes, weights, policy, counted_from=settled)
        cluster.run(self.arrivals(), self.days * 24 * HOUR)
        busy = range(len(self.weights))
        waits = sorted(
            wait for sweep, wait in cluster.waits.items() if cluster.teams_of[sweep] >= len(self.weights)
        ) or [0.0]
        return Outcome(
            jain=jain([cluster.served[team] / weights[team] for team in busy]),
            least=min(cluster.served[team] / weights[team] for team in busy)
            / (sum(cluster.served[team] for team in busy) / sum(self.weights)),
            wait_p50=waits[len(waits) // 2],
            wait_p95=waits[len(waits) * 95 // 100],
            wait_max=waits[-1],
            utilisation=cluster.busy,
            finished=cluster.finished,
            parks=cluster.parks,
            overhead=cluster.resumed / (self.workers * self.lanes * self.days * 24 * HOUR),
        )


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of a workload.

    Fairness is that of the busy teams' device-time for their weights: Jain's index, and what the worst off got of what
    it was due. Waits, in seconds, are those of guests that had nothing else for the first lane of a sweep.
    `utilisation` is the part of the lanes' time in which they trained, `overhead` the part that parking cost.
    """

    jain: float
    least: float
    wait_p50: float
    wait_p95: float
    wait_max: float
    utilisation: float
    finished: int
    parks: int
    overhead: float
