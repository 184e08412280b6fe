"""What of a sweep has ended, counted on its row, so that showing it does not add up its runs.

The counters change in the transaction in which runs end, under the lock of the sweep's row, which an end takes anyway;
a claim takes no such lock, so what trains and what waits is not counted here: of the unended runs those that train are
few and have an index, and the others wait. Whoever calls these functions holds the lock.
"""

from collections.abc import Iterable

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.store.tables import ENDED_RUN_STATES, Run, Sweep, Trial


def add(sweep: Sweep, runs: int) -> None:
    """Count runs that were queued."""
    sweep.runs_unended += runs


def end(sweep: Sweep, runs: Iterable[Run]) -> None:
    """Count runs that have just ended, each of them once."""
    for run in runs:
        assert run.sweep_id == sweep.id
        sweep.runs_unended -= 1
        sweep.updates_ended += run.step
        _set(sweep, run.state, getattr(sweep, f"runs_{run.state}") + 1)


def recount(session: Session, sweep: Sweep) -> None:
    """Count all of a sweep's rows: after many of them were changed at once, or ended ones taken up again."""
    session.flush()
    by_state = select(Run.state, func.count(), func.sum(Run.step)).where(Run.sweep_id == sweep.id).group_by(Run.state)
    found = {state: (count, int(steps)) for state, count, steps in session.execute(by_state)}
    for state in ENDED_RUN_STATES:
        _set(sweep, state, found.get(state, (0, 0))[0])
    sweep.runs_unended = sum(count for state, (count, _) in found.items() if state not in ENDED_RUN_STATES)
    sweep.updates_ended = sum(steps for state, (_, steps) in found.items() if state in ENDED_RUN_STATES)
    done = select(func.count()).where(Trial.sweep_id == sweep.id, Trial.state.in_(ENDED_RUN_STATES))
    sweep.trials_done = session.scalar(done) or 0
    session.flush()


def _set(sweep: Sweep, state: str, count: int) -> None:
    setattr(sweep, f"runs_{state}", count)
