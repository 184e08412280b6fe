"""How far sweeps are."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import Row, ScalarSelect, Select, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from service.store.among import among
from service.store.tables import ENDED_RUN_STATES, Run, Sweep, Trial, in_state
from service.wire.views import Progress


def of_sweeps(session: Session, sweeps: Sequence[Sweep]) -> dict[int, Progress]:
    """How far sweeps are, by their ids."""
    rows = session.execute(_alone(), {"ids": [sweep.id for sweep in sweeps]})
    return {row.id: of_row(row) for row in rows}


def with_progress(query: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    """A query of the sweeps whose `ids` it is given, with what `of_row` needs of each.

    That is their counters, their best trials, and the sums of the runs that train. One statement reads them all, so
    that a run that ends meanwhile is counted once. It reads as much as is shown and as trains, however many runs the
    sweeps have.
    """
    sums = func.count().label("runs"), func.sum(Run.step).label("steps"), func.sum(Run.lane_share).label("lanes")
    training = select(Run.sweep_id, *sums).where(in_state(Run.state, "running"), among(Run.sweep_id, "ids"))
    running = training.group_by(Run.sweep_id).cte("training").prefix_with("MATERIALIZED", dialect="postgresql")
    counters = Sweep.trials_done, Sweep.trials_total, Sweep.runs_unended, Sweep.updates_ended, Sweep.updates_total
    return (
        query.add_columns(Sweep.state, *counters, *(getattr(Sweep, f"runs_{state}") for state in ENDED_RUN_STATES))
        .add_columns(running.c.runs, running.c.steps, running.c.lanes)
        .add_columns(_of_best(Trial.number).label("best_trial"), _of_best(Trial.value).label("best_value"))
        .outerjoin(running, running.c.sweep_id == Sweep.id)
        .where(among(Sweep.id, "ids"))
    )


def of_row(row: Row[*tuple[Any, ...]]) -> Progress:
    """How far a sweep is, from a row of a query `with_progress`."""
    running = row.runs or 0
    waiting, aside = ("paused", "queued") if row.state == "paused" else ("queued", "paused")
    return Progress(
        trials_done=row.trials_done,
        trials_total=row.trials_total,
        runs={
            waiting: row.runs_unended - running,
            aside: 0,
            "running": running,
            "completed": row.runs_completed,
            "pruned": row.runs_pruned,
            "diverged": row.runs_diverged,
            "failed": row.runs_failed,
            "cancelled": row.runs_cancelled,
        },
        lanes_in_use=round(row.lanes or 0),
        updates_done=row.updates_ended + int(row.steps or 0),
        updates_total=row.updates_total,
        best_value=row.best_value,
        best_trial=row.best_trial,
    )


@cache
def _alone() -> Select[*tuple[Any, ...]]:
    return with_progress(select(Sweep.id))


def _of_best(column: InstrumentedAttribute[Any]) -> ScalarSelect[Any]:
    """A column of a sweep's best trial. Were that joined, PostgreSQL might read all trials rather than one a sweep."""
    found = (Trial.sweep_id == Sweep.id, in_state(Trial.state, "completed"), Trial.value.is_not(None))
    return select(column).where(*found).order_by(Trial.value, Trial.number).limit(1).scalar_subquery()
