"""How far sweeps are."""

from collections.abc import Sequence
from typing import cast, get_args

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.store.tables import ENDED_RUN_STATES, Run, Sweep, Trial
from service.wire.views import Progress, RunState


def of_sweeps(session: Session, sweeps: Sequence[Sweep]) -> dict[int, Progress]:
    """How far sweeps are, by their ids."""
    ids = [sweep.id for sweep in sweeps]
    runs: dict[int, dict[RunState, int]] = {sweep_id: dict.fromkeys(get_args(RunState), 0) for sweep_id in ids}
    updates = dict.fromkeys(ids, 0)
    lanes = dict.fromkeys(ids, 0.0)
    sums = func.sum(Run.step), func.sum(Run.lane_share)
    by_state = select(Run.sweep_id, Run.state, func.count(), *sums).where(Run.sweep_id.in_(ids))
    for sweep_id, state, count, steps, shares in session.execute(by_state.group_by(Run.sweep_id, Run.state)):
        runs[sweep_id][cast("RunState", state)] = count
        updates[sweep_id] += int(steps)
        lanes[sweep_id] += shares
    ended = select(Trial.sweep_id, func.count().label("trials")).where(
        Trial.sweep_id.in_(ids), Trial.state.in_(ENDED_RUN_STATES)
    )
    done: dict[int, int] = {row.sweep_id: row.trials for row in session.execute(ended.group_by(Trial.sweep_id))}
    best = {sweep_id: _best(session, sweep_id) for sweep_id in ids}
    return {
        sweep.id: Progress(
            trials_done=done.get(sweep.id, 0),
            trials_total=sweep.trials_total,
            runs=runs[sweep.id],
            lanes_in_use=round(lanes[sweep.id]),
            updates_done=updates[sweep.id],
            updates_total=sweep.updates_total,
            best_value=best[sweep.id][1],
            best_trial=best[sweep.id][0],
        )
        for sweep in sweeps
    }


def _best(session: Session, sweep_id: int) -> tuple[int | None, float | None]:
    """The number and value of a sweep's best trial: the smallest value, and of equal ones the first trial."""
    row = session.execute(
        select(Trial.number, Trial.value)
        .where(Trial.sweep_id == sweep_id, Trial.value.is_not(None), Trial.state == "completed")
        .order_by(Trial.value, Trial.number)
        .limit(1)
    ).one_or_none()
    return (row.number, row.value) if row else (None, None)
