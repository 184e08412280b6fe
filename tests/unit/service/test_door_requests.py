"""What the door makes of a request: one meaning, or a refusal."""

import json
import posixpath
from typing import Any
from urllib.parse import unquote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.door.asked import EXPERIMENTS, RUNS, Asked
from service.door.paths import checked, quoted
from service.door.queries import asked_by
from service.errors import BadRequestError, ForbiddenError, InvalidError, ServiceError

EVIL = [
    "/../etc/passwd",
    "/a/../../b",
    "/a/./b",
    "//evil.example/x",
    "/a//b",
    "/a%2fb",
    "/a%2F..%2Fb",
    "/%2e%2e/b",
    "/a/%2E%2E/b",
    "/a%5cb",
    "/a\\b",
    "/a%252e%252e/b",
    "/a%00b",
    "/a%0d%0aX: y",
    "/a%3fx=1",
    "/a%23b",
    "http://evil.example/",
]


def came(raw: str) -> str:
    """What a server takes from a request's line."""
    return checked(unquote(raw), raw.encode())


@pytest.mark.parametrize("raw", EVIL)
def test_a_path_that_leaves_the_door_or_has_two_meanings_is_refused(raw: str) -> None:
    with pytest.raises(BadRequestError, match="not plain"):
        came(raw)


@pytest.mark.parametrize("raw", ["/", "/a", "/a/b.json", "/a/", "/1/0f/artifacts/lr%20curve.svg", "/a/gr%C3%BC%C3%9Fe"])
def test_a_plain_path_means_the_same_when_it_is_sent_on(raw: str) -> None:
    assert quoted(came(raw)).decode() == raw


@given(st.text("./%2eEfF5cC\\ab:@", max_size=12).map("/".__add__))
def test_whatever_passes_is_what_every_reader_takes_it_for(raw: str) -> None:
    try:
        path = came(raw)
    except BadRequestError:
        return
    sent = quoted(path).decode()
    assert unquote(sent) == unquote(unquote(sent)) == path
    assert posixpath.normpath(path) == (path.rstrip("/") or "/")


def test_a_field_is_found_in_query_and_body_whether_it_holds_one_id_or_several() -> None:
    assert Asked.of(b"run_id=a&run_id=b&run_uuid=c", b"").ids(RUNS) == {"a", "b", "c"}
    body = json.dumps({"experiment_ids": ["1", "2"], "experiment_id": "3", "filter": "x"}).encode()
    assert Asked.of(b"", body).ids(EXPERIMENTS) == {"1", "2", "3"}


@pytest.mark.parametrize(
    ("query", "body"),
    [
        (b"runId=a", b""),
        (b"run_id=a%27", b""),
        (b"run_id=", b""),
        (b"run_id=" + b"a" * 65, b""),
        (b"path=../x&run_id=a", b""),
        (b"path=%252e%252e&run_id=a", b""),
        (b"", b'{"runId": "a"}'),
        (b"", b'{"run_id": 7}'),
        (b"", b'{"run_id": {"x": "a"}}'),
        (b"", b'{"experiment_ids": [["1"]]}'),
        (b"", b'{"run_id": "a", "run_id": "b"}'),
        (b"", b'"{}"'),
        (b"", b"[]"),
        (b"", "{}".encode("utf-16")),
        (b"", b"[" * 100_000),
        (b"", json.dumps({"experiment_ids": [str(number) for number in range(1001)]}).encode()),
    ],
)
def test_what_mlflow_might_read_in_another_way_is_refused(query: bytes, body: bytes) -> None:
    with pytest.raises((BadRequestError, InvalidError)):
        Asked.of(query, body)


@given(st.dictionaries(st.sampled_from(["run_id", "run_uuid", "page_token", "view"]), st.text(max_size=8)))
def test_what_is_sent_on_is_what_was_read(fields: dict[str, str]) -> None:
    try:
        asked = Asked.of(urlencode(fields).encode(), b"")
    except InvalidError:
        return
    assert Asked.of(asked.query_string(), b"") == asked
    assert Asked.of(b"", json.dumps(fields).encode()).content() == json.dumps(fields).encode()


RUN = 'query GetRun($data: MlflowGetRunInput!) @component(name: "x") { mlflowGetRun(input: $data) { run { %s } } }'


def told(query: str, variables: dict[str, Any]) -> dict[str, Any]:
    return {"operationName": "GetRun", "query": query, "variables": variables}


def test_a_query_of_the_pages_asks_for_what_its_variable_names() -> None:
    (asked,) = asked_by(told(RUN % "info { runUuid } experiment { name }", {"data": {"runId": "a", "runUuid": "b"}}))
    assert asked.ids(RUNS) == {"a", "b"}
    fragment = "query Q($data: I!) { mlflowSearchRuns(input: $data) { ...F } } fragment F on R { runs { x } }"
    (asked,) = asked_by(told(fragment, {"data": {"experimentIds": ["1"]}}))
    assert asked.ids(EXPERIMENTS) == {"1"}


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        ('query { mlflowGetRun(input: {runId: "a"}) { run { x } } }', {}),
        ("query Q($a: I) { x: mlflowGetRun(input: $a) { run { x } } mlflowSearchModelVersions { x } }", {"a": {}}),
        ('query Q($a: I = {runId: "b"}) { mlflowGetRun(input: $a) { run { x } } }', {}),
        (
            "query Q($a: I) { ...F } fragment F on Query { mlflowGetRun(input: $a) { run { x } } }",
            {"a": {"runId": "a"}},
        ),
        ("query Q($a: I) { ... on Query { mlflowGetRun(input: $a) { run { x } } } }", {"a": {"runId": "a"}}),
        ("query A($a: I) { mlflowGetRun(input: $a) { x } } query B { mlflowSearchModelVersions { x } }", {"a": {}}),
        ("mutation M($a: I) { mlflowSearchRuns(input: $a) { runs { x } } }", {"a": {"experimentIds": ["1"]}}),
        ("{ __schema { types { name } } }", {}),
        ('{ test(inputString: "x") { output } }', {}),
        (RUN % "x", {}),
        (RUN % "x", {"data": {"runId": "a", "run_id": "b"}}),
        (RUN % "x", {"data": {"runId": ["a", {}]}}),
        ("query Q($a: I) { mlflowListArtifacts(input: $a) { x } }", {"a": {"runId": "a", "path": "../x"}}),
        ("{ a " * 5000, {}),
        ("x" * 30_000, {}),
        ("not a query", {}),
    ],
)
def test_a_query_in_any_other_form_is_refused(query: str, variables: dict[str, Any]) -> None:
    with pytest.raises((BadRequestError, ForbiddenError, InvalidError)) as refused:
        asked_by(told(query, variables))
    assert isinstance(refused.value, ServiceError)
