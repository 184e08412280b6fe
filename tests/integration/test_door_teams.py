"""Teams at the door of a real MLflow: each sees its own sweeps, and cannot tell those of others from none."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from mlflow.entities import Metric
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from service.door.rules import FILES, RULES, Rule
from service.store.tables import Sweep
from tests.integration.behind import SECONDS
from tests.integration.conftest import Database
from tests.integration.harness import GRID
from tests.integration.serving import TOKENS, Serving, running
from tests.integration.test_worker_tracking import UPDATES, lease, stretch
from tests.mlflow_server import MlflowServer
from tests.tracked import Tracked
from tests.waiting import wait_until
from worker.bell import Bell
from worker.history import History
from worker.tracking import Ending, Tracker, recorded_history

NOBODYS = "99999"
GET_RUN = "query GetRun($data: MlflowGetRunInput!) { mlflowGetRun(input: $data) { run { info { runUuid } } } }"


@dataclass(frozen=True)
class Tracking:
    """Where a team's sweep is in MLflow."""

    name: str
    experiment: str
    run: str


@pytest.fixture
def backend() -> str:
    return "sqlite"


@pytest.fixture
def door(database: Database, tmp_path: Path, mlflow_server: MlflowServer) -> Iterator[Serving]:
    settings: dict[str, Any] = {"mlflow_url": mlflow_server.url, "mlflow_door": True}
    with running(database.url, database.optuna_url, tmp_path, **settings) as server:
        yield server


def submitted(door: Serving, role: str) -> Tracking:
    """A sweep of this role's team, once MLflow has it."""
    sweep = door[role].submit(GRID | {"name": f"seen by {role} {id(door)}"}).id

    def row() -> Sweep:
        with door.parts.store.read() as session:
            return session.get_one(Sweep, sweep)

    wait_until(lambda: row().mlflow_run_id is not None)
    found = row()
    team = "blue" if role == "stranger" else "red"
    return Tracking(f"{team}/{found.name} #{sweep}", str(found.mlflow_experiment_id), str(found.mlflow_run_id))


@pytest.fixture
def red(door: Serving) -> Tracking:
    return submitted(door, "member")


@pytest.fixture
def blue(door: Serving) -> Tracking:
    return submitted(door, "stranger")


def ask(door: Serving, role: str, call: str, rule: Rule, tracking: Tracking) -> httpx.Response:
    """Make a listed call that names an experiment, a run or a file."""
    method, path = call.split(" ")
    named: dict[str, dict[str, Any]] = {
        "experiments": {"experiment_id": tracking.experiment, "experiment_ids": [tracking.experiment]},
        "runs": {"run_id": tracking.run, "run_uuid": tracking.run, "run_ids": [tracking.run]},
        "files": {"path": f"{tracking.experiment}/{tracking.run}/artifacts"},
        "found": {"experiment_name": tracking.name} if path.endswith("by-name") else {"max_results": "1000"},
        "graphql": {"query": GET_RUN, "variables": {"data": {"runId": tracking.run}}},
    }
    fields = named.get(rule.held, {})
    if rule.held == "experiments":
        del fields["experiment_ids" if "/experiments/" in path and "search" not in path else "experiment_id"]
    if rule.fields is not None:
        fields = {name: value for name, value in fields.items() if name in rule.fields}
    if path.endswith("set-experiment-tag"):
        fields |= {"key": "note", "value": "x"}
    if rule.held == "runs" and rule.fields is None:
        fields |= {"metric_key": "x", "key": "note", "value": "x", "path": "sweep.json"}
        if path.endswith("artifacts/list"):
            del fields["path"]
    path = path.replace("*", f"{tracking.experiment}/{tracking.run}/artifacts/sweep.json")
    sent: dict[str, Any] = {"params": fields} if method == "GET" else {"json": fields}
    if path.startswith(FILES):
        sent = {}
    if path.startswith("/api/"):  # as the pages call it; some calls have no other name
        path = "/ajax-api/" + path.removeprefix("/api/")
    headers = {"Authorization": f"Bearer {TOKENS[role]}"}
    return httpx.request(method, f"{door.url}/mlflow{path}", headers=headers, timeout=SECONDS, **sent)


