"""Trials and their runs, as they are shown."""

from collections.abc import Sequence
from typing import Any, cast

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from service.domain import attempts, descriptions
from service.domain.access import Principal
from service.errors import NotFoundError
from service.store.among import among
from service.store.tables import ENDED_RUN_STATES, Run, Sweep, Trial, Worker
from service.wire.views import AttemptView, RunDetail, RunState, RunView, TrialPage, TrialView

# What is shown of trials and runs: a page has hundreds, and whole objects of all columns take longer.
_OF_TRIAL = Trial.id, Trial.number, Trial.state, Trial.value, Trial.spread, Trial.schedule, Trial.optimizer
_OF_RUN = (
    *(Run.id, Run.trial_id, Run.replicate, Run.seed, Run.state, Run.step, Run.total_steps, Run.value),
    *(Run.device_seconds, Run.attempt_seconds, Run.joules, Run.attempt, Run.cause, Run.error, Run.mlflow_run_id),
)


def page(session: Session, sweep: Sweep, mlflow_url: str | None, cursor: int | None, limit: int) -> TrialPage:
    """Trials of a sweep in the order of their numbers, above the number `cursor`."""
    query = select(*_OF_TRIAL).where(Trial.sweep_id == sweep.id).order_by(Trial.number).limit(limit + 1)
    if cursor is not None:
        query = query.where(Trial.number > cursor)
    found = session.execute(query).all()
    shown = found[:limit]
    return TrialPage(
        items=views(session, sweep, shown, mlflow_url), next_cursor=shown[-1].number if len(found) > limit else None
    )


def find(session: Session, sweep: Sweep, number: int) -> Trial:
    """One trial of a sweep.

    Raises:
        NotFoundError: the sweep has no trial of this number (yet).
    """
    trial = session.scalar(select(Trial).where(Trial.sweep_id == sweep.id, Trial.number == number))
    if trial is None:
        raise NotFoundError(f"sweep {sweep.id} has no trial {number}; it has {sweep.trials_made}, numbered from 0")
    return trial


def views(
    session: Session, sweep: Sweep, trials: Sequence[Trial | Row[*tuple[Any, ...]]], mlflow_url: str | None
) -> list[TrialView]:
    """Trials, or what is shown of them, with their runs.

    A trial that has not ended is running as soon as one of its runs is, else as paused.
    """
    runs: dict[int, list[RunView]] = {trial.id: [] for trial in trials}
    found = session.execute(
        select(*_OF_RUN, Worker.name.label("worker"))
        .outerjoin(Worker, Run.worker_id == Worker.id)
        .where(among(Run.trial_id, runs))
        .order_by(Run.trial_id, Run.replicate)
    ).all()
    made = attempts.views(session, found)
    for run in found:
        runs[run.trial_id].append(_run_view(sweep, run, made[run.id], run.worker, mlflow_url))
    return [
        TrialView(
            number=trial.number,
            state=_state(trial, runs[trial.id]),
            schedule=trial.schedule,
            optimizer=trial.optimizer,
            value=trial.value,
            spread=trial.spread,
            device_seconds=sum(run.device_seconds for run in runs[trial.id]),
            runs=runs[trial.id],
        )
        for trial in trials
    ]


def _state(trial: Trial | Row[*tuple[Any, ...]], runs: Sequence[RunView]) -> RunState:
    states = {run.state for run in runs}
    if trial.state == "queued" and states & {"running", "paused"}:
        return "running" if "running" in states else "paused"
    return cast("RunState", trial.state)


def run_detail(session: Session, principal: Principal, run_id: int, mlflow_url: str | None) -> RunDetail:
    """One run and what it trains.

    Raises:
        NotFoundError: there is none of this number, or it is another team's.
    """
    row = session.execute(
        select(Run, Sweep, Worker.name)
        .join(Sweep, Run.sweep_id == Sweep.id)
        .outerjoin(Worker, Run.worker_id == Worker.id)
        .where(Run.id == run_id)
    ).one_or_none()
    if row is None or not principal.may_see(row.Sweep.team_id):
        raise NotFoundError(f"there is no run {run_id}; GET /api/v1/sweeps/ID/trials lists the runs of a sweep")
    made = attempts.views(session, [row.Run])
    return RunDetail(
        run=_run_view(row.Sweep, row.Run, made[run_id], row.name, mlflow_url),
        description=descriptions.of_runs(session, [run_id])[run_id],
        mlflow_tracking_url=mlflow_url,
    )


def _run_view(
    sweep: Sweep, run: Run | Row[*tuple[Any, ...]], made: list[AttemptView], worker: str | None, mlflow_url: str | None
) -> RunView:
    shown = mlflow_url and sweep.mlflow_experiment_id and run.mlflow_run_id
    return RunView(
        id=run.id,
        replicate=run.replicate,
        seed=run.seed,
        state=run.state,
        step=run.step,
        total_steps=run.total_steps,
        value=run.value,
        device_seconds=run.device_seconds,
        joules=run.joules,
        attempt=run.attempt,
        attempts=made,
        worker=worker,
        outcome=run.cause or (run.state if run.state in ENDED_RUN_STATES else None),
        error=run.error,
        mlflow_run_id=run.mlflow_run_id,
        mlflow_url=f"{mlflow_url}/#/experiments/{sweep.mlflow_experiment_id}/runs/{run.mlflow_run_id}"
        if shown
        else None,
    )
