"""What a sweep's stream of events tells, as server-sent events (WHATWG HTML, section 9.2): `event:` is the kind."""

from typing import Any, NamedTuple

from service.wire.base import Wire
from service.wire.views import Progress, RunState, SweepState

MEDIA_TYPE = "text/event-stream"


class StateChange(Wire):
    """`state`: the sweep is in another state, from which it may yet go on."""

    state: SweepState


class TrialEnd(Wire):
    """`trial`: every run of a trial has ended. A trial that is tried again ends again."""

    number: int
    state: RunState
    value: float | None
    spread: float | None
    schedule: dict[str, Any]


class SweepEnd(Wire):
    """`end`: the sweep has ended; it is the last event, unless the sweep is extended."""

    state: SweepState
    progress: Progress


News = StateChange | TrialEnd | Progress | SweepEnd
KINDS: dict[str, type[News]] = {"state": StateChange, "trial": TrialEnd, "progress": Progress, "end": SweepEnd}


class Event(NamedTuple):
    """Something that happened to a sweep; a stream that begins after `id` tells what came later, and nothing twice."""

    id: str
    news: News
