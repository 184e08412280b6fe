"""Requests in the log: one line each under an id that the caller is told, and no secret."""

import logging
from typing import Any

import pytest

from service.wire.protocol import Claim, Report
from tests.integration.serving import TOKENS, Serving, hello
from tests.waiting import wait_until


def served(caplog: pytest.LogCaptureFixture, count: int) -> list[dict[str, Any]]:
    """The lines of so many requests; each is written just after its answer."""

    def found() -> list[dict[str, Any]]:
        lines = [vars(record) for record in caplog.records]
        return [line for line in lines if line.get("action") == "request.served"]

    wait_until(lambda: len(found()) >= count)
    return found()


@pytest.fixture(autouse=True)
def everything(caplog: pytest.LogCaptureFixture) -> None:
    """Every line is kept, also those that are not worth one by default."""
    caplog.set_level(logging.DEBUG, "service")


@pytest.fixture
def backend() -> str:
    """One is enough: nothing here is asked of the database."""
    return "sqlite"


def test_the_callers_id_is_kept_and_another_is_made_where_there_is_none(serving: Serving) -> None:
    given = serving.http().get("/queue", headers={"X-Request-ID": "deploy-42"})
    assert given.headers["X-Request-ID"] == "deploy-42"
    made = [serving.http().get("/queue").headers["X-Request-ID"] for _ in range(2)]
    assert len({*made, "deploy-42"}) == 3
    for bad in ("x" * 101, "a b", 'say "hi"', "{}"):
        assert serving.http().get("/queue", headers={"X-Request-ID": bad}).headers["X-Request-ID"] != bad


def test_a_problem_says_under_which_id_the_log_tells_of_it(
    serving: Serving, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = serving.http().get("/sweeps/7")
    assert refused.json()["request_id"] == refused.headers["X-Request-ID"]
    too_large = serving.http().post("/sweeps", content=b"x" * 2_000_001)
    assert too_large.json()["request_id"] == too_large.headers["X-Request-ID"]

    def fail(*_arguments: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("service.domain.overview.of_queue", fail)
    failed = serving.http().get("/queue", headers={"X-Request-ID": "broken-1"})
    assert (failed.status_code, failed.json()["request_id"]) == (500, "broken-1")
    assert failed.headers["X-Request-ID"] == "broken-1"
    last = served(caplog, 3)[-1]
    assert (last["levelname"], last["status"], last["route"]) == ("WARNING", 500, "/queue")


def test_a_line_names_the_route_and_no_query_or_token(serving: Serving, caplog: pytest.LogCaptureFixture) -> None:
    serving.http().get("/sweeps/7/trials", params={"cursor": 12345678})
    (found,) = served(caplog, 1)
    assert (found["method"], found["route"], found["status"]) == ("GET", "/sweeps/{sweep_id}/trials", 404)
    assert found["milliseconds"] > 0
    text = "\n".join(str(vars(record)) + record.getMessage() for record in caplog.records)
    assert "12345678" not in text
    assert not [token for token in TOKENS.values() if token in text]


def test_what_workers_ask_every_second_is_no_news(serving: Serving, caplog: pytest.LogCaptureFixture) -> None:
    worker_id = serving["worker"].register(hello()).worker_id
    serving["worker"].claim(Claim(worker_id=worker_id, lanes=1))
    serving["worker"].report(Report(worker_id=worker_id, updates_per_second=0, runs=[]))
    serving.http(None).get("/health/live")
    levels = [(line["route"], line["levelname"]) for line in served(caplog, 4)]
    assert levels == [
        ("/workers", "INFO"),
        ("/leases/claim", "DEBUG"),
        ("/leases/report", "DEBUG"),
        ("/health/live", "DEBUG"),
    ]
