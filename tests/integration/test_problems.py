"""Every error is a problem document of one shape; tokens end, and none is stored in clear."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select, update

from service.api.limits import MAX_BODY
from service.store.tables import Token
from service.wire.problem import MEDIA_TYPE, Problem
from tests.integration.harness import GRID
from tests.integration.serving import TOKENS, Serving

JSON = {"Content-Type": "application/json"}
HELLO = {"protocol": 99, "name": "x", "device": "cpu", "device_name": "x", "lanes": 1, "version": "0"}
PROBLEMS: dict[str, tuple[str, str, dict[str, Any], int, str]] = {
    "no such path": ("GET", "/nothing", {}, 404, "not_found"),
    "no such sweep": ("GET", "/sweeps/999", {}, 404, "not_found"),
    "a method that is not possible": ("DELETE", "/sweeps", {}, 405, "method_not_allowed"),
    "a number out of range": ("GET", "/sweeps/99999999999999999999", {}, 422, "invalid"),
    "a word in place of a number": ("GET", "/sweeps/first", {}, 422, "invalid"),
    "no JSON": ("POST", "/sweeps", {"content": "{", "headers": JSON}, 422, "invalid"),
    "a body without its type": ("POST", "/sweeps", {"content": "name: x"}, 422, "invalid"),
    "no body": ("POST", "/sweeps", {}, 422, "invalid"),
    "a body that is a list": ("POST", "/sweeps", {"json": []}, 422, "invalid"),
    "an unknown field": ("POST", "/sweeps", {"json": GRID | {"sampelr": {}}}, 422, "invalid"),
    "no UTF-8": ("POST", "/sweeps", {"content": b'{"name": "\xff"}', "headers": JSON}, 400, "bad_request"),
    "a large body": ("POST", "/sweeps", {"content": b" " * (MAX_BODY + 1)}, 413, "too_large"),
    "a large body in chunks": ("POST", "/sweeps", {"content": [b" " * MAX_BODY, b" "]}, 413, "too_large"),
    "a name given twice": (
        "POST",
        "/sweeps",
        {"content": '{"trials": 1, "trials": 2}', "headers": JSON},
        422,
        "invalid",
    ),
    "not a number": ("POST", "/sweeps", {"content": '{"trials": NaN}', "headers": JSON}, 422, "invalid"),
    "no number of JSON": (
        "POST",
        "/schedules/preview",
        {"content": '{"type": "constant", "peak_lr": Infinity}', "headers": JSON},
        422,
        "invalid",
    ),
    "a huge number": (
        "POST",
        "/sweeps",
        {"content": f'{{"trials": {"9" * 5000}}}', "headers": JSON},
        400,
        "bad_request",
    ),
    "an unknown parameter": ("GET", "/sweeps?limt=5", {}, 422, "invalid"),
    "deep nesting": ("POST", "/sweeps", {"content": "[" * 100_000, "headers": JSON}, 400, "bad_request"),
    "an integer beyond 64 bits": ("POST", "/leases/claim", {"json": {"worker_id": 2**70, "lanes": 1}}, 422, "invalid"),
    "an unknown worker": ("POST", "/leases/claim", {"json": {"worker_id": 12345, "lanes": 1}}, 404, "not_found"),
    "another protocol": ("POST", "/workers", {"json": HELLO}, 409, "protocol"),
}


def test_every_error_is_a_problem_document(serving: Serving) -> None:
    for name, (method, path, options, status, code) in PROBLEMS.items():
        # httpx sends an iterator in chunks, without a Content-Length.
        chunks = {"content": iter(options["content"])} if isinstance(options.get("content"), list) else {}
        response = serving.http("admin").request(method, path, **options | chunks)
        assert (response.status_code, response.headers["content-type"]) == (status, MEDIA_TYPE), name
        problem = Problem.model_validate_json(response.content)
        assert (problem.status, problem.code, problem.type) == (status, code, f"urn:rampline:problem:{code}"), name
        assert problem.title, name
        assert problem.detail, name
        for error in problem.errors:
            assert all((error.field, error.problem, error.remedy)), name
            assert not error.field.startswith("body."), name


def test_revoked_and_expired_tokens_are_refused(serving: Serving) -> None:
    past = datetime(2020, 1, 1, tzinfo=UTC)
    for name, values, words in (
        ("viewer", {"revoked_at": past}, "revoked"),
        ("member", {"expires_at": past}, "expired"),
    ):
        with serving.parts.store.write() as session:
            session.execute(update(Token).where(Token.name == name).values(values))
        response = serving.http(name).get("/sweeps")
        assert response.status_code == 401
        assert words in response.json()["detail"]


def test_no_token_is_stored_in_clear(serving: Serving) -> None:
    with serving.parts.store.read() as session:
        rows = session.execute(select(Token.__table__)).all()
    assert len(rows) == len(TOKENS)
    assert not [token for token in TOKENS.values() if token in repr(rows)]
