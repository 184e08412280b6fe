"""What else is wrong with a sweep of which some fields cannot even be read, so that all is told at once."""

import copy
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from service.domain.plan import plan
from service.errors import InvalidError
from service.wire.problem import FieldProblem
from service.wire.sweep import SweepSpec

_ROUNDS = 3
# Longer than any usual warmup: it must not cause a problem that is not there.
_LENGTH = 100_000


def further_problems(body: Mapping[str, Any], told: Sequence[FieldProblem]) -> list[FieldProblem]:
    """The problems of the sweep `body` without the fields that were `told` of, which must be those of `SweepSpec`."""
    spec = _readable(body, [problem.field for problem in told])
    if spec is None:
        return []
    try:
        plan(spec)
    except InvalidError as error:
        return [problem for problem in error.fields if not _concerns(problem.field, told)]
    return []


def corpus_of(body: Mapping[str, Any]) -> tuple[str, int]:
    """The text that a sweep names and the context that it asks for, as far as they can be read."""
    spec = _readable({"data": body.get("data"), "model": body.get("model")}, ["space"])
    return (spec.data.corpus, spec.model.context) if spec else ("shakespeare", 1)


def _readable(body: Mapping[str, Any], fields: Iterable[str]) -> SweepSpec | None:
    """A sweep of what can be read of a body: offending fields are left out, and needed ones put in."""
    rest = copy.deepcopy(dict(body))
    broken = {field.split(".")[0] for field in fields if field.startswith("space.schedule")}
    if broken or not isinstance(rest.get("space"), dict) or not rest["space"].get("schedule"):
        rest["space"] = {"schedule": ["constant"], "peak_lr": 0.1}
    for _ in range(_ROUNDS):
        rest.setdefault("total_steps", _LENGTH)
        try:
            return SweepSpec.model_validate(rest)
        except ValidationError as error:
            for found in error.errors():
                _leave_out(rest, found["loc"])
    return None


def _leave_out(rest: dict[str, Any], location: Sequence[str | int]) -> None:
    """Remove the deepest field of an object that a location names."""
    inner: Any = rest
    last: tuple[dict[str, Any], str] | None = None
    for part in location:
        if isinstance(inner, dict) and part in inner:
            last = inner, str(part)
            inner = inner[part]
    if last is not None:
        last[0].pop(last[1], None)


def _concerns(field: str, told: Iterable[FieldProblem]) -> bool:
    """Whether a field, a part of it, or what it is part of was told of."""
    parts = field.split(".")
    others = [problem.field.split(".") for problem in told]
    return any(parts[: len(other)] == other[: len(parts)] for other in others)
