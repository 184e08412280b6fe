"""What MLflow shows of sweeps: an experiment and a summary run for each, and no run left open that has ended here."""

import gc
import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from service.domain import best, descriptions, progress
from service.domain.sweeps import Glance
from service.errors import NotFoundError
from service.patience import Patience
from service.store import clock
from service.store.engine import Store
from service.store.tables import ENDED_SWEEP_STATES, Run, Sweep, Team, User, Worker

if TYPE_CHECKING:
    from service.tracking import Ending, Tracker

_BATCH = 200
# A living worker ends its own runs; after this long it has forgotten them.
_FORGOTTEN = timedelta(minutes=15)
_STATUS: dict[str, "Ending"] = {
    "completed": "FINISHED",
    "diverged": "FINISHED",
    "pruned": "FINISHED",
    "failed": "FAILED",
    "cancelled": "KILLED",
}
# An ended run's state and outcome, and its MLflow run. Another that is open for it is that of an attempt which lost it,
# begun after the last one had looked for those before it; a cancelled run's last attempt may not have told us its own.
_Ended = tuple[str, str, str | None]


class Mirror:
    """Keeps MLflow true to our rows; each step may be repeated, and raises when MLflow is away."""

    def __init__(self, store: Store, mlflow_url: str, lease_seconds: float) -> None:
        self._store = store
        self._url = mlflow_url
        self._lease = timedelta(seconds=lease_seconds)
        self._opening, self._showing, self._closing, self._abandoning = Patience(), Patience(), Patience(), Patience()

    @cached_property
    def _tracker(self) -> "Tracker":
        # Importing MLflow takes seconds, which neither the start of the service nor a request has.
        tracker: Tracker = import_module("service.tracking").Tracker(self._url)
        gc.freeze()  # as at the start of the server
        return tracker

    def open_summaries(self) -> None:
        """Make the experiment and the summary run of each new sweep."""
        self._opening.each(self._sweeps(Sweep.mlflow_run_id.is_(None)), self._open_summary)

    def show_states(self) -> None:
        """Let the summary run of each sweep that has not ended say which state it is in."""
        differing = self._sweeps(
            Sweep.mlflow_run_id.is_not(None),
            Sweep.state.not_in(ENDED_SWEEP_STATES),
            Sweep.shown_state.is_distinct_from(Sweep.state),
        )
        self._showing.each(differing, self._show_state)

    def close_summaries(self) -> None:
        """Write the outcome of each sweep that has ended, and end its summary run."""
        ended = self._sweeps(Sweep.mlflow_run_id.is_not(None), Sweep.state.in_(ENDED_SWEEP_STATES))
        self._closing.each(ended, self._close_summary)

    def close_runs(self) -> None:
        """End the MLflow runs of ended runs whose worker is gone; delete those that another attempt left beside."""
        with self._store.read() as session:
            abandoned = self._abandoned(session)
        self._abandoning.each(abandoned, lambda experiment: self._close_runs(experiment, abandoned[experiment]))

    def _sweeps(self, *conditions: Any) -> list[int]:
        query = select(Sweep.id).where(Sweep.to_track, *conditions).order_by(Sweep.id).limit(_BATCH)
        with self._store.read() as session:
            return list(session.scalars(query))

    def _open_summary(self, sweep_id: int) -> None:
        with self._store.exclusive(f"summary {sweep_id}"):
            with self._store.read() as session:
                sweep = session.get_one(Sweep, sweep_id)
                team, user = session.get_one(Team, sweep.team_id).name, session.get_one(User, sweep.user_id).name
            if sweep.mlflow_run_id is not None:
                return
            tags = {
                "rampline.sweep": str(sweep_id),
                "rampline.sweep_name": sweep.name,
                "rampline.team": team,
                "rampline.user": user,
            }
            experiment_id = self._tracker.experiment(descriptions.experiment_name(team, sweep.name, sweep_id), tags)
            run_id = self._tracker.start_summary(experiment_id, sweep_id, user=user, tags=tags, spec=sweep.spec)
            with self._store.write() as session:
                sweep = session.get_one(Sweep, sweep_id)
                sweep.mlflow_experiment_id, sweep.mlflow_run_id = experiment_id, run_id

    def _show_state(self, sweep_id: int) -> None:
        with self._store.exclusive(f"summary {sweep_id}"):
            with self._store.read() as session:
                sweep = session.get_one(Sweep, sweep_id)
            if sweep.state in ENDED_SWEEP_STATES:
                return
            assert sweep.mlflow_run_id is not None
            waits = sweep.state == "paused"
            spec = sweep.spec if sweep.submitted is not None else None
            self._tracker.show_state(sweep.mlflow_run_id, sweep.state, waits=waits, spec=spec)
            with self._store.write() as session:
                session.execute(update(Sweep).where(Sweep.id == sweep_id).values(shown_state=sweep.state))

    def _close_summary(self, sweep_id: int) -> None:
        with self._store.exclusive(f"summary {sweep_id}"):
            with self._store.read() as session:
                sweep = session.get_one(Sweep, sweep_id)
                if not sweep.to_track or sweep.finished_at is None:  # it has been taken up again
                    return
                metrics, tags, files = _outcome(session, sweep)
            assert sweep.mlflow_run_id is not None
            at_ms = round(sweep.finished_at.timestamp() * 1000)
            self._tracker.end_summary(
                sweep.mlflow_run_id, _STATUS[sweep.state], at_ms=at_ms, metrics=metrics, tags=tags, files=files
            )
            with self._store.write() as session:
                shown = (Sweep.id == sweep_id, Sweep.finished_at == sweep.finished_at)
                session.execute(update(Sweep).where(*shown).values(to_track=False, shown_state=sweep.state))

    def _close_runs(self, experiment_id: str, ended: Mapping[int, _Ended]) -> None:
        # Another server process that ended them meanwhile has left nothing open.
        with self._store.exclusive(f"runs of experiment {experiment_id}"):
            still_open = self._tracker.open_runs(experiment_id)
            for run_id, (state, outcome, own) in ended.items():
                for mlflow_run_id in still_open.get(run_id, []):
                    if own is None or own == mlflow_run_id or state == "cancelled":
                        self._tracker.end_run(mlflow_run_id, _STATUS[state], outcome)
                    else:
                        self._tracker.delete_run(mlflow_run_id)
            with self._store.write() as session:
                session.execute(update(Run).where(Run.id.in_(ended)).values(to_track=False))

    def _abandoned(self, session: Session) -> dict[str, dict[int, _Ended]]:
        """Ended runs that MLflow may still show as running, by experiment and id."""
        now = clock.now(session)
        gone = or_(
            Run.worker_id.is_(None),
            Worker.left_at.is_not(None),
            Worker.last_seen_at < now - self._lease,
            Run.ended_at < now - _FORGOTTEN,
        )
        rows = session.execute(
            select(Run.id, Run.state, Run.cause, Run.mlflow_run_id, Sweep.mlflow_experiment_id)
            .join(Sweep, Run.sweep_id == Sweep.id)
            .outerjoin(Worker, Run.worker_id == Worker.id)
            .where(Run.to_track, gone, Sweep.mlflow_experiment_id.is_not(None))
            .order_by(Run.ended_at)
            .limit(_BATCH)
        )
        found: dict[str, dict[int, _Ended]] = {}
        for run_id, state, cause, own, experiment_id in rows:
            found.setdefault(str(experiment_id), {})[run_id] = state, cause or state, own
        return found

    def steps(self) -> dict[str, Callable[[], None]]:
        """What the reconciler does, by what to say when it does not work."""
        return {
            "opening summaries in MLflow": self.open_summaries,
            "showing states in MLflow": self.show_states,
            "closing runs in MLflow": self.close_runs,
            "closing summaries in MLflow": self.close_summaries,
        }


def _outcome(session: Session, sweep: Sweep) -> tuple[dict[str, float], dict[str, str], dict[str, str]]:
    """A sweep's end as metrics, tags and files of its summary run."""
    counted = progress.of_sweeps(session, [sweep])[sweep.id]
    metrics: dict[str, float] = {f"runs_{state}": count for state, count in counted.runs.items() if count}
    metrics |= {"trials_done": counted.trials_done, "updates_done": counted.updates_done}
    tags = {"rampline.outcome": sweep.state, "rampline.state": sweep.state}
    try:
        winner = best.best(session, Glance.at(sweep), None)
    except NotFoundError:
        return metrics, tags, {}
    assert winner.trial.value is not None
    metrics["best_value"] = winner.trial.value
    tags["rampline.best_trial"] = str(winner.trial.number)
    shown = winner.trial.model_dump(mode="json", include={"number", "schedule", "optimizer", "value", "spread"})
    shown["ties"] = [tie.number for tie in winner.ties]
    return metrics, tags, {"best.json": json.dumps(shown, indent=2), "best.py": winner.code}
