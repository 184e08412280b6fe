"""Texts that people upload: checked while they stream in, kept once by their sha256, and named within a team.

A sweep names one as `upload:NAME`. Another team's uploads do not exist for it, also where the texts are the same.
"""

import codecs
import hashlib
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.domain.access import Principal
from service.domain.corpora import refused
from service.errors import ConflictError, InvalidError, TooLargeError, UnavailableError
from service.store import clock
from service.store.tables import Event, Team, Upload
from service.wire.problem import FieldProblem
from service.wire.views import CorpusView

PREFIX = "upload:"
NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
MAX_NAME = 100
_INCOMING = ".incoming-"
_FORGOTTEN_SECONDS = 86_400


@dataclass(frozen=True)
class Kept:
    """A text that lies in the artifact directory under its digest."""

    name: str
    digest: str
    size: int


class Intake:
    """A text on its way in: `write` its bytes, `end` it, `keep` it. Until then it is a file that nobody reads.

    A context manager, which removes what was not kept; memory is bounded by the size of one chunk.

    Raises (every method):
        InvalidError: it is not UTF-8 text.
        TooLargeError: it has more than `limit` bytes.
        UnavailableError: it cannot be written.
    """

    def __init__(self, directory: Path, limit: int) -> None:
        self._directory = directory
        self._limit = limit
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._hash = hashlib.sha256()
        self._size = 0
        self._blank = True
        try:
            directory.mkdir(parents=True, exist_ok=True)
            _remove_forgotten(directory)
            self._file = tempfile.NamedTemporaryFile(dir=directory, prefix=_INCOMING, delete=False)  # noqa: SIM115 - closed by __exit__
        except OSError as error:
            raise _unwritable(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        Path(self._file.name).unlink(missing_ok=True)

    def write(self, chunk: bytes) -> None:
        """Take the next bytes."""
        self._size += len(chunk)
        if self._size > self._limit:
            raise TooLargeError(f"the text has more than {self._limit} bytes; upload a part of it")
        try:
            self._decoder.decode(chunk)
        except UnicodeDecodeError as error:
            place = self._size - len(chunk) + max(0, error.start)
            remedy = "send the text itself, uncompressed; convert it, for example with: iconv -f latin1 -t utf-8"
            raise _refused(f"it is not UTF-8 near byte {place}", remedy) from error
        if b"\0" in chunk:
            raise _refused("it holds a NUL, so it is no text", "send text")
        self._blank = self._blank and not chunk.strip()
        self._hash.update(chunk)
        try:
            self._file.write(chunk)
        except OSError as error:
            raise _unwritable(error) from error

    def end(self, name: str) -> Kept:
        """The text, when all of it was written."""
        try:
            self._decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            raise _refused("it ends within a character", "send all of it") from error
        if self._blank:
            raise _refused("it is empty", "send a text")
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise _unwritable(error) from error
        return Kept(name, self._hash.hexdigest(), self._size)

    def keep(self) -> None:
        """Put the text where workers find it. A reader never sees half of it."""
        try:
            Path(self._file.name).replace(self._directory / self._hash.hexdigest())
        except OSError as error:
            raise _unwritable(error) from error


def record(session: Session, principal: Principal, text: Kept, team_bytes: int) -> Upload:
    """Give a kept text its name in the caller's team; repeated with the same text, nothing changes.

    Raises:
        ConflictError: the name belongs to another text.
        TooLargeError: the team's uploads would have more than `team_bytes` bytes.
    """
    assert principal.team_id is not None
    session.execute(select(Team.id).where(Team.id == principal.team_id).with_for_update(key_share=True))
    found = find(session, principal.team_id, text.name)
    if found is not None:
        if found.digest != text.digest:
            raise ConflictError(f"{PREFIX}{text.name} is another text already; choose another name")
        return found
    held = session.scalar(select(func.sum(Upload.size)).where(Upload.team_id == principal.team_id)) or 0
    if held + text.size > team_bytes:
        raise TooLargeError(f"your team's uploads have {held} bytes, and at most {team_bytes} are kept; ask an admin")
    now = clock.now(session)
    upload = Upload(
        team_id=principal.team_id,
        user_id=principal.user_id,
        name=text.name,
        digest=text.digest,
        size=text.size,
        created_at=now,
    )
    session.add(upload)
    session.add(Event(at=now, kind="corpus.uploaded", user_id=principal.user_id, detail={"name": text.name}))
    session.flush()
    return upload


def find(session: Session, team_id: int | None, name: str) -> Upload | None:
    """A team's upload of this name."""
    return session.scalar(select(Upload).where(Upload.team_id == team_id, Upload.name == name))


def resolve(session: Session, principal: Principal, name: str) -> Kept:
    """The text that a sweep of the caller's team names as `name`, which begins with `upload:`.

    Raises:
        InvalidError: the team has no such upload.
    """
    found = find(session, principal.team_id, name.removeprefix(PREFIX))
    if found is None:
        known = [view.name for view in listing(session, principal)][:8]
        remedy = f"use {', '.join(known)}" if known else "upload it first: rampline corpora upload FILE"
        raise refused(f"your team has no {name}", remedy)
    return Kept(name, found.digest, found.size)


def listing(session: Session, principal: Principal) -> list[CorpusView]:
    """What the caller's team has uploaded, by name."""
    query = select(Upload).where(Upload.team_id == principal.team_id).order_by(Upload.name)
    return [view(upload) for upload in session.scalars(query)]


def view(upload: Upload) -> CorpusView:
    """An upload as it is shown."""
    return CorpusView(name=f"{PREFIX}{upload.name}", digest=upload.digest, size=upload.size, problem=None)


def _remove_forgotten(directory: Path) -> None:
    """Remove what a killed service left half."""
    for path in directory.glob(f"{_INCOMING}*"):
        if time.time() - path.stat().st_mtime > _FORGOTTEN_SECONDS:
            path.unlink(missing_ok=True)


def _refused(problem: str, remedy: str) -> InvalidError:
    return InvalidError.of([FieldProblem(field="body", problem=problem, remedy=remedy)])


def _unwritable(error: OSError) -> UnavailableError:
    return UnavailableError(f"the text cannot be written ({error.strerror}); ask an admin of this service")
