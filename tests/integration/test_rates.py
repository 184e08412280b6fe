"""Who asks too often is told when to come back, and nobody else waits for that."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from service.wire.problem import Problem
from service.wire.protocol import Claim
from tests.integration.conftest import Database
from tests.integration.serving import TOKENS, Serving, hello, running
from worker.link import Link, UnreachableError

RATE = 1
BURST = 10


@pytest.fixture
def backend() -> str:
    """One is enough: what is counted is in memory."""
    return "sqlite"


@pytest.fixture
def serving(database: Database, tmp_path: Path) -> Iterator[Serving]:
    with running(
        database.url, database.optuna_url, tmp_path, rate=RATE, worker_rate=RATE, stranger_rate=RATE
    ) as server:
        yield server


def flood(http: httpx.Client, **options: object) -> list[httpx.Response]:
    return [http.get("/schedules", **options) for _ in range(BURST + 20)]  # type: ignore[arg-type]  # options of httpx


def test_too_many_requests_of_a_token_are_refused_with_a_time_to_come_back(serving: Serving) -> None:
    answers = flood(serving.http("member"))
    assert [answer.status_code for answer in answers[:BURST]] == [200] * BURST
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    problem = Problem.model_validate_json(refused[-1].content)
    assert (problem.code, refused[-1].headers["Retry-After"]) == ("too_many", "1")
    assert "Retry-After" in problem.detail
    assert serving.http("viewer").get("/schedules").status_code == 200
    assert serving["stranger"].sweeps().items == []


def test_the_client_comes_back_when_it_is_told(serving: Serving) -> None:
    flood(serving.http("member"))
    assert serving["member"].sweeps().items == []


def test_a_worker_learns_how_long_to_wait_and_people_are_not_held_up_by_workers(serving: Serving) -> None:
    claim = Claim(worker_id=serving["worker"].register(hello()).worker_id, lanes=1)
    with Link(serving.url, TOKENS["worker"]) as link, pytest.raises(UnreachableError) as refused:
        [link.claim(claim) for _ in range(BURST + 20)]
    assert refused.value.wait == 1
    assert serving.http("member").get("/workers").status_code == 200


def test_an_address_without_a_valid_token_is_slowed_down_and_valid_tokens_from_there_are_not(serving: Serving) -> None:
    for number in range(3):
        token = f"guess-{number}-" + "x" * 40
        statuses = {
            answer.status_code for answer in flood(serving.http(None), headers={"Authorization": f"Bearer {token}"})
        }
        assert statuses <= {401, 429}
        assert 429 in statuses
    taken = [answer for answer in flood(serving.http(None)) if answer.status_code == 401]
    assert len(taken) < BURST, "the address had spent what it may at once"
    assert serving.http("member").get("/schedules").status_code == 200
    assert serving.http(None).get("/health/live").status_code == 200


def test_an_address_cannot_be_made_up_but_a_proxy_that_is_named_is_believed(
    serving: Serving, database: Database, tmp_path: Path
) -> None:
    for number in range(BURST + 20):
        last = serving.http(None).get("/schedules", headers={"X-Forwarded-For": f"192.0.2.{number}"})
    assert last.status_code == 429
    serving["admin"].create_team("green")
    assert [event.address for event in serving["admin"].audit().items] == ["127.0.0.1"]
    with running(
        database.url, database.optuna_url, tmp_path, stranger_rate=RATE, trusted_proxies="127.0.0.1"
    ) as proxied:
        for number in range(BURST + 20):
            last = proxied.http(None).get("/schedules", headers={"X-Forwarded-For": f"192.0.2.{number}"})
        assert last.status_code == 401
        proxied.http("admin").post("/teams", json={"name": "lime"}, headers={"X-Forwarded-For": "192.0.2.7"})
        assert proxied["admin"].audit().items[0].address == "192.0.2.7"
