"""What a parameter of a schedule may be: declared once on its field, checked on construction, listed for others.

A family writes ``warmup_steps: Annotated[int, Integer("Updates of warmup.")] = 0``; everything that checks,
documents or lists parameters reads that one line.
"""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, get_type_hints

from schedules.errors import ScheduleError

Kind = Literal["integer", "number", "string", "boolean", "integers"]
Value = int | float | str | bool | tuple[int, ...]


@dataclass(frozen=True)
class Integer:
    """A whole number (never a bool), at least ``minimum``."""

    doc: str
    minimum: int = 0
    kind: Kind = "integer"

    def check(self, name: str, value: object) -> int:
        """Return ``value`` as an int, or raise ScheduleError."""
        if isinstance(value, bool) or not isinstance(value, int):
            raise ScheduleError(name, f"{value!r} is not a whole number", f"give an integer >= {self.minimum}")
        if value < self.minimum:
            raise ScheduleError(name, f"{value} is too small", f"give an integer >= {self.minimum}")
        return value


@dataclass(frozen=True)
class Count(Integer):
    """A number of updates, which scales with the run when a schedule is stretched to another horizon."""

    def stretch(self, count: int, ratio: float) -> int:
        """Return ``count`` times ``ratio``, rounded; what was not zero stays at least 1."""
        return max(1, round(count * ratio)) if count else 0


@dataclass(frozen=True)
class Number:
    """A finite number (never a bool) in [minimum, maximum], or in (minimum, maximum] where ``open_below``."""

    doc: str
    minimum: float = 0.0
    maximum: float = math.inf
    open_below: bool = False
    kind: Kind = "number"

    def check(self, name: str, value: object) -> float:
        """Return ``value`` as a float, or raise ScheduleError."""
        remedy = f"give a finite number {self._range()}"
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ScheduleError(name, f"{value!r} is not a number", remedy)
        if not math.isfinite(value):
            raise ScheduleError(name, f"{value} is not finite", remedy, "not-finite")
        below = value <= self.minimum if self.open_below else value < self.minimum
        if below or value > self.maximum:
            code = "negative" if value < 0 else "invalid-parameter"
            raise ScheduleError(name, f"{value} is out of range", remedy, code)
        return float(value)

    def _range(self) -> str:
        lower = f"{'>' if self.open_below else '>='} {self.minimum:g}"
        return lower if math.isinf(self.maximum) else f"{lower} and <= {self.maximum:g}"


@dataclass(frozen=True)
class Choice:
    """One of a few words."""

    doc: str
    choices: tuple[str, ...]
    kind: Kind = "string"

    def check(self, name: str, value: object) -> str:
        """Return ``value``, or raise ScheduleError."""
        if not isinstance(value, str) or value not in self.choices:
            raise ScheduleError(name, f"{value!r} is not known", f"give one of {', '.join(self.choices)}")
        return value


@dataclass(frozen=True)
class Flag:
    """True or false."""

    doc: str
    kind: Kind = "boolean"

    def check(self, name: str, value: object) -> bool:
        """Return ``value``, or raise ScheduleError."""
        if not isinstance(value, bool):
            raise ScheduleError(name, f"{value!r} is not a truth value", "give true or false")
        return value


@dataclass(frozen=True)
class Updates:
    """Numbers of updates, strictly increasing from 1: kept as a tuple, written to JSON as a list."""

    doc: str
    kind: Kind = "integers"

    def check(self, name: str, value: object) -> tuple[int, ...]:
        """Return ``value`` as a tuple, or raise ScheduleError."""
        remedy = "give a list of increasing integers >= 1, such as [100, 200]"
        if isinstance(value, str) or not isinstance(value, Sequence):
            raise ScheduleError(name, f"{value!r} is not a list", remedy)
        updates = tuple(Integer(self.doc, minimum=1).check(name, update) for update in value)
        if any(later <= earlier for earlier, later in pairwise(updates)):
            raise ScheduleError(name, f"{list(updates)} does not increase", remedy)
        return updates

    def stretch(self, updates: tuple[int, ...], ratio: float) -> tuple[int, ...]:
        """Return each of ``updates`` times ``ratio``, rounded, still strictly increasing."""
        stretched: list[int] = []
        for update in updates:
            stretched.append(max(round(update * ratio), stretched[-1] + 1 if stretched else 1))
        return tuple(stretched)


Constraint = Integer | Number | Choice | Flag | Updates


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One parameter of a family, as listed by ``Family.parameters()``.

    ``default`` is None both for a required parameter and for one that may be left out; ``required`` tells.
    ``minimum``, ``maximum`` and ``choices`` are None or empty where they do not apply.
    """

    name: str
    type: Kind
    required: bool
    default: Value | None
    doc: str
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON object."""
        return {**dataclasses.asdict(self), "choices": list(self.choices)}


def constraints_of(record: type) -> dict[str, Constraint]:
    """Return the constraint that each field of a dataclass declares, in the order of the fields."""
    hints = get_type_hints(record, include_extras=True)
    return {
        field.name: constraint
        for field in dataclasses.fields(record)
        for constraint in getattr(hints[field.name], "__metadata__", ())
    }


def parameter_of(field: dataclasses.Field[Any], constraint: Constraint) -> Parameter:
    """Return the listing of one dataclass field."""
    default = field.default
    required = default is dataclasses.MISSING
    maximum = getattr(constraint, "maximum", None)
    return Parameter(
        name=field.name,
        type=constraint.kind,
        required=required,
        default=None if default is dataclasses.MISSING else default,
        doc=constraint.doc,
        minimum=getattr(constraint, "minimum", None),
        maximum=None if maximum is None or math.isinf(maximum) else maximum,
        choices=getattr(constraint, "choices", ()),
    )
