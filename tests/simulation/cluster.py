"""A cluster that is simulated event by event: workers with lanes, teams whose sweeps arrive, and a policy between them.

It knows what matters for who waits: a worker trains runs of one shape at a time, a lane trains one run, a parked run
goes on where it was but pays for being written and read. The policy is the service's own, `service.domain.fairness`.
"""

import heapq
import itertools
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

from service.domain import fairness
from service.domain.fairness import Holding, Standing

Policy = Literal["fifo", "shares", "shares and preemption"]
TICK_SECONDS = 60.0
LEAST_SECONDS = 300.0
RESUME_SECONDS = 20.0
HALF_LIFE_SECONDS = 7 * 86_400.0


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """A sweep that a team submits: so many seconds for each of its runs, in one lane."""

    at: float
    team: int
    shape: str
    seconds: Sequence[float]


@dataclass(kw_only=True)
class Run:
    """A run on its way: what is left of it, and where it trains, if it does."""

    number: int
    sweep: int
    team: int
    shape: str
    left: float
    worker: int = -1
    since: float = 0.0
    parked: int = 0


@dataclass
class _Team:
    weight: float
    used: float = 0.0
    served: float = 0.0
    lanes: int = 0
    at: float = 0.0
    gave_way_at: float = -1e9
    standings: dict[str | None, Standing] = field(default_factory=dict)
    queues: dict[str, deque[Run]] = field(default_factory=lambda: defaultdict(deque))

    def advance(self, now: float, lanes_a_device: int) -> None:
        passed, rate = now - self.at, self.lanes / lanes_a_device
        self.used = self.used * 0.5 ** (passed / HALF_LIFE_SECONDS) + rate * passed
        self.served += rate * passed
        self.at = now

    def standing(self, number: int, shape: str | None, now: float, lanes_a_device: int) -> Standing:
        """How it stands; what it has used is looked up as often as a worker would report it, not more."""
        if shape not in self.standings:
            self.advance(now, lanes_a_device)
            self.standings[shape] = Standing(
                team=number,
                weight=self.weight,
                used=self.used,
                lanes=self.lanes,
                waiting=self.waiting(shape),
                gave_way=now - self.gave_way_at < LEAST_SECONDS,
            )
        return self.standings[shape]

    def waiting(self, shape: str | None) -> int:
        if shape is not None:
            return len(self.queues[shape])
        return sum(map(len, self.queues.values()))

    def first(self) -> Run:
        return min((queue[0] for queue in self.queues.values() if queue), key=lambda run: (run.sweep, run.number))


@dataclass(eq=False)
class _Worker:
    number: int
    runs: dict[int, Run] = field(default_factory=dict)

    @property
    def shape(self) -> str | None:
        return next((run.shape for run in self.runs.values()), None)


