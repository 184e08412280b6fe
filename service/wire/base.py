"""The base of every type on the wire."""

from pydantic import BaseModel, ConfigDict
from pydantic_core import PydanticCustomError


class Wire(BaseModel):
    """An immutable record; a field that it does not know is refused, so that a misspelt one is never ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="strings", allow_inf_nan=False)


def refusal(problem: str, remedy: str) -> PydanticCustomError:
    """The error of a validator: what was wrong, and what would be right (`field` comes from pydantic)."""
    return PydanticCustomError("invalid", "{problem}", {"problem": problem, "remedy": remedy})
