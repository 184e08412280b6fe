"""What pydantic says of a request, in our words: the field, what was wrong, and what would be right."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from service.domain.plan import closest
from service.domain.remainder import further_problems
from service.errors import InvalidError
from service.wire import lifecycle, names, protocol, space, sweep, teams, tokens
from service.wire.problem import FieldProblem

_MODELS = [
    model
    for module in (lifecycle, protocol, space, sweep, teams, tokens)
    for model in vars(module).values()
    if isinstance(model, type) and issubclass(model, BaseModel)
]
_FIELDS = {field.alias or name for model in _MODELS for name, field in model.model_fields.items()}
_PLACES = ("body", "query", "path", "header")

_REMEDIES = {
    "missing": "give it",
    "json_invalid": "send valid JSON",
    "model_attributes_type": "send a JSON object with Content-Type: application/json",
    "model_type": "give an object",
    "dict_type": "give an object",
    "list_type": "give a list",
    "tuple_type": "give a list",
    "too_short": "give at least {min_length}",
    "too_long": "give at most {max_length}",
    "string_type": "give a text",
    "string_too_short": "give at least {min_length} characters",
    "string_too_long": "give at most {max_length} characters",
    "string_pattern_mismatch": "use printable characters on one line",
    "string_unicode": "send UTF-8 text",
    "int_type": "give a whole number",
    "int_parsing": "give a whole number",
    "int_parsing_size": "give a smaller number",
    "int_from_float": "give a whole number",
    "float_type": "give a number (in YAML, 3.0e-4: 3e-4 without a dot is read as text)",
    "float_parsing": "give a number (in YAML, 3.0e-4: 3e-4 without a dot is read as text)",
    "finite_number": "give a finite number",
    "bool_type": "give true or false",
    "bool_parsing": "give true or false",
    "greater_than": "give a number > {gt}",
    "greater_than_equal": "give a number >= {ge}",
    "less_than": "give a number < {lt}",
    "less_than_equal": "give a number <= {le}",
    "literal_error": "give {expected}",
}
# Types that people mostly write in a shorter form than pydantic would ask for.
_SHORT_FORMS = {
    "Dimension": (
        "it is neither a number, a list nor a range",
        "give a number, a list, or {low, high, log} (in YAML, 3.0e-4: 3e-4 without a dot is read as text)",
    ),
    "Horizons": ("it is neither a number nor a list", "give a number of updates, or a list of several"),
}


def read_spec(content: Mapping[str, Any]) -> sweep.SweepSpec:
    """The sweep that a mapping describes.

    Raises:
        InvalidError: with every problem that was found, as for a sweep that is submitted.
    """
    try:
        return sweep.SweepSpec.model_validate(content)
    except ValidationError as error:
        problems = field_problems([dict(one) for one in error.errors()])
        raise InvalidError.of([*problems, *further_problems(content, problems)]) from error


def field_problems(errors: Iterable[Mapping[str, Any]], body: type[BaseModel] = sweep.SweepSpec) -> list[FieldProblem]:
    """One entry per offending field of a `body`, in the order in which pydantic found them."""
    found: dict[str, FieldProblem] = {}
    for error in errors:
        problem = _field_problem(error, body)
        first = found.setdefault(problem.field, problem)
        if first.remedy != problem.remedy:  # the members of a union each say what they would take
            joined = f"{first.remedy} or {problem.remedy.removeprefix('give ')}"
            found[problem.field] = first.model_copy(update={"remedy": joined})
    return list(found.values())


def _field_problem(error: Mapping[str, Any], body: type[BaseModel]) -> FieldProblem:
    kind, context = error["type"], error.get("ctx", {})
    path = _path(error["loc"], unknown=kind == "extra_forbidden")
    field = ".".join(path) or "body"
    if kind == "invalid":
        return FieldProblem(field=field, problem=context["problem"], remedy=context["remedy"])
    if kind == "extra_forbidden":
        remedy = closest(path[-1], _siblings(path, body))
        return FieldProblem(field=field, problem="there is no such field", remedy=remedy)
    for name, (problem, remedy) in _SHORT_FORMS.items():
        if kind == "model_type" and context["class_name"].startswith(name):
            return FieldProblem(field=field, problem=problem, remedy=remedy)
    if kind == "json_invalid":
        return FieldProblem(field="body", problem=f"it is not JSON: {_lower(context['error'])}", remedy=_REMEDIES[kind])
    if kind == "string_pattern_mismatch" and context["pattern"] == names.HANDLE:
        return FieldProblem(field=field, problem="it is no name of a team or user", remedy=f"use {names.HANDLE_HOLDS}")
    problem = "it is missing" if kind == "missing" else _lower(error["msg"])
    return FieldProblem(field=field, problem=problem, remedy=_REMEDIES.get(kind, "see /docs").format(**context))


def _path(location: Sequence[str | int], *, unknown: bool) -> list[str]:
    """The dotted path, without pydantic's names for the members of a union."""
    parts = list(location[1:] if location and location[0] in _PLACES else location)
    known = [str(part) for part in parts if isinstance(part, int) or part in _FIELDS]
    if location and location[0] in _PLACES[1:]:
        return [str(part) for part in parts]
    return [*known, str(parts[-1])] if unknown and str(parts[-1]) not in known[-1:] else known


def _siblings(path: Sequence[str], body: type[BaseModel]) -> list[str]:
    """The fields that are known where an unknown one was given."""
    parent = next((part for part in reversed(path[:-1]) if not part.isdigit()), None)
    if parent is None:
        models: list[type[BaseModel]] = [body]
    else:
        models = [model for model in _MODELS if model.__name__.lower().startswith(parent.replace("_", "").lower()[:5])]
    found = {field.alias or name for model in models for name, field in model.model_fields.items()}
    return sorted(found or _FIELDS)


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:]
