"""What is there of a sweep after its end: our rows, Optuna's study and MLflow's runs, each read from its own store."""

from dataclasses import dataclass
from typing import Any

import optuna
from sqlalchemy import select

from service.store.tables import Attempt, Run, Sweep, Trial, ValPoint
from tests.chaos.cluster import Cluster
from tests.chaos.sweeps import configuration
from tests.tracked import Tracked, tags_of

CURVES = ("lr", "train_loss", "grad_norm", "val_loss")
Curve = list[tuple[int, float]]


@dataclass(frozen=True)
class Logged:
    """An MLflow run: its status, tags, and curves."""

    id: str
    status: str
    tags: dict[str, str]
    curves: dict[str, Curve]


@dataclass(frozen=True)
class Evidence:
    """Everything that is known of one sweep."""

    sweep: Sweep
    trials: list[Trial]
    runs: list[Run]
    attempts: dict[int, list[Attempt]]
    val_points: dict[int, Curve]
    told: list[optuna.trial.FrozenTrial]
    logged: dict[int, list[Logged]]
    summaries: list[str]
    lost_steps: dict[tuple[int, int], int]

    def trial_of(self, run: Run) -> Trial:
        """The trial that a run belongs to."""
        return next(trial for trial in self.trials if trial.id == run.trial_id)

    def results(self) -> dict[str, dict[str, Any]]:
        """What each configuration came to: the same in every sweep, whatever happened to it."""
        found = {}
        for run in self.runs:
            (logged,) = self.logged[run.id]
            found[configuration(self.trial_of(run).schedule, run.seed)] = {
                "state": run.state,
                "value": run.value,
                "diverged_at": run.diverged_at,
                **{name: logged.curves[name] for name in CURVES},
            }
        return found


def collect(cluster: Cluster, sweep_id: int) -> Evidence:
    """Read everything."""
    with cluster.store.read() as session:
        sweep = session.get_one(Sweep, sweep_id)
        trials = list(session.scalars(select(Trial).where(Trial.sweep_id == sweep_id).order_by(Trial.number)))
        runs = list(session.scalars(select(Run).where(Run.sweep_id == sweep_id).order_by(Run.id)))
        ids = [run.id for run in runs]
        attempts: dict[int, list[Attempt]] = {run_id: [] for run_id in ids}
        for attempt in session.scalars(select(Attempt).where(Attempt.run_id.in_(ids)).order_by(Attempt.number)):
            attempts[attempt.run_id].append(attempt)
        points: dict[int, Curve] = {run_id: [] for run_id in ids}
        for point in session.scalars(select(ValPoint).where(ValPoint.run_id.in_(ids)).order_by(ValPoint.step)):
            points[point.run_id].append((point.step, point.value))
    mlflow = Tracked(cluster.mlflow_url)
    experiment = mlflow.experiment(f"local/{sweep.name} #{sweep_id}")["experiment_id"]
    logged: dict[int, list[Logged]] = {run_id: [] for run_id in ids}
    summaries = []
    active = {found["info"]["run_id"]: found for found in mlflow.runs(experiment)}
    curves = {name: mlflow.histories(list(active), name) for name in CURVES}
    for mlflow_id, found in active.items():
        tags, status = tags_of(found), found["info"]["status"]
        if tags["rampline.kind"] == "summary":
            summaries.append(status)
            continue
        own = {name: curves[name][mlflow_id] for name in CURVES}
        logged[int(tags["rampline.run_id"])].append(Logged(mlflow_id, status, tags, own))
    return Evidence(
        sweep=sweep,
        trials=trials,
        runs=runs,
        attempts=attempts,
        val_points=points,
        told=_told(cluster, sweep),
        logged=logged,
        summaries=summaries,
        lost_steps=_lost_steps(mlflow, experiment),
    )


def _told(cluster: Cluster, sweep: Sweep) -> list[optuna.trial.FrozenTrial]:
    url = cluster.settings.optuna.replace("postgresql://", "postgresql+psycopg://")
    storage = optuna.storages.RDBStorage(url)
    study = optuna.load_study(study_name=f"local/{sweep.name} #{sweep.id}", storage=storage)
    told = study.get_trials()
    storage.remove_session()
    storage.engine.dispose()
    return told


def _lost_steps(mlflow: Tracked, experiment: str) -> dict[tuple[int, int], int]:
    """The last update that MLflow was told of, by run and attempt, from the records of attempts that were lost."""
    steps: dict[tuple[int, int], int] = {}
    for found in mlflow.runs(experiment, view="DELETED_ONLY"):
        tags = tags_of(found)
        if "rampline.run_id" in tags:
            last = [int(metric["step"]) for metric in found["data"].get("metrics", []) if metric["key"] == "lr"]
            key = int(tags["rampline.run_id"]), int(tags["rampline.attempt"])
            steps[key] = max([steps.get(key, 0), *last])
    return steps
