"""What a sampler can learn from: how a sweep's trials ended, and which are under way."""

from bisect import insort
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.domain import warm_start
from service.domain.axes import Point
from service.domain.space import SearchSpace
from service.store.tables import ENDED_RUN_STATES, Run, Sweep, Trial

MAX_CACHED = 64


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """A trial that ended with a value; a pruned one with its last loss, after update `pruned_at`."""

    number: int
    point: Point
    value: float
    pruned_at: int | None = None


@dataclass(kw_only=True)
class Past:
    """The lessons of a sweep in the order in which its trials ended, and the points of those under way."""

    ended: list[Lesson] = field(default_factory=list)
    running: list[Point] = field(default_factory=list)
    _ranked: list[Lesson] = field(default_factory=list)

    def learn(self, lesson: Lesson) -> None:
        """Add what a trial that has ended since says."""
        self.ended.append(lesson)
        insort(self._ranked, lesson, key=lambda one: (one.pruned_at is not None, one.value))

    def selection(self, most: int) -> list[Lesson]:
        """The best and the newest lessons, half of `most` each, in the order in which they ended."""
        if len(self.ended) <= most:
            return list(self.ended)
        newest = self.ended[-(most // 2) :]
        chosen = {lesson.number for lesson in newest}
        best = _others(self._ranked, chosen, most - len(newest))
        return [*sorted(best, key=lambda lesson: lesson.number), *newest]


def _others(ranked: Sequence[Lesson], chosen: set[int], most: int) -> list[Lesson]:
    """The first lessons that are not among those chosen."""

    def left() -> Iterator[Lesson]:
        for lesson in ranked:
            if lesson.number not in chosen:
                yield lesson

    return [lesson for lesson, _ in zip(left(), range(most), strict=False)]


class Pasts:
    """The past of every sweep, read once and then only as far as trials have ended since."""

    def __init__(self) -> None:
        self._of_sweep: OrderedDict[tuple[int, int], tuple[int, Past]] = OrderedDict()

    def of(self, session: Session, sweep: Sweep, space: SearchSpace) -> Past:
        """The past of a sweep, as points of its space as it is now. The caller holds the sweep's lock."""
        since, past = self._of_sweep.pop((sweep.id, sweep.study), (0, Past()))
        if since == 0:
            past = _inherited(session, sweep, space)
        in_sweep = Trial.sweep_id == sweep.id
        ended = select(Trial).where(in_sweep, Trial.end_number > since).order_by(Trial.end_number)
        trials = session.scalars(ended).all()
        steps = _steps(session, [trial.id for trial in trials if trial.state == "pruned"])
        for trial in trials:
            assert trial.end_number is not None
            since = trial.end_number
            if trial.value is not None:
                pruned_at = steps[trial.id] if trial.state == "pruned" else None
                point = space.completed(trial.params)
                past.learn(Lesson(number=trial.number, point=point, value=trial.value, pruned_at=pruned_at))
        unended = select(Trial.params).where(in_sweep, Trial.state.not_in(ENDED_RUN_STATES)).order_by(Trial.number)
        past.running = [space.completed(point) for point in session.scalars(unended)]
        self._of_sweep[sweep.id, sweep.study] = since, past
        if len(self._of_sweep) > MAX_CACHED:
            self._of_sweep.popitem(last=False)
        return past


def _inherited(session: Session, sweep: Sweep, space: SearchSpace) -> Past:
    """What an older sweep taught; its lessons have numbers below those of trials."""
    past = Past()
    for place, (point, trial) in enumerate(warm_start.inherited(session, sweep, space)):
        assert trial.value is not None
        past.learn(Lesson(number=place - len(sweep.warm or []), point=point, value=trial.value))
    return past


def _steps(session: Session, trial_ids: Sequence[int]) -> dict[int, int]:
    query = select(Run.trial_id, func.max(Run.step)).where(Run.trial_id.in_(trial_ids)).group_by(Run.trial_id)
    return {row[0]: row[1] for row in session.execute(query)}
