"""The base of every type on the wire."""

from collections.abc import Iterator
from functools import cache
from types import NoneType
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

BIGGEST = 2**63 - 1


class Record(BaseModel):
    """An immutable record; a field that it does not know is refused, so that a misspelt one is never ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="strings", allow_inf_nan=False)


class Wire(Record):
    """A record that the service is sent, or of which a part was.

    Where a number belongs, neither `true` nor a text is taken for one. Whole numbers have 64 bits, and texts hold no
    NUL, since databases know nothing else. What the service answers is a plain `Record`, and not looked through again.
    """

    @field_validator("*", mode="before")
    @classmethod
    def _storable(cls, value: object, info: ValidationInfo) -> object:
        items: list[Any] = value if isinstance(value, list) else [value]
        for item in items:
            if type(item) is float:  # first: grids are long
                continue
            if isinstance(item, str):
                if "\0" in item:
                    raise refusal("it holds a NUL", "leave it out")
                if _is_number(item) and _numeric(cls, str(info.field_name)):
                    raise refusal(f'"{item[:40]}" is a text', "give a number, without quotes")
            elif isinstance(item, bool):
                if _numeric(cls, str(info.field_name)):
                    raise refusal(f"{str(item).lower()} is not a number", "give a number")
            elif isinstance(item, int) and abs(item) > BIGGEST:
                raise refusal("it has more than 64 bits", f"give a number of at most {BIGGEST}")
        return value


def refusal(problem: str, remedy: str) -> PydanticCustomError:
    """The error of a validator: what was wrong, and what would be right (`field` comes from pydantic)."""
    return PydanticCustomError("invalid", "{problem}", {"problem": problem, "remedy": remedy})


@cache
def _numeric(model: type[BaseModel], field: str) -> bool:
    """Whether nothing but numbers, or lists of them, belongs into a field."""
    return set(_leaves(model.model_fields[field].annotation)) <= {int, float, NoneType}


def _leaves(annotation: object) -> Iterator[object]:
    inner = get_args(annotation)
    if get_origin(annotation) is Annotated:
        inner = inner[:1]
    if not inner:
        yield annotation
    for part in inner:
        yield from _leaves(part)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
