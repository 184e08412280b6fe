"""A sweep, submitted to the real product: what MLflow, the Optuna study and the service hold afterwards."""

import gzip
import json
import re
import time
from typing import Any

import httpx
import numpy as np
import optuna
import pytest
import torch

from schedules import build, scheduler
from service.wire.views import RunView, SweepView, TrialView
from tests.acceptance.running import Up, wait_for_end
from tests.tracked import Tracked, params_of, tags_of

TINY = {"d_model": 16, "n_layers": 1, "n_heads": 2, "context": 16, "norm": "post"}
SWEEP: dict[str, Any] = {
    "name": "accepted",
    "space": {
        "schedule": ["noam", "linear", {"type": "wsd", "decay_fraction": 0.5, "shape": "linear"}],
        "warmup_steps": [5, 10],
        "peak_lr": [1e-3, 1e-2],
    },
    "sampler": {"type": "grid"},
    "total_steps": 30,
    "eval_every": 10,
    "replicates": 2,
    "model": TINY,
    "data": {"batch_size": 4, "val_windows": 8},
}
TRIALS = 2 + 2 * 2 * 2  # noam has no peak_lr of its own
RUNS = 2 * TRIALS


@pytest.fixture(scope="module")
def ended(up: Up) -> SweepView:
    submitted = up.client.submit(SWEEP)
    assert submitted.progress.trials_total == TRIALS
    return wait_for_end(up.client, submitted.id)


@pytest.fixture(scope="module")
def trials(up: Up, ended: SweepView) -> list[TrialView]:
    return up.client.all_trials(ended.id)


@pytest.fixture(scope="module")
def tracked(up: Up, ended: SweepView) -> dict[str, dict[str, Any]]:
    """MLflow's runs of the sweep's experiment by their id."""
    mlflow = Tracked(up.mlflow_url)
    experiment = mlflow.experiment(f"{ended.team}/{ended.name} #{ended.id}")
    deadline = time.monotonic() + 30
    while True:
        runs = {run["info"]["run_id"]: run for run in mlflow.runs(experiment["experiment_id"])}
        if len(runs) == RUNS + 1 and all(run["info"]["status"] == "FINISHED" for run in runs.values()):
            return runs
        assert time.monotonic() < deadline, [(tags_of(run), run["info"]["status"]) for run in runs.values()]
        time.sleep(0.2)


def all_runs(trials: list[TrialView]) -> list[tuple[TrialView, RunView]]:
    return [(trial, run) for trial in trials for run in trial.runs]


def test_every_configuration_of_the_grid_is_one_completed_trial(ended: SweepView, trials: list[TrialView]) -> None:
    assert ended.state == "completed"
    assert ended.progress.runs["completed"] == RUNS
    assert ended.progress.updates_done == ended.progress.updates_total == RUNS * 30
    assert [trial.number for trial in trials] == list(range(TRIALS))
    rates = {build(trial.schedule).lrs().tobytes() for trial in trials}
    assert len(rates) == TRIALS
    assert all([run.seed for run in trial.runs] == [0, 1] for trial in trials)


def test_mlflow_holds_one_finished_flat_run_for_each_run_and_one_summary(
    trials: list[TrialView], tracked: dict[str, dict[str, Any]]
) -> None:
    kinds = [tags_of(run)["rampline.kind"] for run in tracked.values()]
    assert sorted(kinds) == ["run"] * RUNS + ["summary"]
    assert all("mlflow.parentRunId" not in tags_of(run) for run in tracked.values())
    assert {run.mlflow_run_id for _, run in all_runs(trials)} == {
        run_id for run_id, run in tracked.items() if tags_of(run)["rampline.kind"] == "run"
    }


def test_mlflow_holds_the_applied_rate_of_every_update(up: Up, trials: list[TrialView], tracked: Any) -> None:
    mlflow = Tracked(up.mlflow_url)
    for trial, run in all_runs(trials):
        assert run.mlflow_run_id is not None
        logged = mlflow.history(run.mlflow_run_id, "lr")
        assert [step for step, _ in logged] == list(range(1, 31))
        np.testing.assert_array_equal([value for _, value in logged], build(trial.schedule).lrs())


def test_the_optimizer_applied_the_rates_that_torch_would_apply(trials: list[TrialView]) -> None:
    for trial in trials:
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
        torch_scheduler = scheduler(optimizer, build(trial.schedule))
        applied = []
        for _ in range(30):
            applied.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            torch_scheduler.step()
        np.testing.assert_array_equal(applied, build(trial.schedule).lrs())