class Cluster:
    """Simulates some seconds of a cluster; afterwards its attributes say what came of it.

    `served` are device-seconds by team from `counted_from` on, `waits` the seconds until its first lane, by sweep, of
    each sweep whose team had nothing else, neither waiting nor training, `busy` the part of all lanes that trained,
    `parks` how often a run was parked, and `resumed` the seconds that this cost.
    """

    def __init__(
        self, workers: int, lanes: int, weights: Sequence[float], policy: Policy, *, counted_from: float = 0.0
    ) -> None:
        self._workers = [_Worker(number) for number in range(workers)]
        self._lanes = lanes
        self._teams = [_Team(weight) for weight in weights]
        self._policy = policy
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._numbers = itertools.count()
        self._counted_from = counted_from
        self.now = 0.0
        self.served = [0.0] * len(weights)
        self.waits: dict[int, float] = {}
        self.teams_of: dict[int, int] = {}
        self.finished = self.parks = 0
        self.resumed = 0.0
        self._arrived_at: dict[int, float] = {}
        self._looked_at = 0.0

    def run(self, arrivals: Iterable[Arrival], until: float) -> None:
        """Simulate up to a moment. What is still waiting for its first lane then has waited until then."""
        for arrival in arrivals:
            self._at(arrival.at, partial(self._arrive, arrival))
        self._at(self._counted_from, self._begin_to_count)
        if self._policy == "shares and preemption":
            self._at(TICK_SECONDS, self._tick)
        while self._events and self._events[0][0] <= until:
            self.now, _, happen = heapq.heappop(self._events)
            happen()
        self.now = until
        for number, team in enumerate(self._teams):
            team.advance(until, self._lanes)
            self.served[number] = team.served - self.served[number]
        for sweep in self.teams_of:
            self.waits.setdefault(sweep, until - self._arrived_at[sweep])

    @property
    def busy(self) -> float:
        """The part of all lanes that trained, from `counted_from` on."""
        devices = len(self._workers) * (self.now - self._counted_from)
        return sum(self.served) / devices

    def _at(self, when: float, happen: Callable[[], None]) -> None:
        heapq.heappush(self._events, (when, next(self._order), happen))

    def _begin_to_count(self) -> None:
        for number, team in enumerate(self._teams):
            team.advance(self.now, self._lanes)
            self.served[number] = team.served

    def _arrive(self, arrival: Arrival) -> None:
        sweep = len(self._arrived_at)
        self._arrived_at[sweep] = self.now
        team = self._teams[arrival.team]
        if team.lanes == 0 and team.waiting(None) == 0:
            self.teams_of[sweep] = arrival.team
        for seconds in arrival.seconds:
            run = Run(number=next(self._numbers), sweep=sweep, team=arrival.team, shape=arrival.shape, left=seconds)
            team.queues[arrival.shape].append(run)
        team.standings.clear()
        for worker in self._workers:
            if len(worker.runs) < self._lanes:
                self._claim(worker)

    def _end(self, run: Run, parked: int) -> None:
        if run.parked != parked:
            return  # it was parked meanwhile
        self._leave(run)
        self.finished += 1
        self._claim(self._workers[run.worker])

    def _tick(self) -> None:
        self._at(self.now + TICK_SECONDS, self._tick)
        freed = set()
        runs = {number: run for worker in self._workers for number, run in worker.runs.items()}
        for number in self._evictions(runs):
            run = runs[number]
            run.left = run.left - (self.now - run.since) + RESUME_SECONDS
            run.parked += 1
            self.parks += 1
            self.resumed += RESUME_SECONDS
            self._leave(run)
            team = self._teams[run.team]
            team.gave_way_at = self.now
            team.queues[run.shape].appendleft(run)
            team.standings.clear()
            freed.add(run.worker)
        for worker in sorted(freed):
            self._claim(self._workers[worker])

    def _evictions(self, runs: dict[int, Run]) -> list[int]:
        standings = self._standings(None)
        free: dict[str | None, float] = defaultdict(float)
        for worker in self._workers:
            free[worker.shape] += self._lanes - len(worker.runs)
        due = fairness.dues(standings, self._lanes * len(self._workers))
        if all(one.waiting == 0 or due[one.team] <= one.lanes for one in standings):
            return []  # nobody lacks anything; what follows would say the same, slowly
        holdings = [
            Holding(
                run=run.number,
                team=run.team,
                worker=run.worker,
                lanes=1.0,
                seconds=self.now - run.since,
                shape=run.shape,
            )
            for run in runs.values()
        ]
        shapes = {number: {team.first().shape} for number, team in enumerate(self._teams) if team.waiting(None)}
        return fairness.evictions(standings, holdings, shapes, free, least_seconds=LEAST_SECONDS)

    def _standings(self, shape: str | None) -> list[Standing]:
        if self.now - self._looked_at >= TICK_SECONDS:
            self._looked_at = self.now
            for team in self._teams:
                team.standings.clear()
        all_of_them = (team.standing(number, shape, self.now, self._lanes) for number, team in enumerate(self._teams))
        return [one for one in all_of_them if one.waiting or one.lanes]

    def _claim(self, worker: _Worker) -> None:
        """Fill the free lanes of a worker: as the service does, with runs of one shape."""
        free, shape = self._lanes - len(worker.runs), worker.shape
        if shape is None:
            first = next(iter(self._allotted(None, 1)), None)
            if first is None:
                return
            shape = self._teams[first].first().shape
        for team, count in self._allotted(shape, free).items():
            for _ in range(count):
                self._begin(self._teams[team].queues[shape].popleft(), worker)

    def _allotted(self, shape: str | None, lanes: int) -> dict[int, int]:
        if self._policy != "fifo":
            return fairness.allot(self._standings(shape), lanes)
        heads: list[tuple[int, int, int]] = []
        for number, team in enumerate(self._teams):
            queues = team.queues.values() if shape is None else [team.queues[shape]]
            heads += [(run.sweep, run.number, number) for queue in queues for run in itertools.islice(queue, lanes)]
        given: dict[int, int] = defaultdict(int)
        for _, _, number in heapq.nsmallest(lanes, heads):
            given[number] += 1
        return given

    def _begin(self, run: Run, worker: _Worker) -> None:
        run.worker, run.since = worker.number, self.now
        worker.runs[run.number] = run
        self._teams[run.team].advance(self.now, self._lanes)
        self._teams[run.team].lanes += 1
        self._teams[run.team].standings.clear()
        if run.sweep in self.teams_of:
            self.waits.setdefault(run.sweep, self.now - self._arrived_at[run.sweep])
        self._at(self.now + run.left, partial(self._end, run, run.parked))

    def _leave(self, run: Run) -> None:
        del self._workers[run.worker].runs[run.number]
        self._teams[run.team].advance(self.now, self._lanes)
        self._teams[run.team].lanes -= 1
        self._teams[run.team].standings.clear()


def jain(values: Sequence[float]) -> float:
    """Jain's index of fairness: 1 if all are equal, 1/n if one has everything.

    R. Jain, D. Chiu, W. Hawe, A Quantitative Measure of Fairness and Discrimination, DEC-TR-301, 1984.
    """
    squares = sum(value * value for value in values)
    return sum(values) ** 2 / (len(values) * squares) if squares else 1.0
