"""The door as a proxy: what reaches the server behind it, what comes back, and that both stream."""

import resource
import socket
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.door.rules import FILES
from tests.integration.behind import SECONDS, Behind, behind
from tests.integration.conftest import Database
from tests.integration.serving import TOKENS, Serving, running

FILE = f"/mlflow{FILES}1/0f/artifacts/big"


@pytest.fixture
def backend() -> str:
    return "sqlite"


@pytest.fixture
def mlflow() -> Iterator[Behind]:
    with behind() as server:
        yield server


@pytest.fixture
def door(database: Database, tmp_path: Path, mlflow: Behind) -> Iterator[Serving]:
    settings: dict[str, Any] = {"mlflow_url": mlflow.url, "mlflow_door": True}
    with running(database.url, database.optuna_url, tmp_path, **settings) as server:
        yield server


@pytest.fixture
def http(door: Serving) -> Iterator[httpx.Client]:
    """An admin's client, of whose requests none is held to a team."""
    with httpx.Client(base_url=door.url, headers=bearer("admin"), timeout=SECONDS) as client:
        yield client


def bearer(name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {TOKENS[name]}"}


def through(mlflow: Behind) -> list[str]:
    """What has passed the door; the service itself asks MLflow for more."""
    return [f"{one.method} {one.target}" for one in mlflow.arrived if "x-forwarded-prefix" in one.headers]


def test_a_request_arrives_as_it_was_sent_without_credentials(http: httpx.Client, mlflow: Behind) -> None:
    mlflow.headers = [
        (b"content-type", b"application/json"),
        (b"etag", b'"x"'),
        (b"set-cookie", b"a=b"),
        (b"access-control-allow-origin", b"*"),
        (b"location", mlflow.url.encode() + b"/elsewhere"),
    ]
    headers = {
        "X-MLflow-Workspace": "other",
        "Origin": "http://evil.example",
        "Cookie": "a=b",
    }
    answer = http.post("/mlflow/api/2.0/anything?x=%C3%A4&y=1", json={"some": "thing"}, headers=headers)
    (one,) = [one for one in mlflow.arrived if "x-forwarded-prefix" in one.headers]
    assert (one.method, one.target) == ("POST", "/api/2.0/anything?x=%C3%A4&y=1")
    assert one.body == b'{"some":"thing"}'
    assert one.headers["host"] == mlflow.url.removeprefix("http://")
    assert one.headers["content-length"] == str(one.size)
    assert one.headers["x-forwarded-for"] == "127.0.0.1"
    assert one.headers["x-forwarded-prefix"] == "/mlflow"
    assert not {"authorization", "cookie", "origin", "x-mlflow-workspace"} & set(one.headers)
    assert TOKENS["admin"] not in str(one)
    assert answer.text == "00"
    assert (answer.headers["etag"], answer.headers["location"]) == ('"x"', "/mlflow/elsewhere")
    assert not {"set-cookie", "access-control-allow-origin"} & set(answer.headers)
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_redirect_leads_nowhere_else(http: httpx.Client, mlflow: Behind) -> None:
    mlflow.status = 302
    for location in ("http://evil.example/x", "//evil.example/x"):
        mlflow.headers = [(b"location", location.encode())]
        assert http.get("/mlflow/x").headers["location"] == "/mlflow/"
    mlflow.headers = [(b"location", b"javascript:alert(1)")]
    assert http.get("/mlflow/x").status_code == 503


def test_without_a_token_or_with_an_invalid_one_nothing_passes(door: Serving, mlflow: Behind) -> None:
    for headers in (
        {},
        {"Authorization": "Bearer x"},
        {"Authorization": f"Basic {TOKENS['admin']}"},
        {"Cookie": "rampline=x"},
    ):
        for path in ("/mlflow", "/mlflow/", "/mlflow/version", "/mlflow/api/2.0/mlflow/experiments/search"):
            answer = httpx.get(door.url + path, headers=headers)
            assert (answer.status_code, answer.json()["error_code"]) == (401, "UNAUTHENTICATED"), path
            assert answer.headers["content-type"] == "application/problem+json"
    assert through(mlflow) == []


def test_a_browser_without_a_session_is_sent_to_the_login_page(door: Serving) -> None:
    answer = httpx.get(f"{door.url}/mlflow/", headers={"Accept": "text/html,*/*"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=%2Fmlflow%2F")


def test_a_call_that_is_not_listed_is_an_admins(door: Serving, mlflow: Behind, http: httpx.Client) -> None:
    for method, path in (
        ("POST", "/mlflow/api/2.0/mlflow/experiments/delete"),
        ("GET", "/mlflow/api/4.0/new"),
        ("DELETE", FILE),
        ("PATCH", "/mlflow/"),
    ):
        for role in ("viewer", "member", "worker"):
            answer = httpx.request(method, door.url + path, headers=bearer(role))
            assert (answer.status_code, answer.json()["error_code"]) == (403, "PERMISSION_DENIED"), role
            assert "admins only" in answer.json()["message"]
        assert through(mlflow) == []
        assert http.request(method, path).status_code == 200
        mlflow.arrived.clear()


def test_the_assistant_that_runs_commands_is_closed_to_admins_too(http: httpx.Client, mlflow: Behind) -> None:
    for path in ("/ajax-api/3.0/mlflow/assistant/message", "/api/3.0/mlflow/assistant/config"):
        assert http.post(f"/mlflow{path}", json={}).status_code == 403
    assert through(mlflow) == []


def test_no_path_leads_elsewhere(door: Serving, mlflow: Behind) -> None:
    host, port = door.url.removeprefix("http://").split(":")
    rest = f"HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {TOKENS['admin']}\r\n\r\n"
    evil = ("/mlflow/../api/x", "/mlflow//evil", "/mlflow/a%2fb", "/mlflow/a/%2e%2e/b", "http://evil.example/")
    for target in evil:
        with socket.create_connection((host, int(port)), timeout=SECONDS) as connection:
            connection.sendall(f"GET {target} {rest}".encode())
            answered = b"".join(iter(partial(connection.recv, 65536), b""))
        assert answered.split(b" ")[1] in (b"400", b"404"), target
    assert through(mlflow) == []


def test_an_upload_arrives_while_it_is_sent(door: Serving, mlflow: Behind) -> None:
    def parts() -> Iterator[bytes]:
        yield b"first"
        assert mlflow.began.wait(SECONDS)
        yield b"second"

    mlflow.began.clear()
    answer = httpx.put(door.url + FILE, content=parts(), headers=bearer("worker"), timeout=SECONDS)
    assert answer.status_code == 200
    assert [one.body for one in mlflow.arrived if one.method == "PUT"] == [b"firstsecond"]


def test_an_answer_arrives_while_it_is_sent(http: httpx.Client, mlflow: Behind) -> None:
    mlflow.size = 300_000
    with http.stream("GET", "/mlflow/long") as answer:
        parts = answer.iter_raw()
        assert next(parts) == b"00"
        mlflow.go_on.set()
        assert sum(map(len, parts)) == mlflow.size - 2


def test_a_hundred_megabytes_pass_both_ways_in_little_memory(http: httpx.Client, door: Serving, mlflow: Behind) -> None:
    size, piece = 100_000_000, b"x" * 100_000

    def upload(count: int) -> int:
        pieces = (piece for _ in range(count))
        return httpx.put(door.url + FILE, content=pieces, headers=bearer("worker"), timeout=60).status_code

    def download(expected: int) -> int:
        mlflow.size = expected
        with http.stream("GET", "/mlflow/long", timeout=60) as answer:
            return sum(len(part) for part in answer.iter_raw())

    mlflow.go_on.set()
    upload(20)
    download(2_000_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert upload(size // len(piece)) == 200
    assert max(one.size for one in mlflow.arrived) == size
    assert download(size) == size
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert grown < size / 3, f"{grown} bytes more"


def test_a_file_and_a_call_have_limits_of_their_own(database: Database, tmp_path: Path, mlflow: Behind) -> None:
    settings: dict[str, Any] = {"mlflow_url": mlflow.url, "mlflow_door": True, "mlflow_file_bytes": 3_000_000}
    with running(database.url, database.optuna_url, tmp_path, **settings) as door:
        for path, size, status in ((FILE, 2_900_000, 200), (FILE, 3_100_000, 413), ("/mlflow/x", 2_100_000, 413)):
            for content in (b"x" * size, iter([b"x" * size])):
                method = "PUT" if path == FILE else "POST"
                answer = httpx.request(
                    method, door.url + path, content=content, headers=bearer("admin"), timeout=SECONDS
                )
                assert answer.status_code == status


def test_that_mlflow_is_away_is_said_in_its_own_words(database: Database, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
    with running(database.url, database.optuna_url, tmp_path, mlflow_url=url, mlflow_door=True) as door:
        answer = httpx.get(f"{door.url}/mlflow/version", headers=bearer("viewer"), timeout=SECONDS)
    assert (answer.status_code, answer.json()["error_code"]) == (503, "TEMPORARILY_UNAVAILABLE")
    assert "MLflow does not answer" in answer.json()["message"]


def test_without_the_setting_there_is_no_door(database: Database, tmp_path: Path, mlflow: Behind) -> None:
    with running(database.url, database.optuna_url, tmp_path, mlflow_url=mlflow.url) as serving:
        for path in ("/mlflow", "/mlflow/", "/login"):
            assert httpx.get(serving.url + path, headers=bearer("admin")).status_code == 404
