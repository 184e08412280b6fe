"""Texts that people upload: checked as they stream in, named within a team, trained on like any other."""

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from service.client import ApiError
from service.store.tables import Event, Upload
from service.wire.protocol import Claim
from tests.integration.conftest import Database
from tests.integration.harness import GRID
from tests.integration.serving import Serving, hello, running

TEXT = "Der Tag ist kurz, die Nacht ist lang – so weit.\n".encode() * 200
MINE = GRID | {"data": {"corpus": "upload:tag.txt"}}


def kept(serving: Serving) -> list[str]:
    """The files of the artifact directory."""
    directory = serving.parts.library.directory
    return sorted(path.name for path in directory.iterdir()) if directory.is_dir() else []


def uploads(serving: Serving) -> int:
    """How many uploads the database knows."""
    with serving.parts.store.read() as session:
        return session.scalar(select(func.count()).select_from(Upload)) or 0


def test_an_uploaded_text_is_trained_on(serving: Serving) -> None:
    uploaded = serving["member"].upload_corpus("tag.txt", TEXT)
    assert (uploaded.name, uploaded.size, kept(serving)) == ("upload:tag.txt", len(TEXT), [uploaded.digest])
    assert uploaded in serving["viewer"].corpora()
    serving["member"].submit(MINE)
    worker = serving["worker"]
    worker_id = worker.register(hello()).worker_id
    lease = worker.claim(Claim(worker_id=worker_id, lanes=1)).leases[0]
    assert (lease.corpus, lease.corpus_name) == (uploaded.digest, "upload:tag.txt")
    assert worker.corpus(lease.corpus) == TEXT
    with serving.parts.store.read() as session:
        assert session.scalars(select(Event.kind).order_by(Event.id)).first() == "corpus.uploaded"


def test_repeating_an_upload_changes_nothing_and_another_text_needs_another_name(serving: Serving) -> None:
    first = serving["member"].upload_corpus("tag.txt", TEXT)
    assert serving["member"].upload_corpus("tag.txt", TEXT) == first
    with pytest.raises(ApiError, match="choose another name"):
        serving["member"].upload_corpus("tag.txt", TEXT + b".")
    assert (uploads(serving), kept(serving)) == (1, [first.digest])


def test_another_teams_upload_does_not_exist_even_where_the_text_is_the_same(serving: Serving) -> None:
    mine = serving["member"].upload_corpus("tag.txt", TEXT)
    stranger = serving["stranger"]
    assert not [found for found in stranger.corpora() if found.name.startswith("upload:")]
    with pytest.raises(ApiError, match=r"your team has no upload:tag.txt; upload it first"):
        stranger.preview(MINE)
    theirs = stranger.upload_corpus("their-tag.txt", TEXT)
    assert (theirs.digest, kept(serving)) == (mine.digest, [mine.digest])
    assert stranger.submit(MINE | {"data": {"corpus": "upload:their-tag.txt"}}).team == "blue"
    with pytest.raises(ApiError, match=r"your team has no upload:their-tag.txt; use upload:tag.txt"):
        serving["member"].preview(MINE | {"data": {"corpus": "upload:their-tag.txt"}})


def test_a_short_upload_is_refused_by_the_sweep_with_the_longest_context(serving: Serving) -> None:
    serving["member"].upload_corpus("tag.txt", b"x" * 660)
    with pytest.raises(ApiError, match=r"a context of 64 needs at least 1300; use a longer text, or model.context"):
        serving["member"].submit(MINE)


REFUSED: dict[str, tuple[bytes, dict[str, str], int, str]] = {
    "not UTF-8": (TEXT + "café au lait".encode("latin1"), {}, 422, f"not UTF-8 near byte {len(TEXT) + 3}"),
    "cut within a character": (TEXT + "é".encode()[:1], {}, 422, "ends within a character"),
    "binary": (b"\x7fELF\x02\x01\x01" + bytes(100), {}, 422, "holds a NUL"),
    "empty": (b"", {}, 422, "is empty"),
    "blank": (b" \n" * 1000, {}, 422, "is empty"),
    "compressed": (gzip.compress(bytes(10**7)), {}, 422, "not UTF-8"),
    "said to be compressed": (gzip.compress(bytes(10**7)), {"Content-Encoding": "gzip"}, 415, "uncompressed"),
    "a form": (b"--x\r\n", {"Content-Type": "multipart/form-data; boundary=x"}, 415, "multipart/form-data"),
}


@pytest.mark.parametrize("backend", ["sqlite"])
def test_what_is_no_text_is_refused_and_nothing_is_kept(serving: Serving) -> None:
    for name, (body, headers, status, words) in REFUSED.items():
        answered = serving.http().post("/corpora?name=x", content=body, headers=headers)
        assert (answered.status_code, words in answered.text) == (status, True), (name, answered.text)
    assert (uploads(serving), kept(serving)) == (0, [])


@pytest.mark.parametrize("backend", ["sqlite"])
@pytest.mark.parametrize("name", ["..", "../x", "a/b", "", ".hidden", "a\nb", "a\x1b[31m", "é", "x" * 101, "a\x00"])
def test_a_name_is_plain(serving: Serving, name: str) -> None:
    answered = serving.http().post("/corpora", params={"name": name}, content=TEXT)
    assert (answered.status_code, answered.json()["errors"][0]["field"]) == (422, "name")
    assert kept(serving) == []


@pytest.mark.parametrize("backend", ["sqlite"])
def test_uploads_have_a_largest_size_and_teams_a_largest_sum(database: Database, tmp_path: Path) -> None:
    limits: dict[str, Any] = {"upload_bytes": 5000, "team_bytes": 12_000}
    with running(database.url, database.optuna_url, tmp_path, **limits) as serving:
        sent = []

        def endless() -> Iterator[bytes]:
            while True:
                sent.append(1000)
                yield b"a" * 1000

        for body in (b"a" * 5001, endless()):
            answered = serving.http().post("/corpora?name=big", content=body)
            assert (answered.status_code, answered.json()["code"]) == (413, "too_large")
        serving["member"].upload_corpus("one", b"1" * 5000)
        serving["member"].upload_corpus("two", b"2" * 5000)
        with pytest.raises(ApiError, match="10000 bytes, and at most 12000 are kept"):
            serving["member"].upload_corpus("three", b"3" * 5000)
        serving["stranger"].upload_corpus("three", b"3" * 5000)
        assert (uploads(serving), len(kept(serving))) == (3, 3)


@pytest.mark.parametrize("backend", ["sqlite"])
def test_a_listing_reads_a_file_again_only_when_it_has_changed(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = serving.parts.library
    read, names = library.read, []
    monkeypatch.setattr(library, "read", lambda name: names.append(name) or read(name))  # type: ignore[func-returns-value]  # append
    first = serving["viewer"].corpora()
    assert "file:words.txt" in names
    names.clear()
    assert (serving["viewer"].corpora(), names) == (first, [])
    serving.parts.settings.corpora.joinpath("words.txt").write_bytes(b"\xff")
    listed = {corpus.name: corpus for corpus in serving["viewer"].corpora()}
    assert "not UTF-8" in str(listed["file:words.txt"].problem)
    assert names == ["file:words.txt"]
