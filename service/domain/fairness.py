"""Who is next, and who gives way: how teams share the lanes. Pure functions, for the queue and for its simulation.

A team's *pull* is its weight, more by up to a factor of two if it has used less than others for its weight, less by up
to two if it has used more. Usage is device-seconds, of which half count no more after a half-life; so the past is paid
back over days, while nobody stands still for it.

- The next free lane goes to the waiting team that has the fewest lanes for its pull; of teams that have equally many,
  to the one that has used least for its weight.
- A team is *due* its part of all lanes by pull, what others do not need included (max-min fairness). While it has less
  and waits, a run of a team that has more than its due is parked: one that has run long enough, the one that began
  last. Where runs of one shape occupy a whole worker and the waiting ones have another, the worker's runs are parked
  together.
- What cannot be had in whole lanes at once is had by turns: for a team without a lane, another gives way also by more
  than it has beyond its due, when it has had that for long enough; who gave way is then last of those without a lane.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

# How far the past moves a team's part: by at most this factor, either way.
PULL_RANGE = 2.0
# Usage below which differences mean little.
_SMALL_SECONDS = 3600.0
# So many turns long a team has had lanes that it is due and yet gives up for one without any.
_LONG_TURN = 4
_EPSILON = 1e-9


@dataclass(frozen=True, kw_only=True)
class Policy:
    """After how long half of a team's usage counts no more, and how long a run keeps its lane whoever waits for one."""

    half_life: timedelta = timedelta(days=7)
    least: timedelta = timedelta(minutes=5)


USUAL = Policy()


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A team that has runs which wait or train: `used` in decayed device-seconds, `lanes` that it has.

    `waiting` is how many runs could begin now, known up to the number of lanes there are. `lane_quota` is None without
    one. `gave_way` says that a run of it was parked a moment ago.
    """

    team: int
    weight: float = 1.0
    used: float = 0.0
    lanes: float = 0.0
    waiting: int = 0
    lane_quota: int | None = None
    gave_way: bool = False

    @property
    def use(self) -> float:
        """What it has used, for its weight."""
        return self.used / self.weight

    @property
    def wants(self) -> float:
        """How many lanes it could use now."""
        wanted = self.lanes + self.waiting
        return wanted if self.lane_quota is None else min(wanted, max(self.lanes, self.lane_quota))

    def may_have(self, lanes: float) -> bool:
        """Whether its quota allows that many lanes."""
        return self.lane_quota is None or lanes <= self.lane_quota + _EPSILON


@dataclass(frozen=True, kw_only=True)
class Holding:
    """A run that trains: for whom, where, its part of a lane there, for how long in seconds, and its shape.

    Runs with one `lane` share it, and give it up together; one without shares with nobody.
    """

    run: int
    team: int
    worker: int
    lanes: float
    seconds: float
    shape: str
    lane: str | None = None


def pulls(standings: Collection[Standing]) -> dict[int, float]:
    """Each team's pull: its weight, corrected by what it has used compared with the others."""
    total = sum(one.weight for one in standings)
    mean = sum(one.used for one in standings) / total if total else 0.0
    found = {}
    for one in standings:
        distance = (mean - one.use) / (mean + _SMALL_SECONDS)
        found[one.team] = one.weight * PULL_RANGE ** max(-1.0, min(1.0, distance))
    return found


def allot(standings: Collection[Standing], lanes: int) -> dict[int, int]:
    """How many of so many free lanes each waiting team gets; in the order in which they get their first."""
    pull = pulls(standings)
    waiting = {one.team: one for one in standings if one.waiting > 0}
    has = {team: one.lanes for team, one in waiting.items()}
    given: Counter[int] = Counter()
    for _ in range(lanes):
        open_to = [one for team, one in waiting.items() if given[team] < one.waiting and one.may_have(has[team] + 1)]
        if not open_to:
            break
        following = min(open_to, key=lambda one: (has[one.team] / pull[one.team], one.gave_way, one.use, one.team))
        has[following.team] += 1
        given[following.team] += 1
    return dict(given)


def dues(standings: Collection[Standing], lanes: float) -> dict[int, float]:
    """The lanes that each team is due of so many: by pull, and no more than it wants, which leaves others more."""
    pull, due = pulls(standings), {one.team: 0.0 for one in standings}
    hungry = {one.team: one.wants for one in standings if one.wants > 0}
    left = lanes
    while hungry and left > _EPSILON:
        level = left / sum(pull[team] for team in hungry)
        contented = {team: wants for team, wants in hungry.items() if wants <= level * pull[team] + _EPSILON}
        for team, wants in (contented or {team: level * pull[team] for team in hungry}).items():
            due[team] = wants
            left -= wants
            del hungry[team]
    return due


def evictions(
    standings: Collection[Standing],
    holdings: Sequence[Holding],
    waiting_shapes: Mapping[int, Collection[str]],
    free: Mapping[str | None, float],
    *,
    least_seconds: float,
) -> list[int]:
    """The runs to park now, so that waiting teams come to what they are due; none where free lanes will do.

    `waiting_shapes` are those of the runs that would be next in each team. `free` lanes are for runs of a shape, or for
    any (None). No run is parked before it has had its lane for `least_seconds`.
    """
    return _Evictions(standings, holdings, waiting_shapes, free, least_seconds).runs()


