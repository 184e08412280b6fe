"""What a request to MLflow asks for: its query and its JSON, read once, checked, and sent on as they were read."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

from service.door.paths import demand_plain
from service.errors import BadRequestError, InvalidError
from service.wire.problem import FieldProblem

EXPERIMENTS = frozenset({"experiment_id", "experiment_ids"})
RUNS = frozenset({"run_id", "run_ids", "run_uuid"})
_OWN = "rampline."
# MLflow also takes `runId` for `run_id`; here a field has one name.
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_MOST = 1000


@dataclass(frozen=True)
class Asked:
    """The fields of a request: of its query, and of its body if it has one. A query may give a field several times."""

    query: tuple[tuple[str, str], ...]
    body: Mapping[str, Any] | None = None

    @classmethod
    def of(cls, query: bytes, body: bytes | None) -> "Asked":
        """Read a request.

        Raises:
            BadRequestError: it cannot be read in one way only.
            InvalidError: a field has a name or a value that it cannot have.
        """
        try:
            pairs = tuple(parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict"))
        except ValueError as error:
            raise BadRequestError("the query cannot be read; send it in UTF-8, percent-encoded") from error
        asked = cls(pairs, read_object(body) if body else None)
        asked._check()
        return asked

    @classmethod
    def of_fields(cls, fields: Mapping[str, Any]) -> "Asked":
        """A request with these fields.

        Raises InvalidError: as `of`.
        """
        asked = cls((), fields)
        asked._check()
        return asked

    def fields(self) -> Iterable[tuple[str, Any]]:
        """Every field with its value."""
        yield from self.query
        yield from (self.body or {}).items()

    def ids(self, names: frozenset[str]) -> frozenset[str]:
        """All ids that fields of these names hold."""
        return frozenset(one for name, value in self.fields() if name in names for one in _listed(value))

    def paths(self) -> list[str]:
        """What the fields `path` hold."""
        return [str(value) for name, value in self.fields() if name == "path"]

    def replacing(self, name: str, value: str) -> "Asked":
        """The same with one field as this."""
        if self.body is not None:
            return Asked(tuple(pair for pair in self.query if pair[0] != name), {**self.body, name: value})
        return Asked((*(pair for pair in self.query if pair[0] != name), (name, value)))

    def text(self, name: str) -> str:
        """What a field holds, nothing if it is not there."""
        return next((str(value) for key, value in self.fields() if key == name), "")

    def query_string(self) -> bytes:
        """The query as it is sent on."""
        return urlencode(self.query).encode()

    def content(self) -> bytes | None:
        """The body as it is sent on."""
        return None if self.body is None else json.dumps(self.body).encode()

    def _check(self) -> None:
        for name, value in self.fields():
            if not _NAME.fullmatch(name):
                raise _invalid(name[:60], "there is no such field", "write names like run_id")
            if name in EXPERIMENTS | RUNS and not all(
                isinstance(one, str) and _ID.fullmatch(one) for one in _listed(value)
            ):
                raise _invalid(name, "it holds what is no id", "give ids as texts")
            if name == "path":
                demand_plain(str(value))
        for names in EXPERIMENTS, RUNS:
            if len(self.ids(names)) > _MOST:
                raise _invalid(min(names), f"there are more than {_MOST}", "ask for fewer at once")

    def demand_only(self, fields: frozenset[str]) -> None:
        """Raise InvalidError if there are other fields than these."""
        for name, _ in self.fields():
            if name not in fields:
                raise _invalid(name, "only Rampline changes it", f"send {', '.join(sorted(fields))}")

    def demand_remark(self) -> None:
        """Raise InvalidError if the field `key` names a tag that Rampline writes."""
        for name, value in self.fields():
            if name == "key" and str(value).startswith(_OWN):
                raise _invalid("key", f"tags that begin with {_OWN} are Rampline's own", "choose another name")


def read_object(body: bytes) -> dict[str, Any]:
    """A JSON object in which no name is given twice.

    Raises BadRequestError: it is none.
    """
    try:
        parsed = json.loads(body.decode(), object_pairs_hook=_each_once)
    except (ValueError, RecursionError) as error:
        raise BadRequestError("the body cannot be read; send a JSON object in UTF-8, each name once") from error
    if not isinstance(parsed, dict):
        raise BadRequestError("the body has to be a JSON object")
    return parsed


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name is given twice")
    return found


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _invalid(field: str, problem: str, remedy: str) -> InvalidError:
    return InvalidError.of([FieldProblem(field=field, problem=problem, remedy=remedy)])
