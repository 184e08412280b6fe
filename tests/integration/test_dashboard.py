"""The Optuna dashboard, a process of its own on our storage, shows our studies as our rows say they are."""

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.store.tables import Run, Trial, ValPoint
from tests.acceptance.running import free_port
from tests.integration.conftest import Database
from tests.integration.harness import Harness
from tests.integration.test_pruning import LINEAR, PHASE, pruned, told
from tests.waiting import wait_until

CONDITIONAL = ["cosine", {"type": "wsd", "decay_fraction": {"low": 0.1, "high": 0.5}}]


@pytest.fixture
def dashboard(database: Database) -> Iterator[httpx.Client]:
    """The dashboard's API."""
    port = free_port()
    url = database.optuna_url.replace("postgresql://", "postgresql+psycopg://")
    command = [str(Path(sys.executable).with_name("optuna-dashboard")), url, "--host", "127.0.0.1", "--quiet"]
    with (
        subprocess.Popen(
            [*command, "--port", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process,
        httpx.Client(base_url=f"http://127.0.0.1:{port}/api") as client,
    ):
        try:
            wait_until(lambda: _answers(client, process))
            yield client
        finally:
            process.kill()
            process.wait()


def _answers(client: httpx.Client, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None, "the dashboard has ended"
    try:
        return client.get("/meta").is_success
    except httpx.TransportError:
        return False


def shown(client: httpx.Client, name: str) -> dict[str, Any]:
    """What the dashboard's page of a study is made of."""
    (study,) = [
        one for one in client.get("/studies").raise_for_status().json()["study_summaries"] if one["study_name"] == name
    ]
    detail: dict[str, Any] = client.get(f"/studies/{study['study_id']}").raise_for_status().json()
    return detail


def rows(harness: Harness, sweep: int) -> dict[int, tuple[str, float | None, dict[str, Any], dict[int, float]]]:
    """State, value, parameters and losses of a sweep's trials of one replicate, by number."""
    found = {}
    with harness.store.read() as session:
        for trial in session.query(Trial).where(Trial.sweep_id == sweep):
            points = session.query(ValPoint).join(Run, Run.id == ValPoint.run_id).where(Run.trial_id == trial.id)
            losses = {point.step: point.value for point in points}
            found[trial.number] = (trial.state, trial.value, trial.params, losses)
    return found


def test_states_values_parameters_and_losses_are_those_of_our_rows(harness: Harness, dashboard: httpx.Client) -> None:
    grid = harness.submit(name="pruned", space=LINEAR, pruner=PHASE)
    sampled = harness.submit(
        name="sampled",
        space={"schedule": CONDITIONAL, "warmup_steps": [2, 4], "peak_lr": {"low": 0.001, "high": 0.1, "log": True}},
        sampler={"type": "tpe"},
        trials=6,
    )
    worker = harness.worker()
    leases = harness.claim(worker, 12)
    of_grid = [one for one in leases if one.sweep_id == grid]
    harness.report(worker, told(of_grid[0], 10, 9.0, pruned(9.0)))
    harness.finish(worker, of_grid[1:])
    of_sampled = [one for one in leases if one.sweep_id == sampled]
    assert (len(of_grid), len(of_sampled)) == (6, 6)
    harness.finish(worker, of_sampled[1:])
    for sweep in (grid, sampled):
        harness.sampling.tell(sweep)
    for name, sweep in (("pruned", grid), ("sampled", sampled)):
        ours, detail = rows(harness, sweep), shown(dashboard, f"red/{name} #{sweep}")
        assert detail["name"] == f"red/{name} #{sweep}"
        assert detail["directions"] == ["minimize"]
        states = Counter(trial["state"] for trial in detail["trials"])
        names = {"completed": "Complete", "pruned": "Pruned", "queued": "Running"}
        assert states == Counter(names[state] for state, *_ in ours.values())
        best = min((value, number) for number, (state, value, *_) in ours.items() if state == "completed" and value)
        assert [one["values"] for one in detail["best_trials"]] == [[best[0]]]
        for trial in detail["trials"]:
            number = next((int(one["value"]) for one in trial["user_attrs"] if one["key"] == "trial"), trial["number"])
            _, value, point, losses = ours[number]
            parameters = {one["name"]: one["param_external_value"] for one in trial["params"]}
            assert parameters == {name: str(one) for name, one in point.items()}
            if trial["state"] != "Running":
                assert trial["values"] == [value]
                assert {one["step"]: one["value"] for one in trial["intermediate_values"]} == losses
