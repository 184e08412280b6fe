"""The audit of dependencies: what it says of a report, and of none."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def audit() -> ModuleType:
    file = Path(__file__).parents[3] / "deploy" / "audit.py"
    spec = importlib.util.spec_from_file_location("audit", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_known_vulnerability_fails_and_is_named(audit: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    flaw = {"id": "PYSEC-2018-28", "fix_versions": ["2.20.0"], "aliases": [], "description": ""}
    report = {"dependencies": [{"name": "requests", "version": "2.19.0", "vulns": [flaw]}], "fixes": []}
    assert audit.verdict(json.dumps(report), "") == 1
    assert "requests 2.19.0: PYSEC-2018-28, fixed in 2.20.0" in capsys.readouterr().out


def test_no_vulnerability_passes_and_what_was_skipped_is_counted(
    audit: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    report = [{"name": "a", "version": "1", "vulns": []}, {"name": "b", "skip_reason": "not found"}]
    assert audit.verdict(json.dumps({"dependencies": report}), "") == 0
    assert "1 of 2 dependencies audited, 0 known" in capsys.readouterr().out


def test_without_the_advisory_service_it_passes_and_says_so(
    audit: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    assert audit.verdict("", "Traceback ...\nConnectionError: no route") == 0
    assert "not audited" in capsys.readouterr().out