def refused(answer: httpx.Response) -> bool:
    """Whether it was the door that refused, and not MLflow behind it."""
    return answer.headers["content-type"] == "application/problem+json"


OF_TEAMS = {call: rule for call, rule in RULES.items() if "viewer" in rule.roles or "member" in rule.roles}


def test_each_call_shows_a_team_its_own_and_of_others_no_more_than_that_they_are_not_there(
    door: Serving, red: Tracking, blue: Tracking, mlflow_server: MlflowServer
) -> None:
    nobodys = Tracking("red/none", NOBODYS, "0" * 32)
    for call, rule in OF_TEAMS.items():
        if rule.held in ("open", "none") or call.endswith("/experiments/search"):
            continue
        own = ask(door, "member", call, rule, red)
        assert not refused(own), f"{call}: {own.text}"
        assert own.status_code == 200, f"{call}: {own.text}"
        theirs, none = (ask(door, "member", call, rule, one) for one in (blue, nobodys))
        assert refused(theirs), f"{call}: {theirs.text}"
        assert (theirs.status_code, theirs.json()["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST"), call
        if call.endswith("by-name"):
            assert none.status_code == 404
            continue
        said = [
            answer.json()["detail"].replace(one.run, "").replace(one.experiment, "")
            for answer, one in ((theirs, blue), (none, nobodys))
        ]
        assert said[0] == said[1], call
        assert not refused(ask(door, "stranger", call, rule, blue)), call
        assert not refused(ask(door, "admin", call, rule, blue)), call


def test_a_viewer_changes_nothing_and_a_member_only_remarks(door: Serving, red: Tracking) -> None:
    for call, rule in RULES.items():
        answer = ask(door, "viewer", call, rule, red)
        assert (answer.status_code == 403) == ("viewer" not in rule.roles), f"{call}: {answer.text}"
        if "delete" not in call:
            answer = ask(door, "worker", call, rule, red)
            assert (answer.status_code == 403) == ("worker" not in rule.roles), f"{call}: {answer.text}"
    runs = f"{door.url}/mlflow/api/2.0/mlflow/runs"
    headers = {"Authorization": f"Bearer {TOKENS['member']}"}
    for path, fields in (
        ("set-tag", {"key": "rampline.outcome", "value": "x"}),
        ("delete-tag", {"key": "rampline.kind"}),
        ("update", {"status": "FAILED"}),
        ("update", {"run_name": "x", "end_time": 1}),
    ):
        answer = httpx.post(f"{runs}/{path}", json={"run_id": red.run, **fields}, headers=headers)
        assert (answer.status_code, answer.json()["error_code"]) == (422, "INVALID_PARAMETER_VALUE")
    for path, fields in (("set-tag", {"key": "mlflow.note.content", "value": "x"}), ("update", {"run_name": "best"})):
        assert httpx.post(f"{runs}/{path}", json={"run_id": red.run, **fields}, headers=headers).status_code == 200


def test_one_foreign_id_among_own_ones_refuses_the_whole_call(door: Serving, red: Tracking, blue: Tracking) -> None:
    http = httpx.Client(
        base_url=f"{door.url}/mlflow/ajax-api/2.0/mlflow", headers={"Authorization": f"Bearer {TOKENS['member']}"}
    )
    both = [red.experiment, blue.experiment]
    with http:
        assert http.post("/runs/search", json={"experiment_ids": [red.experiment]}).status_code == 200
        assert http.post("/runs/search", json={"experiment_ids": both}).status_code == 404
        assert http.post("/runs/search", json={}).status_code == 422
        assert (
            http.post(f"/runs/search?experiment_ids={red.experiment}", json={"experiment_ids": both}).status_code == 400
        )
        runs = {"run_id": [red.run, blue.run], "metric_key": "x"}
        assert http.get("/metrics/get-history-bulk", params=runs).status_code == 404
        mixed = {"run_id": red.run, "run_uuid": blue.run}
        assert http.get("/runs/get", params=mixed).status_code == 404
        files = f"{door.url}/mlflow/api/2.0/mlflow-artifacts/artifacts"
        path = f"{blue.experiment}/{blue.run}/artifacts"
        assert http.get(files, params={"path": [f"{red.experiment}/x", path]}).status_code == 400
        assert http.get(files).status_code == 404


def test_a_search_for_experiments_finds_those_of_the_team(
    door: Serving, red: Tracking, blue: Tracking, mlflow_server: MlflowServer
) -> None:
    everything = MlflowClient(mlflow_server.url).search_experiments()
    assert {red.experiment, blue.experiment, "0"} <= {one.experiment_id for one in everything}
    url = f"{door.url}/mlflow/ajax-api/2.0/mlflow/experiments/search"
    for role, own in (("viewer", red), ("stranger", blue)):
        headers = {"Authorization": f"Bearer {TOKENS[role]}"}
        for answer in (
            httpx.get(url, params={"max_results": "1000"}, headers=headers),
            httpx.post(url, json={"max_results": 1000}, headers=headers),
            httpx.post(url, json={"max_results": 1000, "filter": f"name LIKE '%{id(door)}%'"}, headers=headers),
            # A page is filled with the team's own, however many there are of others.
            httpx.get(url, params={"max_results": "1", "order_by": "creation_time DESC"}, headers=headers),
        ):
            assert [one["experiment_id"] for one in answer.json()["experiments"]] == [own.experiment], answer.text
        evil = httpx.post(url, json={"max_results": 1000, "filter": "name LIKE '%' --"}, headers=headers)
        assert {one["experiment_id"] for one in evil.json().get("experiments", [])} <= {own.experiment}
    admin = httpx.get(url, params={"max_results": "1000"}, headers={"Authorization": f"Bearer {TOKENS['admin']}"})
    assert {red.experiment, blue.experiment, "0"} <= {one["experiment_id"] for one in admin.json()["experiments"]}


def test_a_worker_keeps_its_records_through_the_door_and_its_owner_reads_them(
    door: Serving, mlflow_server: MlflowServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "")  # the worker sets it; what was there comes back afterwards
    url = f"{door.url}/mlflow"
    tracker = Tracker(
        url,
        token=TOKENS["worker"],
        worker="w",
        device="cpu",
        bell=Bell(),
        directory=tmp_path / "spool",
        flush_seconds=0.1,
    )
    try:
        created: list[str] = []
        for attempt in (1, 2):  # the second deletes what the first left
            tracker.start(lease(run_id=777_000, attempt=attempt), created.append)
            history = History(total_steps=UPDATES)
            tracker.add(777_000, history.add_updates(stretch(1, UPDATES)))
            wait_until(partial(_has, created, attempt))
        closed: list[bool] = []
        ending = Ending(status="FINISHED", outcome="completed", history=history, on_closed=lambda: closed.append(True))
        tracker.finish(777_000, ending)
        wait_until(lambda: bool(closed))
    finally:
        tracker.close(10)
    assert not tracker.away
    mlflow = Tracked(mlflow_server.url)
    assert len(mlflow.history(created[1], "train_loss")) == UPDATES
    assert "history.json.gz" in mlflow.artifacts(created[1])
    assert recorded_history(url, created[1], TOKENS["admin"])


def test_mlflows_own_client_shows_a_member_the_team(
    door: Serving,
    red: Tracking,
    blue: Tracking,
    mlflow_server: MlflowServer,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    MlflowClient(mlflow_server.url).log_batch(red.run, metrics=[Metric("lr", 0.1, 1, 1)])
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", TOKENS["viewer"])
    client = MlflowClient(f"{door.url}/mlflow")
    assert [one.experiment_id for one in client.search_experiments()] == [red.experiment]
    assert [run.info.run_id for run in client.search_runs([red.experiment])] == [red.run]
    assert [point.value for point in client.get_metric_history(red.run, "lr")] == [0.1]
    assert json.loads(Path(client.download_artifacts(red.run, "sweep.json", str(tmp_path))).read_text())["name"]
    refusals = [
        partial(client.get_run, blue.run),
        partial(client.set_tag, red.run, "x", "y"),
        partial(client.log_metric, red.run, "lr", 0.2),
        partial(client.delete_experiment, red.experiment),
    ]
    for refused_call in refusals:
        with pytest.raises(MlflowException, match=r"RESOURCE_DOES_NOT_EXIST|PERMISSION_DENIED"):
            refused_call()


def _has(items: list[str], count: int) -> bool:
    return len(items) == count
