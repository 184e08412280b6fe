"""How attempts of a run end, and whether the run is tried again: the one table of both."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast, get_args

from service.wire.views import AttemptOutcome


@dataclass(frozen=True, kw_only=True)
class Rule:
    """How many attempts may end in one way before the run ends so, too; None: any number."""

    tries: int | None
    why: str


RULES: Mapping[AttemptOutcome, Rule] = {
    "completed": Rule(tries=1, why="it has its value"),
    "pruned": Rule(tries=1, why="its sampler learned enough"),
    "diverged": Rule(tries=1, why="training is deterministic; its value is its initial loss"),
    "bad_data": Rule(tries=1, why="the text is as unreadable, or as short, for the next worker"),
    "out_of_memory": Rule(tries=3, why="another device may have more, or less beside it"),
    "crash": Rule(tries=3, why="the fault may be the machine's"),
    "evicted": Rule(tries=None, why="its worker left or was lost; see the quarantine for runs that kill theirs"),
    "paused": Rule(tries=None, why="somebody paused its sweep; it goes on when that is resumed"),
    "cancelled": Rule(tries=1, why="somebody wants it no more"),
}
assert set(RULES) == set(get_args(AttemptOutcome))


def shown(stored: str) -> AttemptOutcome:
    """The outcome of an attempt, by what is stored of it."""
    if stored in ("released", "lost"):
        return "evicted"
    assert stored in RULES, stored
    return cast("AttemptOutcome", stored)


def is_tried_again(outcome: AttemptOutcome, ended_so: int) -> bool:
    """Whether a run gets another attempt of which this many have ended in one way, this one among them."""
    tries = RULES[outcome].tries
    return tries is None or ended_so < tries
