"""What a real MLflow shows of sweeps, and that its absence holds up nothing."""

import logging
from typing import Any

import httpx
import pytest

from service.domain import sweeps, workers
from service.mirror import Mirror
from service.reconcile import Reconciler
from service.wire.protocol import RunReport
from tests.integration.harness import LEASE_SECONDS, TPE, Harness
from tests.mlflow_server import MlflowServer
from tests.tracked import Tracked, params_of, tags_of


def start_run(server: MlflowServer, experiment_id: str, run_id: int) -> str:
    """Start a run as a worker does; returns its id in MLflow."""
    tags = [{"key": "rampline.run_id", "value": str(run_id)}]
    body = {"experiment_id": experiment_id, "run_name": "x", "start_time": 0, "tags": tags}
    return str(_post(server, "runs/create", body)["run"]["info"]["run_id"])


def status_of(server: MlflowServer, experiment_id: str) -> dict[str, str]:
    """The status of every run of an experiment."""
    return {run["info"]["run_id"]: run["info"]["status"] for run in Tracked(server.url).runs(experiment_id)}


def test_a_sweep_is_an_experiment_with_one_summary_run_that_ends_with_it(
    harness: Harness, mlflow_server: MlflowServer
) -> None:
    mirror = Mirror(harness.store, mlflow_server.url, LEASE_SECONDS)
    sweep = harness.submit(TPE, trials=3, name=f"summary {id(harness)}")
    for _ in range(2):
        mirror.open_summaries()
    row = harness.sweep(sweep)
    experiment_id = Tracked(mlflow_server.url).experiment(f"red/{row.name} #{sweep}")["experiment_id"]
    assert experiment_id == row.mlflow_experiment_id
    assert status_of(mlflow_server, experiment_id) == {row.mlflow_run_id: "RUNNING"}
    harness.train(harness.worker())
    for _ in range(2):
        mirror.close_summaries()
    (summary,) = Tracked(mlflow_server.url).runs(experiment_id)
    assert summary["info"]["status"] == "FINISHED"
    metrics = {metric["key"]: metric["value"] for metric in summary["data"]["metrics"]}
    assert metrics == {"best_value": 3.0, "trials_done": 3, "runs_completed": 3, "updates_done": 60}
    tags, params = tags_of(summary), params_of(summary)
    assert (tags["rampline.kind"], tags["rampline.best_trial"]) == ("summary", "0")
    assert Tracked(mlflow_server.url).artifacts(summary["info"]["run_id"]) == {"sweep.json", "best.json", "best.py"}
    assert (params["sampler.type"], params["model.d_model"], params["trials"]) == ("tpe", "64", "3")
    assert not harness.sweep(sweep).to_track


def test_runs_that_a_gone_worker_left_open_are_closed_and_others_are_not(
    harness: Harness, mlflow_server: MlflowServer
) -> None:
    mirror = Mirror(harness.store, mlflow_server.url, LEASE_SECONDS)
    sweep = harness.submit(name=f"abandoned {id(harness)}")
    mirror.open_summaries()
    experiment = str(harness.sweep(sweep).mlflow_experiment_id)
    gone, alive = harness.worker(), harness.worker()
    left, kept = harness.claim(gone, 2), harness.claim(alive, 1)
    shown = {lease.run_id: start_run(mlflow_server, experiment, lease.run_id) for lease in left + kept}
    harness.report(gone, *(_named(lease.run_id, lease.fence, shown[lease.run_id]) for lease in left))
    _post(mlflow_server, "runs/update", {"run_id": shown[left[1].run_id], "status": "SCHEDULED"})
    with harness.store.write() as session:
        sweeps.cancel(session, harness.principal, sweep)
        workers.leave(session, gone)
    for _ in range(2):
        mirror.close_runs()
    mirror.close_summaries()
    statuses = status_of(mlflow_server, experiment)
    assert [statuses[shown[lease.run_id]] for lease in left + kept] == ["KILLED", "KILLED", "RUNNING"]
    assert statuses[str(harness.sweep(sweep).mlflow_run_id)] == "KILLED"
    assert sum(run.to_track for run in harness.runs(sweep)) == 1