def test_mlflow_holds_losses_and_gradient_norms_of_every_update_once(
    up: Up, trials: list[TrialView], tracked: Any
) -> None:
    mlflow = Tracked(up.mlflow_url)
    for _, run in all_runs(trials):
        assert run.mlflow_run_id is not None
        for key in ("train_loss", "grad_norm"):
            logged = mlflow.history(run.mlflow_run_id, key)
            assert [step for step, _ in logged] == list(range(1, 31))
            assert all(np.isfinite(value) and value > 0 for _, value in logged)
        assert [step for step, _ in mlflow.history(run.mlflow_run_id, "val_loss")] == [0, 10, 20, 30]


def test_training_learns(up: Up, trials: list[TrialView], tracked: Any) -> None:
    mlflow = Tracked(up.mlflow_url)
    for trial, run in all_runs(trials):
        assert run.mlflow_run_id is not None
        losses = dict(mlflow.history(run.mlflow_run_id, "val_loss"))
        assert losses[30] < losses[0]
        if build(trial.schedule).peak().lr >= 1e-2:
            assert losses[30] < losses[0] - 1


def test_values_told_to_optuna_equal_those_in_mlflow_and_ours(
    up: Up, ended: SweepView, trials: list[TrialView], tracked: Any
) -> None:
    mlflow = Tracked(up.mlflow_url)
    storage = optuna.storages.RDBStorage(f"sqlite:///{up.data_dir / 'optuna.db'}")
    names = optuna.get_all_study_names(storage)
    (name,) = [name for name in names if name.endswith(f"#{ended.id}")]
    study = optuna.load_study(study_name=name, storage=storage)
    deadline = time.monotonic() + 30
    while any(trial.state.name != "COMPLETE" for trial in study.trials) or len(study.trials) < TRIALS:
        assert time.monotonic() < deadline, [trial.state for trial in study.trials]
        time.sleep(0.2)
    assert len(study.trials) == TRIALS
    for told in study.trials:
        trial = trials[told.user_attrs["trial"]]
        assert told.params["warmup_steps"] == trial.schedule["warmup_steps"]
        logged = [dict(mlflow.history(str(run.mlflow_run_id), "val_loss"))[30] for run in trial.runs]
        assert told.value == trial.value == pytest.approx(np.mean(logged), rel=1e-12)
        assert max(told.intermediate_values) == 30
    storage.remove_session()


def test_mlflow_holds_params_tags_and_the_rate_curve(up: Up, trials: list[TrialView], tracked: Any) -> None:
    mlflow = Tracked(up.mlflow_url)
    for trial, run in all_runs(trials):
        record = tracked[run.mlflow_run_id]
        params, tags = params_of(record), tags_of(record)
        assert params["schedule"] == trial.schedule["type"]
        assert params["warmup_steps"] == str(trial.schedule["warmup_steps"])
        assert params["model.norm"] == "post"
        assert params["optimizer.betas"] == "(0.9, 0.98)"
        assert params["data.corpus"] == "shakespeare"
        assert tags["rampline.trial"] == str(trial.number)
        assert tags["rampline.replicate"] == str(run.replicate)
        assert tags["rampline.outcome"] == "completed"
        assert {"lr.svg", "lr.json", "history.json.gz"} <= mlflow.artifacts(str(run.mlflow_run_id))


def test_the_kept_history_is_what_the_charts_show(up: Up, trials: list[TrialView], tracked: Any) -> None:
    run_id = str(trials[0].runs[0].mlflow_run_id)
    answer = httpx.get(
        f"{up.mlflow_url}/get-artifact", params={"run_uuid": run_id, "path": "history.json.gz"}
    ).raise_for_status()
    history = json.loads(gzip.decompress(answer.content))
    assert history["train_loss"] == [value for _, value in Tracked(up.mlflow_url).history(run_id, "train_loss")]


def test_the_best_trial_has_the_lowest_value_and_its_code_runs(
    up: Up, ended: SweepView, trials: list[TrialView]
) -> None:
    best = up.client.best(ended.id)
    values = [trial.value for trial in trials if trial.value is not None]
    assert best.trial.value == min(values) == ended.progress.best_value
    assert "from schedules import" in best.code
    compile(best.code, "winner.py", "exec")


def test_replicates_are_paired_across_trials_and_differ_within(trials: list[TrialView]) -> None:
    for trial in trials:
        first, second = (run.value for run in trial.runs)
        assert first != second
        assert trial.spread is not None
        assert trial.spread > 0


def test_the_pages_for_people_answer_and_load_nothing_from_elsewhere(up: Up) -> None:
    url = f"http://127.0.0.1:{up.port}"
    page = httpx.get(f"{url}/docs").raise_for_status().text
    assert "Rampline" in page
    sources = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert sources
    assert all(httpx.get(f"{url}{source}").is_success for source in sources if source.startswith("/"))
    assert not [source for source in sources if not source.startswith("/")]
    assert "MLflow" in httpx.get(up.mlflow_url).raise_for_status().text
