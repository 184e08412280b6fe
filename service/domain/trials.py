"""Trials and their runs, as they are shown."""

from collections.abc import Container, Mapping, Sequence
from functools import cache
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Row, Select, bindparam, select
from sqlalchemy.orm import Session

from service.domain import attempts, descriptions
from service.domain.access import Principal
from service.domain.sweeps import Glance
from service.errors import NotFoundError
from service.store.among import among
from service.store.tables import ENDED_RUN_STATES, Attempt, Run, Sweep, Trial, Worker
from service.wire.views import RunDetail, RunView, TrialPage, TrialView

# What is shown of a trial and of a run as it is stored. A page has hundreds of each: to read them into objects, and
# those into views one by one, takes longer than to have rows of values checked all at once.
_OF_TRIAL = "number", "state", "schedule", "optimizer", "value", "spread"
_OF_RUN = (
    *("id", "replicate", "seed", "state", "step", "total_steps", "value", "device_seconds", "joules", "attempt"),
    *("error", "mlflow_run_id"),
)
_TRIALS = TypeAdapter(list[TrialView])
_ENDED = frozenset(ENDED_RUN_STATES)


def page(session: Session, sweep: Glance, mlflow_url: str | None, cursor: int | None, limit: int) -> TrialPage:
    """Trials of a sweep in the order of their numbers, above the number `cursor`."""
    given = {"sweep": sweep.id, "above": -1 if cursor is None else cursor, "most": limit + 1}
    found = session.execute(_above(), given).all()
    shown = found[:limit]
    return TrialPage(
        items=views(session, sweep, shown, mlflow_url), next_cursor=shown[-1].number if len(found) > limit else None
    )


def find(session: Session, sweep: Glance, number: int, mlflow_url: str | None) -> TrialView:
    """One trial of a sweep.

    Raises:
        NotFoundError: the sweep has no trial of this number (yet).
    """
    found = session.execute(_numbered(), {"sweep": sweep.id, "number": number}).all()
    if not found:
        raise NotFoundError(f"sweep {sweep.id} has no trial {number}; it has {sweep.trials_made}, numbered from 0")
    return views(session, sweep, found, mlflow_url)[0]


def query() -> Select[*tuple[Any, ...]]:
    """What `views` needs of trials."""
    return select(Trial.id, *(getattr(Trial, name) for name in _OF_TRIAL))


def views(
    session: Session, sweep: Glance, trials: Sequence[Row[*tuple[Any, ...]]], mlflow_url: str | None
) -> list[TrialView]:
    """Trials, as rows of the `query`, with their runs.

    A trial that has not ended is running as soon as one of its runs is, else as paused.
    """
    runs: dict[int, list[dict[str, Any]]] = {trial.id: [] for trial in trials}
    for trial_id, run in _runs(session, _of_trials(), {"ids": runs}, sweep.mlflow_experiment_id, mlflow_url):
        runs[trial_id].append(run)
    shown = []
    for trial_id, *values in trials:
        trial, its = dict(zip(_OF_TRIAL, values, strict=True)), runs[trial_id]
        if trial["state"] == "queued":
            trial["state"] = _state_of_waiting({run["state"] for run in its})
        trial["device_seconds"] = sum(run["device_seconds"] for run in its)
        trial["runs"] = its
        shown.append(trial)
    return _TRIALS.validate_python(shown)


def run_detail(session: Session, principal: Principal, run_id: int, mlflow_url: str | None) -> RunDetail:
    """One run and what it trains.

    Raises:
        NotFoundError: there is none of this number, or it is another team's.
    """
    row = session.execute(
        select(Sweep.team_id, Sweep.mlflow_experiment_id).join(Run, Run.sweep_id == Sweep.id).where(Run.id == run_id)
    ).one_or_none()
    if row is None or not principal.may_see(row.team_id):
        raise NotFoundError(f"there is no run {run_id}; GET /api/v1/sweeps/ID/trials lists the runs of a sweep")
    ((_, run),) = _runs(session, _numbered_run(), {"run": run_id}, row.mlflow_experiment_id, mlflow_url)
    return RunDetail(
        run=RunView.model_validate(run),
        description=descriptions.of_runs(session, [run_id])[run_id],
        mlflow_tracking_url=mlflow_url,
    )


def _state_of_waiting(runs: Container[str]) -> str:
    return next((state for state in ("running", "paused") if state in runs), "queued")


def _runs(
    session: Session,
    query: Select[*tuple[Any, ...]],
    given: Mapping[str, Any],
    experiment: str | None,
    mlflow_url: str | None,
) -> list[tuple[int, dict[str, Any]]]:
    """The runs that a query finds, as `RunView` takes them, each with its trial's id."""
    address = f"{mlflow_url}/#/experiments/{experiment}/runs/" if mlflow_url and experiment else None
    runs: list[tuple[int, dict[str, Any]]] = []
    for trial_id, cause, seconds, worker, *values in session.execute(query, given):
        run = dict(zip(_OF_RUN, values[: -attempts.WIDTH], strict=True))
        if not runs or runs[-1][1]["id"] != run["id"]:
            run["attempts"] = []
            run["worker"] = worker
            run["outcome"] = cause or (run["state"] if run["state"] in _ENDED else None)
            run["mlflow_url"] = address and run["mlflow_run_id"] and address + run["mlflow_run_id"]
            runs.append((trial_id, run))
        attempt = attempts.shown(values[-attempts.WIDTH :], run["step"], seconds)
        if attempt is not None:
            runs[-1][1]["attempts"].append(attempt)
    return runs


@cache
def _above() -> Select[*tuple[Any, ...]]:
    above = Trial.sweep_id == bindparam("sweep"), Trial.number > bindparam("above")
    return query().where(*above).order_by(Trial.number).limit(bindparam("most"))


@cache
def _numbered() -> Select[*tuple[Any, ...]]:
    return query().where(Trial.sweep_id == bindparam("sweep"), Trial.number == bindparam("number"))


@cache
def _of_trials() -> Select[*tuple[Any, ...]]:
    return _query_of_runs().where(among(Run.trial_id, "ids")).order_by(Run.trial_id, Run.replicate, Attempt.number)


@cache
def _numbered_run() -> Select[*tuple[Any, ...]]:
    return _query_of_runs().where(Run.id == bindparam("run")).order_by(Attempt.number)


def _query_of_runs() -> Select[*tuple[Any, ...]]:
    shown = (getattr(Run, name) for name in _OF_RUN)
    columns = Run.trial_id, Run.cause, Run.attempt_seconds, Worker.name, *shown
    return attempts.with_attempts(select(*columns).outerjoin(Worker, Run.worker_id == Worker.id))
