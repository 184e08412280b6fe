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


class MlflowApi:
    """MLflow's REST interface, without its client."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=f"{url}/api/2.0/mlflow", timeout=30)

    def post(self, path: str, **body: Any) -> Any:
        """Call it."""
        response = self._http.post(path, json=body)
        response.raise_for_status()
        return response.json()

    def run(self, run_id: str) -> Any:
        """One run."""
        return self._http.get("runs/get", params={"run_id": run_id}).raise_for_status().json()["run"]

    def experiment(self, experiment_id: str) -> Any:
        """One experiment."""
        found = self._http.get("experiments/get", params={"experiment_id": experiment_id})
        return found.raise_for_status().json()["experiment"]

    def start(self, experiment_id: str, run_id: int) -> str:
        """Start a run as a worker does."""
        tags = [{"key": "rampline.run_id", "value": str(run_id)}]
        made = self.post("runs/create", experiment_id=experiment_id, run_name="x", start_time=0, tags=tags)
        return str(made["run"]["info"]["run_id"])

    def close(self) -> None:
        """Close the connections."""
        self._http.close()


@pytest.fixture
def api(mlflow_url: str) -> Any:
    opened = MlflowApi(mlflow_url)
    yield opened
    opened.close()


def test_a_sweep_is_an_experiment_with_one_summary_run_that_ends_with_it(
    harness: Harness, mlflow_url: str, api: MlflowApi
) -> None:
    mirror = Mirror(harness.store, mlflow_url, LEASE_SECONDS)
    sweep = harness.submit(TPE, trials=3, name=f"summary {id(harness)}")
    for _ in range(2):
        mirror.open_summaries()
    row = harness.sweep(sweep)
    assert row.mlflow_experiment_id is not None
    assert row.mlflow_run_id is not None
    assert api.experiment(row.mlflow_experiment_id)["name"] == f"red/{row.name} #{sweep}"
    assert api.run(row.mlflow_run_id)["info"]["status"] == "RUNNING"
    harness.train(harness.worker())
    for _ in range(2):
        mirror.close_summaries()
    found = api.post("runs/search", experiment_ids=[row.mlflow_experiment_id])["runs"]
    assert len(found) == 1
    summary = found[0]
    assert summary["info"]["status"] == "FINISHED"
    metrics = {metric["key"]: metric["value"] for metric in summary["data"]["metrics"]}
    assert metrics == {"best_value": 3.0, "trials_done": 3, "runs_completed": 3, "updates_done": 60}
    tags = {tag["key"]: tag["value"] for tag in summary["data"]["tags"]}
    assert tags["rampline.kind"] == "summary"
    assert tags["rampline.best_trial"] == "0"
    params = {param["key"]: param["value"] for param in summary["data"]["params"]}
    assert (params["sampler.type"], params["model.d_model"], params["trials"]) == ("tpe", "64", "3")
    assert not harness.sweep(sweep).to_track


def test_runs_that_a_gone_worker_left_open_are_closed_and_others_are_not(
    harness: Harness, mlflow_url: str, api: MlflowApi
) -> None:
    mirror = Mirror(harness.store, mlflow_url, LEASE_SECONDS)
    sweep = harness.submit(name=f"abandoned {id(harness)}")
    mirror.open_summaries()
    experiment = str(harness.sweep(sweep).mlflow_experiment_id)
    gone, alive = harness.worker(), harness.worker()
    left, kept = harness.claim(gone, 2), harness.claim(alive, 1)
    shown = {lease.run_id: api.start(experiment, lease.run_id) for lease in left + kept}
    harness.report(gone, *(_named(lease.run_id, lease.fence, shown[lease.run_id]) for lease in left))
    api.post("runs/update", run_id=shown[left[1].run_id], status="SCHEDULED")
    with harness.store.write() as session:
        sweeps.cancel(session, harness.principal, sweep)
        workers.leave(session, gone)
    for _ in range(2):
        mirror.close_runs()
    statuses = [api.run(shown[lease.run_id])["info"]["status"] for lease in left + kept]
    assert statuses == ["KILLED", "KILLED", "RUNNING"]
    assert sum(run.to_track for run in harness.runs(sweep)) == 1
    mirror.close_summaries()
    summary = str(harness.sweep(sweep).mlflow_run_id)
    assert api.run(summary)["info"]["status"] == "KILLED"


def test_a_run_that_was_closed_by_its_worker_is_left_as_it_is(
    harness: Harness, mlflow_url: str, api: MlflowApi
) -> None:
    mirror = Mirror(harness.store, mlflow_url, LEASE_SECONDS)
    sweep = harness.submit(name=f"closed {id(harness)}")
    mirror.open_summaries()
    worker = harness.worker()
    lease = harness.claim(worker, 1)[0]
    shown = api.start(str(harness.sweep(sweep).mlflow_experiment_id), lease.run_id)
    api.post("runs/update", run_id=shown, status="FINISHED", end_time=123)
    harness.finish(worker, [lease])
    with harness.store.write() as session:
        workers.leave(session, worker)
    mirror.close_runs()
    assert (api.run(shown)["info"]["status"], api.run(shown)["info"]["end_time"]) == ("FINISHED", 123)
    assert not harness.runs(sweep)[0].to_track


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
    assert [record.message.split(",")[0] for record in caplog.records] == ["opening summaries in MLflow does not work"]


def _named(run_id: int, fence: int, mlflow_run_id: str) -> RunReport:
    return RunReport(run_id=run_id, fence=fence, step=1, mlflow_run_id=mlflow_run_id)
