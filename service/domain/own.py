"""A family's own parameters as dimensions: `{type: wsd, decay_fraction: {low: 0.1, high: 0.5}}`.

What an entry of the space gives for a parameter is fixed, or a dimension of that entry alone: an object with `values`
or a range, or a list where the parameter is no list itself.
"""

import json
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

import schedules
from service.domain.axes import Axis, Scalar, axis_of
from service.wire.space import Dimension

MOST_VALUES = 1_000
_FORMS = "give {values: [...]}, or {low, high, log}"


class OwnError(Exception):
    """What an entry gives for a parameter is no dimension; the parameter, what is wrong, and the remedy."""

    def __init__(self, parameter: str, problem: str, remedy: str) -> None:
        super().__init__(f"{parameter}: {problem}; {remedy}")
        self.parameter = parameter
        self.problem = problem
        self.remedy = remedy


def is_swept(parameter: schedules.Parameter, given: object) -> bool:
    """Whether an entry gives a dimension, rather than one value, for a parameter of its family."""
    return isinstance(given, Mapping) or (isinstance(given, list) and parameter.type != "integers")


def own_axis(prefix: str, parameter: schedules.Parameter, given: Any) -> Axis:
    """The axis `prefix.parameter` of what an entry gives for a parameter.

    Raises:
        OwnError: it is no dimension.
    """
    form = {"values": given} if isinstance(given, list) else dict(given)
    name = f"{prefix}.{parameter.name}"
    if parameter.type in ("string", "boolean", "integers"):
        return Axis(name, _words(parameter, form), own=parameter.name, listed_as_json=parameter.type == "integers")
    kind = Dimension[int] if parameter.type == "integer" else Dimension[float]
    try:
        dimension = kind.model_validate(form)
    except ValidationError as error:
        first = error.errors()[0]
        unknown = first["type"] == "extra_forbidden"
        problem = f"there is no {first['loc'][-1]} in a dimension" if unknown else _problem(first)
        remedy = first.get("ctx", {}).get("remedy", _FORMS)
        raise OwnError(parameter.name, problem, remedy) from error
    return axis_of(name, dimension, own=parameter.name)


def _words(parameter: schedules.Parameter, form: Mapping[str, Any]) -> tuple[Scalar, ...]:
    """The listed values of a parameter that is no number, as an axis holds them."""
    values = form.get("values")
    if set(form) != {"values"} or not isinstance(values, list) or not 1 <= len(values) <= MOST_VALUES:
        raise OwnError(parameter.name, "it is no number, and has no range", "give {values: [...]} with what it may be")
    if parameter.type == "integers":
        words: list[Scalar] = [json.dumps(value) for value in values]
    else:
        words = [value for value in values if isinstance(value, str | bool)]
    if len(words) != len(values):
        raise OwnError(parameter.name, "a value is of the wrong kind", f"give values of the kind {parameter.type}")
    if len(set(words)) != len(words):
        twice = next(word for index, word in enumerate(words) if word in words[:index])
        raise OwnError(parameter.name, f"{twice} is listed twice", "list each value once")
    return tuple(words)


def _problem(error: Any) -> str:
    message = str(error.get("ctx", {}).get("problem", error["msg"]))
    return message[:1].lower() + message[1:]
