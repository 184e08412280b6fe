"""The tables, as SQLAlchemy models. `migrations/` makes them; a test holds that both say the same."""

from service.store.tables.base import (
    ATTEMPT_ENDS,
    ENDED_RUN_STATES,
    ENDED_SWEEP_STATES,
    FAILURE_CAUSES,
    SUSPECT,
    Base,
    in_state,
)
from service.store.tables.people import BrowserSession, Team, Token, User
from service.store.tables.records import Event, Heartbeat, TeamUsage, Usage
from service.store.tables.runs import QUEUE_ORDER, Attempt, Fleet, Run, ValPoint, Worker
from service.store.tables.sweeps import Corpus, Sweep, Trial, Upload

__all__ = [
    "ATTEMPT_ENDS",
    "ENDED_RUN_STATES",
    "ENDED_SWEEP_STATES",
    "FAILURE_CAUSES",
    "QUEUE_ORDER",
    "SUSPECT",
    "Attempt",
    "Base",
    "BrowserSession",
    "Corpus",
    "Event",
    "Fleet",
    "Heartbeat",
    "Run",
    "Sweep",
    "Team",
    "TeamUsage",
    "Token",
    "Trial",
    "Upload",
    "Usage",
    "User",
    "ValPoint",
    "Worker",
    "in_state",
]