class _Evictions:
    def __init__(
        self,
        standings: Collection[Standing],
        holdings: Sequence[Holding],
        waiting_shapes: Mapping[int, Collection[str]],
        free: Mapping[str | None, float],
        least_seconds: float,
    ) -> None:
        self._teams = {one.team: one for one in standings}
        self._has = {one.team: one.lanes for one in standings}
        self._due = dues(standings, sum(self._has.values()) + sum(free.values()))
        self._free = dict(free)
        self._shapes = waiting_shapes
        self._least_seconds = least_seconds
        self._left = {holding.run: holding for holding in holdings}

    def runs(self) -> list[int]:
        parked: list[int] = []
        short = {team: missing for team in self._teams if (missing := self._missing(team))}
        for team in sorted(short, key=lambda team: (self._has[team] / self._due[team], self._teams[team].use, team)):
            missing = short[team] - self._taken_from_free(team, short[team])
            while missing > 0:
                chosen = self._one_for(team) or self._batch_for(team)
                if not chosen:
                    break
                for holding in chosen:
                    del self._left[holding.run]
                    self._has[holding.team] -= holding.lanes
                parked += [holding.run for holding in chosen]
                freed = max(1, int(_lanes(chosen) + _EPSILON))
                missing -= freed
                self._has[team] += freed
        return parked

    def _missing(self, team: int) -> int:
        """How many whole lanes a team lacks; the first one also if it is due only a part of it."""
        one, has = self._teams[team], self._has[team]
        if one.waiting < 1 or not one.may_have(has + 1) or self._due[team] <= has + _EPSILON:
            return 0
        missing = int(self._due[team] - has + _EPSILON)
        return min(one.waiting, max(1, missing) if has < 0.5 else missing)

    def _taken_from_free(self, team: int, missing: int) -> int:
        """How many of the missing lanes are there, without anybody giving way."""
        taken = 0
        for shape in (*self._shapes.get(team, ()), None):
            part = min(missing - taken, int(self._free.get(shape, 0) + _EPSILON))
            self._free[shape] = self._free.get(shape, 0) - part
            taken += part
        return taken

    def _one_for(self, team: int) -> list[Holding]:
        """What trains in a lane that fits what the team has waiting: of the team most over its due, its latest."""
        lanes: dict[str, list[Holding]] = {}
        for holding in self._left.values():
            if holding.lanes > 0 and holding.shape in self._shapes.get(team, ()):
                lanes.setdefault(holding.lane or f"run {holding.run}", []).append(holding)

        def order(lane: list[Holding]) -> tuple[float, float, int]:
            first = lane[0]
            over = self._has[first.team] / max(self._due[first.team], _EPSILON)
            return -over, min(one.seconds for one in lane), -first.run

        return min((lane for lane in lanes.values() if self._gives_way(lane, team)), key=order, default=[])

    def _batch_for(self, team: int) -> list[Holding]:
        """All runs of a worker whose teams all give way, so that it can train another shape.

        That by which they fall least below what they are due, and of such the smallest.
        """
        shapes = self._shapes.get(team)
        batches: dict[int, list[Holding]] = {}
        for holding in self._left.values():
            if shapes and holding.shape not in shapes:
                batches.setdefault(holding.worker, []).append(holding)
        willing = [batch for batch in batches.values() if self._gives_way(batch, team)]

        def order(batch: list[Holding]) -> tuple[float, float, int]:
            harm = sum(max(0.0, lost - beyond) for lost, beyond in self._losses(batch).values())
            return harm, _lanes(batch), batch[0].worker

        return min(willing, key=order, default=[])

    def _losses(self, given: Sequence[Holding]) -> dict[int, tuple[float, float]]:
        """For each team concerned, the lanes that it would lose, and those that it has beyond its due."""
        return {
            team: (_lanes(one for one in given if one.team == team), self._has[team] - self._due[team])
            for team in {holding.team for holding in given}
        }

    def _gives_way(self, given: Sequence[Holding], team: int) -> bool:
        """Whether each team concerned keeps what it is due without these, or it is the turn of a team without a lane.

        A turn is paid: what a team had beyond its due, for as long as it had it, is at least what it goes without
        while the other has `least_seconds`. One that has lanes elsewhere gives up a worker that it had for much longer
        even if it is due all that it has; what it then lacks, it gets from others.
        """
        seconds = sum(holding.seconds for holding in given) / len(given)
        if seconds < self._least_seconds:
            return False
        losses = self._losses(given)
        for other, (lost, beyond) in losses.items():
            if lost <= beyond + _EPSILON:
                continue
            elsewhere = self._has[other] - lost > _EPSILON and len(given) > 1
            had = max(beyond, lost / _LONG_TURN if elsewhere else 0.0) * seconds
            if self._has[team] >= 0.5 or had < (lost - beyond) * self._least_seconds - _EPSILON:
                return False
        return team not in losses


def _lanes(batch: Iterable[Holding]) -> float:
    return sum(one.lanes for one in batch)
