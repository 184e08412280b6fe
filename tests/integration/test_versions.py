"""The service towards workers of older and newer versions."""

from typing import Any

import pytest

from service.wire.versions import HEADER, NEWEST, OLDEST
from tests.integration.harness import GRID
from tests.integration.serving import Serving

HELLO = {"name": "x", "device": "cpu", "device_name": "x", "lanes": 1, "version": "0"}


def test_every_answer_says_which_versions_are_spoken(serving: Serving) -> None:
    for name, path in (("member", "/sweeps"), (None, "/sweeps"), ("member", "/nothing"), (None, "/health/live")):
        assert serving.http(name).get(path).headers[HEADER] == f"{OLDEST}-{NEWEST}"


@pytest.mark.parametrize("headers", [{}, {HEADER: str(OLDEST)}, {HEADER: str(NEWEST)}])
def test_every_version_that_is_spoken_may_register(serving: Serving, headers: dict[str, str]) -> None:
    answer = serving.http("worker").post("/workers", json=HELLO, headers=headers)
    assert answer.status_code == 201
    assert answer.json()["worker_id"] == 1


def test_a_version_that_is_not_spoken_is_refused_before_anything_else_is_looked_at(serving: Serving) -> None:
    http = serving.http("worker")
    for path in ("/workers", "/leases/claim", "/leases/report"):
        refused = http.post(path, json={"of a": "later version"}, headers={HEADER: str(NEWEST + 1)})
        assert (refused.status_code, refused.json()["code"]) == (409, "protocol"), path
        assert f"speaks protocol {NEWEST + 1}" in refused.json()["detail"]
        assert "upgrade the service first" in refused.json()["detail"]
    in_body = http.post("/workers", json=HELLO | {"protocol": NEWEST + 1})
    assert (in_body.status_code, in_body.json()["code"]) == (409, "protocol")
    assert serving["viewer"].workers() == []


def test_whoever_is_refused_for_its_version_may_still_give_back_what_it_holds(serving: Serving) -> None:
    serving["member"].submit(GRID)
    http = serving.http("worker")
    worker_id = http.post("/workers", json=HELLO).json()["worker_id"]
    leases: list[Any] = http.post("/leases/claim", json={"worker_id": worker_id, "lanes": 2}).json()["leases"]
    assert len(leases) == 2
    body = {"worker_id": worker_id, "runs": [], "leaving": True}
    assert http.post("/leases/release", json=body, headers={HEADER: str(NEWEST + 1)}).status_code == 204
    assert serving["viewer"].queue().running_runs == 0
