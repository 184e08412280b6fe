"""States that the service keeps for workers: what comes in is what goes out, bounded, and for workers only."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from service.wire.states import StateName
from tests.integration.conftest import Database
from tests.integration.serving import TOKENS, Serving, running
from worker.stores import StoreError, ThroughService

BASE, OTHER = "a" * 64, "b" * 64


def named(content: bytes, update: int = 1) -> str:
    return str(StateName(update, "c" * 32, hashlib.sha256(content).hexdigest()))


@pytest.fixture
def server(sqlite_template: Path, tmp_path: Path) -> Iterator[Serving]:
    """A server that keeps 100,000 bytes of states."""
    database = Database(f"sqlite:///{tmp_path / 'rampline.db'}", f"sqlite:///{tmp_path / 'optuna.db'}")
    for name in ("rampline.db", "optuna.db"):
        (tmp_path / name).write_bytes((sqlite_template / name).read_bytes())
    with running(database.url, database.optuna_url, tmp_path, states_gib=100_000 / 2**30) as serving:
        yield serving


@pytest.fixture
def store(server: Serving) -> Iterator[ThroughService]:
    with closing(ThroughService(server.url, TOKENS["worker"])) as opened:
        yield opened


def test_what_is_kept_can_be_listed_read_and_deleted(store: ThroughService) -> None:
    contents = {named(content, update): content for update, content in enumerate((b"", b"x", os.urandom(60_000)), 1)}
    for name, content in contents.items():
        store.write(BASE, name, content)
    assert sorted(store.names(BASE)) == sorted(contents)
    assert store.names(OTHER) == []
    for name, content in contents.items():
        assert store.read(BASE, name) == content
    store.delete(BASE, named(b"x", 2))
    store.delete(BASE, named(b"x", 2))
    assert sorted(store.names(BASE)) == sorted(contents.keys() - {named(b"x", 2)})
    with pytest.raises(StoreError, match="404"):
        store.read(BASE, named(b"x", 2))


def test_a_state_that_arrives_otherwise_than_its_name_says_is_refused(server: Serving, store: ThroughService) -> None:
    with pytest.raises(StoreError, match=r"409.*sha256"):
        store.write(BASE, named(b"one"), b"another")
    assert store.names(BASE) == []
    folder = server.parts.settings.artifacts / "states" / BASE
    assert list(folder.iterdir()) == [], "no part of it stays"


@pytest.mark.parametrize(
    "path",
    [
        f"{BASE[:-1]}",
        f"{BASE}/../../secrets",
        f"{BASE}/%2e%2e%2fsecrets",
        f"{BASE}/..",
        f"{BASE}/{named(b'')}%0a",
        f"{BASE}/{named(b'')[:-1]}",
        f"{'A' * 64}/{named(b'')}",
        f"..%2f..%2f{BASE}/{named(b'')}",
    ],
)
def test_names_are_taken_literally_or_refused(server: Serving, path: str) -> None:
    for method in ("GET", "PUT", "DELETE"):
        answer = server.http("worker").request(method, f"/states/{path}", content=b"" if method == "PUT" else None)
        assert answer.status_code in {404, 405, 422}, answer.text
    assert not (server.parts.settings.artifacts / "states").exists()


def test_the_least_recently_used_make_room_and_those_in_use_do_not(server: Serving, store: ThroughService) -> None:
    contents = [os.urandom(40_000) for _ in range(4)]
    names = [named(content) for content in contents]
    for name, content in zip(names[:2], contents[:2], strict=True):
        store.write(BASE, name, content)
        os.utime(server.parts.settings.artifacts / "states" / BASE / name, (0, 0))
    store.read(BASE, names[0])
    store.write(OTHER, names[2], contents[2])
    assert (store.names(BASE), store.names(OTHER)) == ([names[0]], [names[2]])
    with pytest.raises(StoreError, match=r"503.*RAMPLINE_STATES_GIB"):
        store.write(BASE, names[3], contents[3])
    assert (store.names(BASE), store.names(OTHER)) == ([names[0]], [names[2]])


def test_a_state_larger_than_any_may_be_is_refused_before_it_is_read(
    server: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits: Any = next(one.kwargs["larger"] for one in server.app.user_middleware if "larger" in one.kwargs)
    monkeypatch.setitem(limits, "/api/v1/states/", 3_000_000)
    content = os.urandom(3_000_001)
    for body in (content, iter([content[:2_000_000], content[2_000_000:]])):
        answer = server.http("worker").put(f"/states/{BASE}/{named(content)}", content=body)
        assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    folder = server.parts.settings.artifacts / "states"
    assert [path for path in folder.rglob("*") if path.is_file()] == []


def test_only_workers_may(server: Serving) -> None:
    name = named(b"x")
    for role in (None, "viewer", "member"):
        for method, path in (
            ("GET", BASE),
            ("GET", f"{BASE}/{name}"),
            ("PUT", f"{BASE}/{name}"),
            ("DELETE", f"{BASE}/{name}"),
        ):
            assert server.http(role).request(method, f"/states/{path}").status_code == (401 if role is None else 403)
    with (
        closing(ThroughService(server.url, "no token of this service")) as stranger,
        pytest.raises(StoreError, match="the service answered 401"),
    ):
        stranger.names(BASE)
