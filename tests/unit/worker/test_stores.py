"""Every place for states behaves alike: a directory, a bucket of a real S3 server, and a file system of fsspec."""

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from service.wire.states import Kept, StateName, superfluous
from worker.stores import Bucket, Folder, Store, StoreError, store_at

BASE, OTHER = "a" * 64, "b" * 64
FIRST, SECOND, THIRD = (str(StateName(update, "c" * 32, "d" * 64)) for update in (1, 2, 3))


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """The address of an S3 server, with what a client needs to know in the environment."""
    moto_server = pytest.importorskip("moto.server")
    pytest.importorskip("s3fs")
    server = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    address = f"http://127.0.0.1:{server.get_host_and_port()[1]}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", address)
        patch.setenv("AWS_ACCESS_KEY_ID", "key")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        fsspec.filesystem("s3").mkdir("rampline")
        yield "s3://rampline/states"
    server.stop()


@pytest.fixture(params=["directory", "file", "memory", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    place = tmp_path / "states"
    addresses = {"directory": f"{place}", "file": f"file://{place}", "memory": f"memory://{place}"}
    address = addresses.get(request.param) or f"{request.getfixturevalue('s3')}/{tmp_path.name}"
    made = store_at(address, service="http://127.0.0.1:1", token="")
    assert isinstance(made, Folder if request.param in {"directory", "file"} else Bucket)
    return made


def test_what_is_kept_can_be_listed_read_and_deleted(store: Store) -> None:
    assert store.names(BASE) == []
    store.write(BASE, FIRST, b"one")
    store.write(BASE, SECOND, b"two")
    store.write(OTHER, FIRST, b"other")
    assert sorted(store.names(BASE)) == [FIRST, SECOND]
    assert (store.read(BASE, FIRST), store.read(OTHER, FIRST)) == (b"one", b"other")
    store.write(BASE, FIRST, b"anew")
    assert store.read(BASE, FIRST) == b"anew"
    store.delete(BASE, FIRST)
    store.delete(BASE, FIRST)
    assert store.names(BASE) == [SECOND]
    with pytest.raises(StoreError, match="FileNotFoundError"):
        store.read(BASE, FIRST)


def test_room_is_made_for_what_is_to_come_from_what_is_not_in_use(store: Store) -> None:
    assert store.make_room(100, 10, spared_seconds=0) == 100
    for name in (FIRST, SECOND):
        store.write(BASE, name, b"x" * 40)
    assert store.make_room(100, 20, spared_seconds=3600) == 20
    assert store.make_room(100, 60, spared_seconds=3600) == 20
    assert sorted(store.names(BASE)) == [FIRST, SECOND]
    assert store.make_room(100, 60, spared_seconds=-3600) == 60
    assert len(store.names(BASE)) == 1


def test_the_least_recently_used_goes_first() -> None:
    files = [Kept("new", 10, 5.0), Kept("oldest", 10, 500.0), Kept("old", 10, 50.0)]
    assert [file.path for file in superfluous(files, 10, spared_seconds=1)] == ["oldest", "old"]
    assert [file.path for file in superfluous(files, 10, spared_seconds=100)] == ["oldest"]
    assert superfluous(files, 30, spared_seconds=1) == []


def test_reading_is_a_use_and_nobody_sees_half_a_file(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.write(BASE, FIRST, b"x")
    os.utime(tmp_path / BASE / FIRST, (0, 0))
    folder.read(BASE, FIRST)
    assert time.time() - (tmp_path / BASE / FIRST).stat().st_mtime < 600
    abandoned = tmp_path / BASE / "left-by-a-killed-worker.part"
    abandoned.write_bytes(b"half")
    os.utime(abandoned, (0, 0))
    folder.make_room(100, 1, spared_seconds=0)
    assert folder.names(BASE) == [FIRST]


def test_a_place_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a directory")
    with pytest.raises(StoreError, match="NotADirectoryError"):
        Folder(tmp_path / "file").write(BASE, FIRST, b"x")
    with pytest.raises(StoreError, match="nonsense"):
        store_at("nonsense://place", service="", token="")


def test_a_bucket_without_what_it_needs_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    monkeypatch.delitem(sys.modules["fsspec.registry"].__dict__["_registry"], "s3", raising=False)
    with pytest.raises(StoreError, match="s3fs"):
        store_at("s3://bucket/states", service="", token="")


@pytest.mark.parametrize("name", ["", "..", "../x", FIRST + "\n", FIRST[:-1], "x" + FIRST, FIRST.replace("-", "/")])
def test_a_name_that_is_not_a_state_s_is_none(name: str) -> None:
    assert StateName.read(name) is None
    assert str(StateName.read(FIRST)) == FIRST
