"""The log for machines: a JSON object a line, with an action and the ids of what it is about."""

import ast
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from contextvars import copy_context
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from service import logs

SERVICE = Path(logs.__file__).parent
METHODS = {"debug", "info", "warning", "error", "exception", "critical", "log"}


def line(**extra: Any) -> dict[str, Any]:
    """A record with a line break in its message, as it is written."""
    record = logging.getLogger("service.some").makeRecord(
        "service.some", logging.WARNING, "file.py", 1, "%s is\naway", ("it",), None, "_look", extra
    )
    written = logs.JsonFormatter().format(record)
    assert "\n" not in written
    found: dict[str, Any] = json.loads(written)
    return found


def test_a_line_is_one_object_with_an_action() -> None:
    found = line(action="database.away", run_id=7)
    assert abs((datetime.now(UTC) - datetime.fromisoformat(found.pop("time"))).total_seconds()) < 60
    assert found == {
        "level": "warning",
        "logger": "service.some",
        "action": "database.away",
        "message": "it is\naway",
        "run_id": 7,
    }
    assert line()["action"] == "service.some.look"


def test_lines_name_the_request_and_what_it_turned_out_to_be_about() -> None:
    def serve() -> tuple[dict[str, Any], str | None]:
        logs.begin("abc")
        copy_context().run(logs.bind, worker_id=3)  # as a route does in its thread
        return line(), logs.request_id()

    found, request_id = copy_context().run(serve)
    assert (found["request_id"], found["worker_id"], request_id) == ("abc", 3, "abc")
    assert "request_id" not in line()
    assert logs.request_id() is None


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_process_writes_what_it_was_asked_to(log_format: str) -> None:
    code = (
        f"import logging; from service import logs; logs.configure({log_format!r}, 'info');"
        "logging.getLogger('a').info('hello', extra={'action': 'b.c'}); logging.getLogger('httpx').info('noise')"
    )
    written = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stderr
    if log_format == "json":
        assert json.loads(written)["action"] == "b.c"
    else:
        assert written.endswith(" INFO a: hello\n")
        assert written.count("\n") == 1


def actions(call: ast.expr) -> Iterator[bool]:
    """For a call that writes to the log: whether it says in a word for programs what happened."""
    match call:
        case ast.Call(func=ast.Attribute(value=ast.Name(id="log"), attr=method), keywords=given) if method in METHODS:
            extras = [keyword.value for keyword in given if keyword.arg == "extra"]
            keys = [key for extra in extras if isinstance(extra, ast.Dict) for key in extra.keys]
            yield any(isinstance(key, ast.Constant) and key.value == "action" for key in keys)


def test_every_line_of_the_service_has_an_action() -> None:
    found = {
        f"{file.name}:{node.lineno}": has_action
        for file in SERVICE.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.expr)
        for has_action in actions(node)
    }
    assert len(found) >= 5
    assert [where for where, has_action in found.items() if not has_action] == []
