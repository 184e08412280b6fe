"""What a sweep's followers are told, found by comparing the rows with what they know; no process remembers anything.

An event's id says what its follower knows: how many ends of trials, and which state. So any server process can go on
where another stopped, and whatever happened meanwhile is told then: each end of a trial, and the latest state. The ends
of a sweep's trials are numbered under the lock of its row, hence in the order in which they become visible.
"""

import re
from dataclasses import dataclass
from typing import Self, cast

from sqlalchemy import select
from sqlalchemy.orm import Session
from typing_extensions import override

from service.domain import progress
from service.errors import InvalidError
from service.store.tables import ENDED_SWEEP_STATES, Sweep, Trial
from service.wire.events import TrialEnd
from service.wire.problem import FieldProblem
from service.wire.views import Progress, SweepState

_ID = re.compile(r"(\d{1,18})-([a-z]+)")


@dataclass(frozen=True)
class Cursor:
    """What a follower knows of a sweep: the first `ends` ends of its trials, and its state."""

    ends: int = 0
    state: str = "unknown"

    @classmethod
    def parse(cls, event_id: str | None) -> Self:
        """The cursor that an event's id says; without an id, one that knows nothing.

        Raises:
            InvalidError: no event has this id.
        """
        if not event_id:
            return cls()
        found = _ID.fullmatch(event_id)
        if found is None:
            remedy = "send the id of an event of this sweep, or none to be told everything"
            raise InvalidError.of([FieldProblem(field="Last-Event-ID", problem="no event has this id", remedy=remedy)])
        return cls(int(found[1]), found[2])

    @override
    def __str__(self) -> str:
        """The id of the event by which a follower comes to know this."""
        return f"{self.ends}-{self.state}"


@dataclass(frozen=True)
class Look:
    """A sweep at one moment."""

    state: SweepState
    ends: int
    progress: Progress

    @property
    def ended(self) -> bool:
        """Whether the sweep has ended."""
        return self.state in ENDED_SWEEP_STATES


def is_over(sweep: Sweep, cursor: Cursor) -> bool:
    """Whether a sweep has ended and a follower knows that and every end of a trial."""
    known = (sweep.trials_ended, sweep.state) == (cursor.ends, cursor.state)
    return known and sweep.state in ENDED_SWEEP_STATES


def look(session: Session, sweep_id: int) -> Look:
    """A sweep's state and progress. The ends that it counts are visible to every later statement."""
    sweep = session.get_one(Sweep, sweep_id, populate_existing=True)
    return Look(cast("SweepState", sweep.state), sweep.trials_ended, progress.of_sweeps(session, [sweep])[sweep_id])


def ends(session: Session, sweep_id: int, after: int, limit: int) -> list[tuple[int, TrialEnd]]:
    """The ends of a sweep's trials after the `after`th, each with its number, in the order in which they happened."""
    later = select(Trial).where(Trial.sweep_id == sweep_id, Trial.end_number > after)
    return [
        (
            trial.end_number or 0,
            TrialEnd(
                number=trial.number,
                state=trial.state,
                value=trial.value,
                spread=trial.spread,
                schedule=trial.schedule,
            ),
        )
        for trial in session.scalars(later.order_by(Trial.end_number).limit(limit))
    ]
