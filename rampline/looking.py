"""Looking at schedules without a service: a schedule drawn in the terminal or to a file, and files checked."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

import schedules
from rampline import reading
from rampline.reading import UnreadableError
from service.api.validation import field_problems
from service.domain.findings import shown
from service.domain.plan import plan
from service.domain.remainder import further_problems
from service.errors import InvalidError
from service.wire.sweep import SweepSpec
from service.wire.views import Finding


def read_mapping(text: str, name: str) -> dict[str, Any] | list[Any]:
    """What a YAML or JSON text holds.

    Raises:
        UnreadableError: it is neither, or holds a bare value.
    """
    content = reading.load(text, name)
    if not isinstance(content, dict | list):
        raise UnreadableError(
            f"{name} holds neither a sweep nor a schedule; see examples/first-sweep.yaml for a sweep, "
            "and {type: cosine, total_steps: 1000, warmup_steps: 100, peak_lr: 3.0e-3} for a schedule"
        )
    return content


def lint(content: dict[str, Any] | list[Any]) -> list[Finding]:
    """What is wrong or doubtful with a sweep, a schedule, or a list of schedules."""
    if isinstance(content, dict) and "space" in content:
        return _lint_sweep(content)
    findings = schedules.lint(content if isinstance(content, list) else [content])
    if isinstance(content, list) and len(content) > 1:
        return [shown(finding, field=f"{list(finding.positions)}.{finding.field}") for finding in findings]
    return [shown(finding) for finding in findings]


def extent(content: dict[str, Any] | list[Any]) -> str | None:
    """How much a sweep would train; None for what is no sweep, or none that could be queued."""
    if not isinstance(content, dict) or "space" not in content:
        return None
    try:
        planned = plan(SweepSpec.model_validate(content))
    except (ValidationError, InvalidError):
        return None
    return f"{planned.trials} trials, {planned.runs} runs, {planned.updates} updates"


def _lint_sweep(content: Mapping[str, Any]) -> list[Finding]:
    try:
        return plan(SweepSpec.model_validate(content)).findings
    except ValidationError as error:
        problems = field_problems([dict(entry) for entry in error.errors()])
        problems += further_problems(content, problems)
    except InvalidError as error:
        problems = error.fields
    return [
        Finding(severity="error", code="invalid", field=one.field, message=one.problem, suggestion=one.remedy)
        for one in problems
    ]


def described(given: Mapping[str, Any], extra: list[str]) -> dict[str, Any]:
    """A schedule's mapping from a command's options; `extra` holds `name=value` pairs, the values in JSON or bare.

    Raises:
        UnreadableError: a pair has no `=`.
    """
    mapping = {name: value for name, value in given.items() if value is not None}
    for pair in extra:
        name, equals, text = pair.partition("=")
        if not equals:
            raise UnreadableError(f"{pair!r} is no parameter: write it as name=value, for example final_lr=1e-5")
        try:
            mapping[name] = json.loads(text)
        except json.JSONDecodeError:
            mapping[name] = text
    return mapping


def draw(schedule: schedules.Schedule, file: Path) -> None:
    """Write a schedule's curve as PNG or SVG, by the file's ending.

    Raises:
        UnreadableError: another ending.
    """
    endings = {".png": "png", ".svg": "svg"}
    ending = endings.get(file.suffix.lower())
    if ending is None:
        raise UnreadableError(f"{file} has another ending than .png or .svg: name the picture so")
    file.write_bytes(schedules.picture(schedule, "svg" if ending == "svg" else "png"))
