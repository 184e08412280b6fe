"""`rampline fleet` says what is missing before it reaches for a cluster."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from fleet.settings import FleetError
from rampline.cli import app


@pytest.fixture(autouse=True)
def nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RAMPLINE_WORKER_TOKEN", "RAMPLINE_WORKER_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)


def refused(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["fleet", *arguments])
    assert result.exit_code == 1
    return " ".join(result.stderr.split())


def test_a_fleet_needs_a_workers_token() -> None:
    assert "a worker needs a token" in refused()


def test_an_address_where_nobody_listens_is_told_at_once() -> None:
    pytest.importorskip("ray", reason="the extra ray is not installed: pip install 'rampline[ray]'")
    result = CliRunner().invoke(app, ["fleet", "status", "--address", "127.0.0.1:9"])
    assert isinstance(result.exception, FleetError)  # which `main` prints
    assert "no Ray cluster answers at 127.0.0.1:9" in str(result.exception)


def test_a_file_that_describes_no_node_types_is_named(tmp_path: Path) -> None:
    token, types = tmp_path / "token", tmp_path / "cluster.yaml"
    token.write_text("x")
    types.write_text("nodes: 3")
    said = refused("--token-file", str(token), "--node-types", str(types))
    assert f"--node-types {types}: it has no mapping available_node_types" in said
