"""The client: what it says when something is wrong, and what it does not import."""

import subprocess
import sys

import httpx
import pytest

from service.client import ApiError, Client, ServiceUnreachableError
from service.wire.problem import FieldProblem, Problem


def answering(monkeypatch: pytest.MonkeyPatch, response: httpx.Response) -> Client:
    """A client whose every request gets this response."""
    monkeypatch.setattr(httpx.Client, "send", lambda *_args, **_options: response)
    return Client("http://service/", "token")


def test_a_refusal_prints_a_line_for_each_field(monkeypatch: pytest.MonkeyPatch) -> None:
    errors = [FieldProblem(field="trials", problem="it is missing", remedy="give it")]
    problem = Problem(
        type="x", title="The request is not valid", status=422, code="invalid", detail="...", errors=errors
    )
    client = answering(monkeypatch, httpx.Response(422, content=problem.model_dump_json()))
    with client, pytest.raises(ApiError) as refused:
        client.sweep(1)
    assert refused.value.problem == problem
    assert str(refused.value) == "The request is not valid\n  trials: it is missing; give it"


def test_something_that_is_not_rampline_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    client = answering(monkeypatch, httpx.Response(502, content="<html>"))
    with client, pytest.raises(ServiceUnreachableError, match=r"http://service answered 502 .* is this Rampline\?"):
        client.queue()


def test_no_answer_is_one_line() -> None:
    with (
        Client("http://127.0.0.1:9", None) as client,
        pytest.raises(ServiceUnreachableError, match="is the service running"),
    ):
        client.sweeps()


def test_the_client_imports_no_server() -> None:
    heavy = "{'sqlalchemy', 'fastapi', 'optuna', 'mlflow', 'torch', 'alembic', 'schedules'}"
    check = f"import sys, service.client; print(sorted({heavy} & set(sys.modules)))"
    shown = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


def test_the_service_does_not_import_torch_or_mlflow_when_it_starts() -> None:
    check = "import sys, service.server; print(sorted({'torch', 'mlflow', 'matplotlib', 'worker'} & set(sys.modules)))"
    shown = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
