"""`rampline lint` and `rampline schedule`: looking at sweeps and schedules without a service."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[3] / "examples"


def rampline(*arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "rampline", *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=60, check=False)


def test_a_schedule_is_drawn_in_the_terminal_and_to_files(tmp_path: Path) -> None:
    for ending, start in ((".png", b"\x89PNG"), (".svg", b"<?xml")):
        file = tmp_path / f"curve{ending}"
        options = ["--type", "cosine", "--peak", "3e-3", "--warmup", "100", "--steps", "1000", "--out", str(file)]
        drawn = rampline("schedule", "preview", *options)
        assert drawn.returncode == 0, drawn.stderr
        assert "cosine: peak 0.003 at update 100, warmup 100" in drawn.stdout
        assert file.read_bytes().startswith(start)


def test_a_familys_own_parameters_are_given_by_name() -> None:
    drawn = rampline("schedule", "preview", "--type", "wsd", "--peak", "3e-3", "--steps", "100", "shape=linear")
    assert "wsd: peak 0.003 at update 1" in drawn.stdout


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["--type", "cosinus", "--steps", "10"], ["cosinus", "cosine"]),
        (["--type", "cosine", "--steps", "10", "--peak", "1e-3", "--warmup", "11"], ["warmup_steps", "at most 10"]),
        (["--type", "cosine", "--steps", "10", "--peak", "1e-3", "x"], ["name=value"]),
        (["--type", "cosine", "--steps", "10", "--peak", "1e-3", "--out", "x.gif"], [".png or .svg"]),
    ],
)
def test_what_cannot_be_drawn_is_one_clear_line(arguments: list[str], parts: list[str]) -> None:
    refused = rampline("schedule", "preview", *arguments)
    assert refused.returncode == 1
    assert len(refused.stderr.strip().splitlines()) == 1, refused.stderr
    for part in parts:
        assert part in refused.stderr


def test_the_families_are_listed_with_their_parameters() -> None:
    listed = rampline("schedule", "families").stdout
    for part in ("noam", "d_model", "wsd", "decay_fraction", "one_cycle"):
        assert part in listed


def test_a_sweep_is_linted_without_a_service() -> None:
    linted = rampline("lint", str(EXAMPLES / "first-sweep.yaml"), "--json")
    assert linted.returncode == 0, linted.stderr
    assert {remark["severity"] for remark in json.loads(linted.stdout)} == {"warning"}
    shown = rampline("lint", str(EXAMPLES / "own-parameters.yaml"))
    assert (shown.returncode, shown.stdout.splitlines()[-1]) == (0, "32 trials, 32 runs, 9600 updates")
    broken = "{total_steps: 10, trials: 2, space: {schedule: [cosine], warmup_steps: 20, peak_lr: 1.0e-3}}"
    linted = rampline("lint", "-", stdin=broken)
    assert linted.returncode == 1
    assert "warmup_steps" in linted.stdout


def test_a_schedule_and_a_list_of_schedules_are_linted() -> None:
    good = {"type": "linear", "total_steps": 100, "warmup_steps": 10, "peak_lr": 1e-3}
    linted = rampline("lint", "-", stdin=json.dumps(good))
    assert (linted.returncode, linted.stdout.strip()) == (0, "Nothing to remark.")
    twice = json.loads(rampline("lint", "-", "--json", stdin=json.dumps([good, good])).stdout)
    assert [remark["code"] for remark in twice] == ["duplicate-curve"]
    bad = rampline("lint", "-", "--json", stdin=json.dumps(good | {"warmup_steps": 101}))
    assert bad.returncode == 1
    assert json.loads(bad.stdout)[0]["code"] == "warmup-too-long"


def test_a_file_that_is_neither_is_one_clear_line(tmp_path: Path) -> None:
    for text in ("just words", "a: ["):
        refused = rampline("lint", "-", stdin=text)
        assert refused.returncode == 1
        assert "Traceback" not in refused.stderr
        assert refused.stderr.startswith("error: ")