def test_a_run_that_killed_its_workers_is_shown_as_quarantined(harness: Harness, mlflow_server: MlflowServer) -> None:
    mirror = Mirror(harness.store, mlflow_server.url, LEASE_SECONDS)
    space = {"schedule": ["linear"], "peak_lr": [0.01]}
    sweep = harness.submit(name=f"poison {id(harness)}", space=space)
    mirror.open_summaries()
    experiment = str(harness.sweep(sweep).mlflow_experiment_id)
    while leases := harness.claim(worker := harness.worker(), 1):
        shown, victim = start_run(mlflow_server, experiment, leases[0].run_id), worker
        harness.expire()
    with harness.store.write() as session:
        workers.leave(session, victim)
    mirror.close_runs()
    found = {run["info"]["run_id"]: run for run in Tracked(mlflow_server.url).runs(experiment)}
    assert found[shown]["info"]["status"] == "FAILED"
    assert tags_of(found[shown])["rampline.outcome"] == "quarantined"


def test_a_run_that_was_closed_by_its_worker_is_left_as_it_is(harness: Harness, mlflow_server: MlflowServer) -> None:
    mirror = Mirror(harness.store, mlflow_server.url, LEASE_SECONDS)
    sweep = harness.submit(name=f"closed {id(harness)}")
    mirror.open_summaries()
    worker = harness.worker()
    lease = harness.claim(worker, 1)[0]
    experiment = str(harness.sweep(sweep).mlflow_experiment_id)
    shown = start_run(mlflow_server, experiment, lease.run_id)
    _post(mlflow_server, "runs/update", {"run_id": shown, "status": "FAILED"})
    harness.finish(worker, [lease])
    with harness.store.write() as session:
        workers.leave(session, worker)
    mirror.close_runs()
    assert status_of(mlflow_server, experiment)[shown] == "FAILED"
    assert not harness.runs(sweep)[0].to_track


def test_a_record_that_a_lost_attempt_began_late_does_not_stand_beside_that_of_the_last_attempt(
    harness: Harness, mlflow_server: MlflowServer
) -> None:
    mirror = Mirror(harness.store, mlflow_server.url, LEASE_SECONDS)
    sweep = harness.submit(name=f"late {id(harness)}")
    mirror.open_summaries()
    experiment = str(harness.sweep(sweep).mlflow_experiment_id)
    worker = harness.worker()
    lease = harness.claim(worker, 1)[0]
    shown = start_run(mlflow_server, experiment, lease.run_id)
    harness.report(worker, _named(lease.run_id, lease.fence, shown))
    _post(mlflow_server, "runs/update", {"run_id": shown, "status": "FINISHED"})
    harness.finish(worker, [lease])
    late = start_run(mlflow_server, experiment, lease.run_id)
    with harness.store.write() as session:
        workers.leave(session, worker)
    mirror.close_runs()
    statuses = status_of(mlflow_server, experiment)
    assert (statuses.get(shown), statuses.get(late)) == ("FINISHED", None)


def test_mlflow_being_away_is_said_once_and_other_work_goes_on(
    harness: Harness, caplog: pytest.LogCaptureFixture
) -> None:
    done: list[str] = []
    mirror = Mirror(harness.store, "http://127.0.0.1:9", LEASE_SECONDS)
    reconciler = Reconciler({**mirror.steps(), "other work": lambda: done.append("done")})
    harness.submit()
    with caplog.at_level(logging.INFO, logger="service.reconcile"):
        for _ in range(3):
            reconciler.round()
    assert done == ["done"] * 3
    said = [record.message.split(",")[0] for record in caplog.records if record.name == "service.reconcile"]
    assert said == ["opening summaries in MLflow does not work"]


def _named(run_id: int, fence: int, mlflow_run_id: str) -> RunReport:
    return RunReport(run_id=run_id, fence=fence, step=1, mlflow_run_id=mlflow_run_id)


def _post(server: MlflowServer, path: str, body: dict[str, Any]) -> Any:
    return httpx.post(f"{server.url}/api/2.0/mlflow/{path}", json=body).raise_for_status().json()
