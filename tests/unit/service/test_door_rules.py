"""The list of what passes the door, against what the installed MLflow answers to."""

import subprocess
import sys
from pathlib import Path

import pytest

from service.door.rules import RULES, rule_of

ROOT = Path(__file__).parents[3]
# What has been looked at and stays an admin's: it changes or shows what no team owns, or what Rampline does not use.
CLOSED = frozenset(Path(__file__).with_name("closed_calls.txt").read_text().splitlines())


@pytest.fixture(scope="module")
def answered() -> set[str]:
    command = [sys.executable, "-W", "ignore", "-m", "tests.mlflow_calls"]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return set(printed.splitlines())


def test_every_call_of_mlflow_is_open_by_a_rule_or_known_to_be_closed(answered: set[str]) -> None:
    assert answered - set(RULES) - CLOSED == set(), "new in this MLflow: add a rule, or a line to closed_calls.txt"
    assert CLOSED - answered == set(), "gone from this MLflow"
    assert set(RULES) - answered == set(), "a rule for what this MLflow does not answer to"


def test_what_is_closed_has_no_rule_under_any_of_its_names() -> None:
    assert len(CLOSED) > 200
    for call in CLOSED:
        method, path = call.split(" ")
        for shown in (path, "/ajax-api/" + path.removeprefix("/api/") if path.startswith("/api/") else path):
            assert rule_of(method, shown.replace("*", "1")) is None, call


def test_no_rule_lets_a_viewer_change_anything() -> None:
    reading = {"search", "search-datasets", "ui-telemetry", "graphql"}
    for call, rule in RULES.items():
        method, path = call.split(" ")
        if "viewer" in rule.roles and method != "GET":
            assert path.rpartition("/")[2] in reading, call


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/static-files/"),
        ("GET", "/static-files"),
        ("POST", "/"),
        ("GET", "/graphql"),
        ("GET", "/api/2.0/mlflow-artifacts/artifacts/"),
        ("DELETE", "/api/2.0/mlflow-artifacts/artifacts/1/x"),
        ("GET", "/api/2.0/mlflow/experiments/get/"),
        ("GET", "/ajax-api/ajax-api/2.0/mlflow/experiments/get"),
        ("get", "/"),
        ("PROPFIND", "/"),
    ],
)
def test_what_only_resembles_a_listed_call_is_not_listed(method: str, path: str) -> None:
    assert rule_of(method, path) is None
