"""The commands as a person or a script calls them, against the real product."""

import json
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.acceptance.running import RAMPLINE, Up, environment, wait_for_end
from tests.acceptance.test_first_sweep import SWEEP

EXAMPLES = Path(__file__).parents[2] / "examples"


def rampline(up: Up, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*RAMPLINE, *arguments],
        env=environment(up.data_dir),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def answer(ended: subprocess.CompletedProcess[str]) -> Any:
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def test_a_sweep_goes_from_submission_to_its_winner(up: Up, tmp_path: Path) -> None:
    file = tmp_path / "sweep.yaml"
    file.write_text(yaml.safe_dump(SWEEP | {"name": "by-hand", "replicates": 1}))
    submitted = answer(rampline(up, "submit", str(file), "--json"))
    watched = rampline(up, "watch", str(submitted["id"]))
    assert watched.returncode == 0, watched.stderr
    assert "10/10 trials" in watched.stdout
    assert "Leaderboard" in watched.stdout
    listed = answer(rampline(up, "list", "--json"))
    assert submitted["id"] in [sweep["id"] for sweep in listed["items"]]
    assert "by-hand" in rampline(up, "list").stdout
    best = rampline(up, "best", str(submitted["id"]))
    assert "from schedules import" in best.stdout
    assert answer(rampline(up, "best", str(submitted["id"]), "--json"))["trial"]["state"] == "completed"
    used = answer(rampline(up, "usage", "--by", "sweep", "--json"))
    (cost,) = (row["device_seconds"] for row in used["rows"] if row["sweep_id"] == submitted["id"])
    assert cost == pytest.approx(up.client.sweep(submitted["id"]).device_seconds)
    assert 0 < cost <= used["device_seconds"]
    assert "device-hours" in rampline(up, "usage", "--from", "2026-01-01").stdout


def test_shares_are_set_one_by_one_and_shown(up: Up) -> None:
    assert "weight 2" in rampline(up, "share", "set", "local", "--weight", "2", "--lanes", "64").stdout
    assert "at most 9 device-hours" in rampline(up, "share", "set", "local", "--hours", "9").stdout
    (share,) = answer(rampline(up, "share", "--json"))
    assert (share["team"], share["weight"], share["lanes"], share["hours"]) == ("local", 2, 64, 9)
    assert "local" in rampline(up, "share").stdout
    back = rampline(up, "share", "set", "local", "--weight", "1", "--unlimited").stdout
    assert "any number of lanes, any number of hours" in " ".join(back.split())
    refused = rampline(up, "share", "set", "nobody", "--weight", "2")
    assert refused.returncode == 1
    assert "there is no team nobody; there are local" in " ".join(refused.stderr.split())


def test_a_refused_sweep_names_every_field_and_stores_nothing(up: Up) -> None:
    before = answer(rampline(up, "list", "--json"))
    bad = SWEEP | {
        "space": {"schedule": ["cosinus"], "warmup_steps": [5], "peak_lr": [1e-3]},
        "model": {"d_model": 10, "n_heads": 3},
    }
    refused = rampline(up, "submit", "-", stdin=yaml.safe_dump(bad))
    assert refused.returncode == 1
    assert "model" in refused.stderr
    assert "n_heads" in refused.stderr
    bad["model"] = {}
    refused = rampline(up, "submit", "-", stdin=yaml.safe_dump(bad))
    assert "space.schedule.0" in refused.stderr
    assert "did you mean cosine" in refused.stderr
    assert answer(rampline(up, "list", "--json")) == before


def test_a_file_that_is_no_sweep_is_one_clear_line(up: Up, tmp_path: Path) -> None:
    for content, part in (("a: [", "not YAML"), ("- 1", "does not hold a sweep")):
        (tmp_path / "file").write_text(content)
        refused = rampline(up, "submit", str(tmp_path / "file"))
        assert refused.returncode == 1
        assert part in refused.stderr
        assert "Traceback" not in refused.stderr
    assert "cannot read" in rampline(up, "submit", str(tmp_path / "missing.yaml")).stderr


def test_without_a_service_the_error_says_how_to_start_one(up: Up, tmp_path: Path) -> None:
    ended = subprocess.run(
        [*RAMPLINE, "list"], env=environment(tmp_path), capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 1
    assert "rampline up" in ended.stderr


def test_cancel_ends_running_and_queued_runs(up: Up) -> None:
    long = SWEEP | {"name": "to-cancel", "total_steps": 1_000_000}
    submitted = up.client.submit(long)
    cancelled = rampline(up, "cancel", str(submitted.id))
    assert cancelled.returncode == 0, cancelled.stderr
    again = rampline(up, "cancel", str(submitted.id), "--json")
    assert answer(again)["state"] == "cancelled"
    view = wait_for_end(up.client, submitted.id)
    assert view.progress.runs["cancelled"] == sum(view.progress.runs.values())
    follower = up.client.submit(SWEEP | {"name": "after-cancel"})
    assert wait_for_end(up.client, follower.id).state == "completed"


@pytest.mark.parametrize("command", ["up", "demo", "serve", "worker", "submit", "watch", "list", "best", "cancel"])
def test_every_command_teaches_itself(command: str) -> None:
    ended = subprocess.run([*RAMPLINE, command, "--help"], capture_output=True, text=True, timeout=60, check=True)
    assert "Usage:" in ended.stdout
    assert "--" in ended.stdout


def test_the_shipped_example_is_accepted(up: Up) -> None:
    previewed = answer(rampline(up, "preview", str(EXAMPLES / "first-sweep.yaml"), "--json"))
    assert previewed["trials"] == 24


def test_a_rest_call_with_curl_works_as_the_readme_shows(up: Up) -> None:
    token = (up.data_dir / "tokens" / "local").read_text().strip()
    called = httpx.get(f"http://127.0.0.1:{up.port}/api/v1/sweeps", headers={"Authorization": f"Bearer {token}"})
    assert called.status_code == 200
    refused = httpx.get(f"http://127.0.0.1:{up.port}/api/v1/sweeps")
    assert refused.status_code == 401
    assert refused.headers["content-type"].startswith("application/problem+json")
