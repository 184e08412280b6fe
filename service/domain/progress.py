"""How far sweeps are."""

from collections.abc import Sequence
from typing import cast

from sqlalchemy import Row, Select, func, select
from sqlalchemy.orm import Session

from service.store.among import among
from service.store.tables import ENDED_RUN_STATES, Run, Sweep, Trial, in_state
from service.wire.views import Progress, RunState


def of_sweeps(session: Session, sweeps: Sequence[Sweep]) -> dict[int, Progress]:
    """How far sweeps are, by their ids: their counters, their best trials, and the sums of the runs that train.

    Counters and sums are read by one statement, so that a run that ends meanwhile is counted once. It reads as much as
    is shown and as trains, however many runs the sweeps have.
    """
    ids = [sweep.id for sweep in sweeps]
    sums = func.count().label("runs"), func.sum(Run.step).label("steps"), func.sum(Run.lane_share).label("lanes")
    training = select(Run.sweep_id, *sums).where(in_state(Run.state, "running"), among(Run.sweep_id, ids))
    running = training.group_by(Run.sweep_id).cte("training").prefix_with("MATERIALIZED", dialect="postgresql")
    best = (
        select(Trial.id)
        .where(Trial.sweep_id == Sweep.id, in_state(Trial.state, "completed"), Trial.value.is_not(None))
        .order_by(Trial.value, Trial.number)
        .limit(1)
        .scalar_subquery()
    )
    counters = [Sweep.trials_done, Sweep.trials_total, Sweep.runs_unended, Sweep.updates_ended, Sweep.updates_total]
    rows = session.execute(
        select(Sweep.id, Sweep.state, *counters, *(getattr(Sweep, f"runs_{state}") for state in ENDED_RUN_STATES))
        .add_columns(running.c.runs, running.c.steps, running.c.lanes, best.label("best"))
        .outerjoin(running, running.c.sweep_id == Sweep.id)
        .where(among(Sweep.id, ids))
    ).all()
    # Not joined: PostgreSQL may then read all trials rather than one for each sweep.
    winners = {trial.id: trial for trial in session.execute(_numbers([row.best for row in rows if row.best]))}
    return {row.id: _progress(row, winners.get(row.best)) for row in rows}


def _numbers(trial_ids: Sequence[int]) -> Select[int, int, float | None]:
    return select(Trial.id, Trial.number, Trial.value).where(among(Trial.id, trial_ids))


def _progress(row: Row[*tuple[object, ...]], best: Row[int, int, float | None] | None) -> Progress:
    running = row.runs or 0
    waiting, aside = ("paused", "queued") if row.state == "paused" else ("queued", "paused")
    ended = {cast("RunState", state): getattr(row, f"runs_{state}") for state in ENDED_RUN_STATES}
    return Progress(
        trials_done=row.trials_done,
        trials_total=row.trials_total,
        runs={waiting: row.runs_unended - running, aside: 0, "running": running, **ended},
        lanes_in_use=round(row.lanes or 0),
        updates_done=row.updates_ended + int(row.steps or 0),
        updates_total=row.updates_total,
        best_value=best.value if best else None,
        best_trial=best.number if best else None,
    )
