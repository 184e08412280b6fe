"""States: the names under which workers keep where a run stands, wherever they keep it.

A state lies at BASE/NAME. BASE is the sha256 of all that decides a run but its rates; NAME says the update, the digest
of the rates up to it, and the sha256 of the file. So a listing of a base tells which states a run can go on from.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple, Self

from pydantic import Field

from service.wire.base import Wire

BASE_PATTERN = "^[0-9a-f]{64}$"
NAME_PATTERN = r"^[0-9]{1,9}-[0-9a-f]{32}-[0-9a-f]{64}\.safetensors$"
MAX_STATE_BYTES = 2**30


class StateName(NamedTuple):
    """What the name of a state says."""

    update: int
    prefix: str
    sha256: str

    def __str__(self) -> str:
        """The name."""
        return f"{self.update}-{self.prefix}-{self.sha256}.safetensors"

    @classmethod
    def read(cls, name: str) -> Self | None:
        """What a file's name says; None if it is not the name of a state."""
        if re.fullmatch(NAME_PATTERN, name) is None or name.endswith("\n"):
            return None
        update, prefix, sha256 = name.removesuffix(".safetensors").split("-")
        return cls(int(update), prefix, sha256)


class StateView(Wire):
    """A state that is kept."""

    name: str
    size: int = Field(ge=0, description="bytes")


class Kept(NamedTuple):
    """A file in a place of states: its path there, its bytes, and how long ago it was last written or read."""

    path: str
    size: int
    idle_seconds: float


def superfluous(files: Iterable[Kept], room: float, *, spared_seconds: float) -> list[Kept]:
    """Which files to delete so that the rest has at most `room` bytes: the least recently used first.

    None that was used in the last `spared_seconds`: a worker is about to need it, if it needs it at all.
    """
    ordered = sorted(files, key=lambda file: -file.idle_seconds)
    excess = sum(file.size for file in ordered) - room
    chosen = []
    for file in ordered:
        if excess <= 0 or file.idle_seconds <= spared_seconds:
            break
        chosen.append(file)
        excess -= file.size
    return chosen
