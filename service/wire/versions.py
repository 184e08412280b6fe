"""Versions of the workers' protocol: how a newer end of the wire speaks to an older one.

Both ends speak every version from OLDEST to NEWEST. A call says by the header `Rampline-Protocol` in which version it
is made (1 if it does not say so), and every answer which ones its service speaks, such as `1-2`. A version's records
never change; the next may add fields that have a default, marked with `Since`, and words to a field, marked with
`NewWord`. Whoever speaks an older version leaves those out. Unknown fields are refused in calls, ignored in answers.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar, get_args

from service.wire.base import Record

Said = TypeVar("Said", bound=Record)

HEADER = "Rampline-Protocol"
OLDEST, NEWEST = 1, 2


@dataclass(frozen=True)
class Since:
    """Marks a field that this version brought: `seconds: Annotated[float, Since(2)] = 0.0`."""

    version: int


@dataclass(frozen=True)
class NewWord:
    """Marks a word that this version brought to a field of words; older ones get the word `before` in its place."""

    word: str
    since: int
    before: str


def spoken(record: Record, version: int) -> str:
    """A record as JSON in a version of the protocol."""
    if version < NEWEST:
        record = _reworded(record, version)
    return record.model_dump_json(exclude=_later(type(record), version))


def told(header: str | None) -> int:
    """The version in which to call a service, by the header of its answer; services of version 1 send none."""
    newest = (header or "").rpartition("-")[2]
    theirs = int(newest) if newest.isdecimal() else 1
    return max(OLDEST, min(NEWEST, theirs))


def disagreement(version: int, release: str) -> str:
    """What to tell a worker whose version a service of this release does not speak."""
    this = f"this service (Rampline {release}) speaks {OLDEST} to {NEWEST}"
    if version < OLDEST:
        return f"the worker speaks protocol {version}, {this}; install Rampline {release} where the worker runs"
    return f"the worker speaks protocol {version}, {this}; upgrade the service first, or install {release} there too"


@cache
def _later(kind: type[Record], version: int) -> dict[str, Any] | None:
    """What `model_dump` is to exclude: the fields that came after a version, at any depth."""
    found: dict[str, Any] = {}
    for name, field in kind.model_fields.items():
        if any(isinstance(mark, Since) and mark.version > version for mark in field.metadata):
            found[name] = True
            continue
        for inner, listed in _records(field.annotation):
            below = _later(inner, version)
            if below is not None:
                found[name] = {"__all__": below} if listed else below
    return found or None


@cache
def _has_later_words(kind: type[Record], version: int) -> bool:
    return any(
        any(isinstance(mark, NewWord) and mark.since > version for mark in field.metadata)
        or any(_has_later_words(inner, version) for inner, _ in _records(field.annotation))
        for field in kind.model_fields.values()
    )


def _records(annotation: object, *, listed: bool = False) -> Iterator[tuple[type[Record], bool]]:
    """The records in a field's type, each with whether the field holds a list of them."""
    if isinstance(annotation, type) and issubclass(annotation, Record):
        yield annotation, listed
    for inner in get_args(annotation):
        yield from _records(inner, listed=listed or getattr(annotation, "__origin__", None) is list)


def _reworded(record: Said, version: int) -> Said:
    """A record with older words for those that came after a version."""
    if not _has_later_words(type(record), version):
        return record
    changed: dict[str, object] = {}
    for name, field in type(record).model_fields.items():
        value = getattr(record, name)
        if isinstance(value, Record):
            changed[name] = _reworded(value, version)
        elif isinstance(value, list):
            changed[name] = [_reworded(one, version) if isinstance(one, Record) else one for one in value]
        for mark in field.metadata:
            if isinstance(mark, NewWord) and mark.since > version and value == mark.word:
                changed[name] = mark.before
    return record.model_copy(update=changed)
