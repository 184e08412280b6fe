"""Sweeps paused, extended and tried again while real workers train them: no number changes, no update is repeated."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from service.wire.views import SweepView
from tests.acceptance.running import Up, wait_for_end, wait_until_gone
from tests.acceptance.test_cli import answer, rampline
from tests.acceptance.test_states import SWEEP, forgotten, records
from tests.acceptance.test_up import resumed_from, runs_of
from tests.tracked import Tracked, tags_of
from tests.waiting import wait_until

TRUNK: dict[str, Any] = SWEEP | {
    "name": "trunk",
    "space": {"schedule": ["constant", {"type": "wsd", "decay_fraction": 0.2}], "peak_lr": [3e-3]},
    "total_steps": 400,
    "eval_every": 50,
}


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """A product that reports often, with one worker."""
    running = Up(
        tmp_path_factory.mktemp("lives") / "data",
        ("--workers", "1", "--lanes", "2"),
        {"RAMPLINE_REPORT_SECONDS": "0.2"},
    )
    running.start()
    yield running
    assert running.stop() == 0
    assert wait_until_gone(running.data_dir) == {}


def tags(up: Up, sweep: SweepView, kind: str) -> list[tuple[str, dict[str, str]]]:
    """The status and the tags of a sweep's MLflow runs of one kind."""
    mlflow = Tracked(up.mlflow_url)
    experiment = mlflow.experiment(f"{sweep.team}/{sweep.name} #{sweep.id}")["experiment_id"]
    shown = [(str(run["info"]["status"]), tags_of(run)) for run in mlflow.runs(experiment)]
    return [(status, tags) for status, tags in shown if tags.get("rampline.kind") == kind]


def executed(up: Up, sweep: SweepView) -> int:
    """How many updates were executed for a sweep."""
    return sum(int(own["rampline.updates_executed"]) for _, own in tags(up, sweep, "run"))


def test_a_paused_sweep_frees_its_lanes_and_goes_on_as_if_nothing_had_happened(up: Up) -> None:
    control = wait_for_end(up.client, up.client.submit(SWEEP | {"name": "control"}).id)
    wait_until(lambda: forgotten(up.data_dir / "states"))
    sweep = up.client.submit(SWEEP | {"name": "paused"})
    wait_until(lambda: all(run.step >= 200 for run in runs_of(up, sweep.id)))
    assert up.client.pause(sweep.id).state == "paused"
    wait_until(lambda: [run.state for run in runs_of(up, sweep.id)] == ["paused"] * 2)
    assert up.client.pause(sweep.id).state == "paused"
    assert [worker.runs for worker in up.client.workers()] == [[]]
    assert all(200 <= run.step < 2000 for run in runs_of(up, sweep.id))
    wait_until(lambda: {status for status, _ in tags(up, sweep, "run")} == {"SCHEDULED"})
    wait_until(lambda: [own.get("rampline.state") for _, own in tags(up, sweep, "summary")] == ["paused"])
    other = wait_for_end(up.client, up.client.submit(TRUNK | {"name": "meanwhile", "total_steps": 50}).id)
    assert other.state == "completed"
    assert up.client.sweep(sweep.id).state == "paused"

    resumed = rampline(up, "resume", str(sweep.id))
    assert f"Sweep {sweep.id} is running." in resumed.stdout, resumed
    disturbed = wait_for_end(up.client, sweep.id)
    assert records(up, disturbed) == records(up, control)
    assert executed(up, disturbed) == executed(up, control) == 4000
    for run in runs_of(up, sweep.id):
        assert [attempt.outcome for attempt in run.attempts] == ["paused", "completed"]
        assert resumed_from(up, run.id) == [0, run.attempts[0].step]
    wait_until(lambda: tags(up, sweep, "summary")[0][0] == "FINISHED")
    assert tags(up, sweep, "summary")[0][1]["rampline.state"] == "completed"


def test_a_completed_sweep_goes_on_at_a_further_length_from_where_its_trunk_was(up: Up) -> None:
    # Of another seed, since a part of the trunk may have been kept by then.
    sweep = wait_for_end(up.client, up.client.submit(TRUNK | {"seed": 7}).id)
    assert executed(up, sweep) == 400 + 80
    more = answer(rampline(up, "extend", str(sweep.id), "--total-steps", "800", "--json"))
    assert (
        more["progress"]["trials_total"] == up.client.extend(sweep.id, {"total_steps": 800}).progress.trials_total == 4
    )
    ended = wait_for_end(up.client, sweep.id)
    assert (ended.progress.trials_done, ended.progress.updates_done) == (4, 2400)
    assert executed(up, ended) == 800 + 80 + 160, "what a trie over the rates of all four has"
    wait_until(lambda: forgotten(up.data_dir / "states"))
    fresh = up.client.clone(sweep.id, {"name": "fresh", "total_steps": [800]})
    alone = {
        trial.schedule["type"]: trial.value for trial in up.client.all_trials(wait_for_end(up.client, fresh.id).id)
    }
    later = [trial for trial in up.client.all_trials(sweep.id) if trial.schedule["total_steps"] == 800]
    assert {trial.schedule["type"]: trial.value for trial in later} == alone


def test_runs_that_failed_are_tried_again_when_the_cause_is_gone(up: Up, tmp_path: Path) -> None:
    text = b"whether 'tis nobler in the mind to suffer\n" * 300
    up.client.upload_corpus("slings", text)
    kept = up.data_dir / "artifacts" / "corpora" / hashlib.sha256(text).hexdigest()
    kept.write_bytes(text[::-1])
    spec = TRUNK | {"name": "mended", "data": SWEEP["data"] | {"corpus": "upload:slings"}, "total_steps": 50}
    failed = wait_for_end(up.client, up.client.submit(spec).id)
    assert (failed.state, failed.progress.runs["failed"]) == ("failed", 2)
    assert {run.outcome for run in runs_of(up, failed.id)} == {"bad_data"}
    kept.write_bytes(text)
    assert up.client.retry(failed.id).state == "running"
    ended = wait_for_end(up.client, failed.id)
    assert (ended.state, ended.progress.runs["completed"], ended.progress.trials_done) == ("completed", 2, 2)
    assert up.client.retry(failed.id).state == "completed"
    assert {own["rampline.outcome"] for _, own in tags(up, ended, "run")} == {"completed"}


def test_a_copy_is_written_down_changed_and_submitted(up: Up, tmp_path: Path) -> None:
    sweep = up.client.submit(TRUNK | {"name": "original", "total_steps": 100_000}).id
    assert "Its priority is 4." in rampline(up, "priority", str(sweep), "4").stdout
    file = tmp_path / "copy.json"
    file.write_text(rampline(up, "clone", str(sweep), "--print").stdout)
    changes = {"name": "copy", "space.peak_lr": [0.002], "total_steps": 50}
    given = [part for name, value in changes.items() for part in ("--set", f"{name}={value}")]
    copy = answer(rampline(up, "clone", str(file), *given, "--json"))
    assert (copy["name"], copy["priority"], copy["spec"]["total_steps"]) == ("copy", 4, {"values": [50]})
    again = up.client.clone(sweep, changes)
    assert again.spec.model_dump(mode="json", by_alias=True) == copy["spec"]
    for one in (sweep, copy["id"], again.id):
        up.client.cancel(one)
    refused = rampline(up, "extend", str(sweep), "--space", "peak_lr=[0.1]")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "was cancelled, which is final" in refused.stderr
