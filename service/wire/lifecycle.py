"""What may be asked of a sweep that is there already: more of it, another priority, a copy."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from service.wire.base import Wire, refusal
from service.wire.space import Space
from service.wire.sweep import Horizons, as_horizons


class WiderSpace(Space):
    """What a space gets in addition: schedules and values beside those that it has, ranges around those that it has."""

    schedule: list[str | dict[str, Any]] = Field(default=[], max_length=100)


class Extension(Wire):
    """More of a sweep. What it has it keeps, so an extension that is repeated changes nothing.

    `trials` is the new total, `total_steps` further lengths of runs: each configuration is trained at those, too.
    """

    trials: int | None = Field(default=None, ge=1, le=100_000, description="the new total")
    total_steps: Annotated[Horizons, BeforeValidator(as_horizons)] | None = None
    space: WiderSpace | None = None

    @model_validator(mode="after")
    def _something(self) -> "Extension":
        if self.trials is None and self.total_steps is None and self.space is None:
            raise refusal("it asks for nothing", "give trials, total_steps or space")
        return self


class Change(Wire):
    """What can be changed of a sweep at any time."""

    priority: int = Field(ge=-1000, le=1000, description="runs of higher priority are taken first")


class Copy(Wire):
    """How a copy of a sweep differs from it: by field, with a dot before a part, as in `space.peak_lr`."""

    changes: dict[str, Any] = Field(default={}, alias="set", description='such as {"trials": 48, "space.factor": 2}')
