"""The texts that runs train on: fetched once from the service, verified, kept on disk and in memory."""

import contextlib
import hashlib
import logging
from pathlib import Path
from typing import Protocol

from service.wire.files import whole_file
from worker.lanes.data import Corpus


class Source(Protocol):
    """Where texts come from: the worker's link to the service, or a client of it."""

    def corpus(self, digest: str) -> bytes:
        """The text with this sha256, not yet verified."""


log = logging.getLogger(__name__)


class CorruptCorpusError(Exception):
    """The text that arrived is not the one that was asked for."""


class Corpora:
    """Texts by their sha256; every worker of a machine shares the directory."""

    def __init__(self, directory: Path, source: Source) -> None:
        self._directory = directory
        self._source = source
        self._loaded: dict[tuple[str, int, int], Corpus] = {}

    def load(self, digest: str, *, context: int, val_windows: int) -> Corpus:
        """The text, split into training part and held-out tail.

        Raises:
            CorruptCorpusError: the bytes do not have this digest, even when fetched anew.
            UnreachableError, RefusedError: see `Link`; another source has errors of its own.
        """
        key = (digest, context, val_windows)
        if key not in self._loaded:
            self._loaded[key] = Corpus(self._bytes(digest), context=context, val_windows=val_windows)
        return self._loaded[key]

    def _bytes(self, digest: str) -> bytes:
        path = self._directory / digest
        with contextlib.suppress(OSError):  # not there, or not to be read: fetched anew
            text = path.read_bytes()
            if hashlib.sha256(text).hexdigest() == digest:
                return text
        text = self._source.corpus(digest)
        if hashlib.sha256(text).hexdigest() != digest:
            raise CorruptCorpusError(f"the service sent another text than {digest}: its artifact directory is damaged")
        try:
            with whole_file(path) as file:
                file.write(text)
        except OSError as error:
            log.warning("the text %s is kept in memory alone: %s", digest, error, extra={"action": "text.unwritable"})
        return text
