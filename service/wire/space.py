"""The search space: which schedules, and along which dimensions they vary."""

from typing import Annotated, Any, Generic, TypeVar

from pydantic import BeforeValidator, Field, field_validator, model_validator

from service.wire.base import Wire, refusal

Number = TypeVar("Number", int, float)
Beta = Annotated[float, Field(ge=0, lt=1)]
Betas = tuple[Beta, Beta]


class Dimension(Wire, Generic[Number]):
    """One axis of the space: listed values, or a range sampled uniformly (`log: true`: in the logarithm)."""

    values: list[Number] | None = Field(default=None, min_length=1, max_length=10_000)
    low: Number | None = None
    high: Number | None = None
    log: bool = False

    @model_validator(mode="after")
    def _one_form(self) -> "Dimension[Number]":
        if self.values is not None:
            if self.low is not None or self.high is not None or self.log:
                raise refusal("it has both values and a range", "give either {values: [...]} or {low, high, log}")
            check_distinct(self.values)
        elif self.low is None or self.high is None:
            raise refusal("it has neither values nor both ends of a range", "give {values: [...]} or {low, high}")
        elif self.low >= self.high:
            raise refusal(
                f"low {self.low} is not below high {self.high}",
                "give low < high, or {values: [...]} for one value",
            )
        elif self.log and self.low <= 0:
            raise refusal(
                f"a logarithmic range cannot start at {self.low}",
                "give low > 0, or log: false, or list the values",
            )
        return self

    @property
    def is_range(self) -> bool:
        """Whether it is continuous (a range) rather than listed."""
        return self.values is None

    def bounds(self) -> tuple[Number, Number]:
        """The smallest and the largest value."""
        if self.values is not None:
            return min(self.values), max(self.values)
        assert self.low is not None
        assert self.high is not None
        return self.low, self.high


class BetasDimension(Wire):
    """Adam's (beta1, beta2), listed."""

    values: list[Betas] = Field(min_length=1, max_length=1_000)

    @field_validator("values")
    @classmethod
    def _each_once(cls, values: list[Betas]) -> list[Betas]:
        check_distinct(values)
        return values


def check_distinct(values: list[Any]) -> None:
    """Refuse a list that holds a value twice: each would be trained twice."""
    if len(set(values)) != len(values):
        twice = next(value for index, value in enumerate(values) if value in values[:index])
        raise refusal(f"{twice} is listed twice", "list each value once")


def _as_dimension(value: object) -> object:
    """Take a bare value or list as short for `{values: [...]}`."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return {"values": [value]}
    if isinstance(value, list):
        return {"values": value}
    return value


Ints = Annotated[Dimension[int], BeforeValidator(_as_dimension)]
Floats = Annotated[Dimension[float], BeforeValidator(_as_dimension)]


class Space(Wire):
    """The search space. A dimension is a value, a list, `{values: [...]}` or `{low, high, log}`.

    `schedule` lists families by name, or as objects that fix a family's own parameters:
    `{type: wsd, decay_fraction: 0.2, shape: 1-sqrt}`. `peak_lr` does not apply to `noam`, whose peak
    follows from d_model and warmup; `factor` scales that peak and applies to `noam` alone.
    """

    schedule: list[str | dict[str, Any]] = Field(min_length=1, max_length=100)
    warmup_steps: Ints | None = None
    peak_lr: Floats | None = None
    factor: Floats | None = None
    weight_decay: Floats | None = Field(default=None, alias="optimizer.weight_decay")
    grad_clip: Floats | None = Field(default=None, alias="optimizer.grad_clip")
    betas: BetasDimension | None = Field(default=None, alias="optimizer.betas")

    @field_validator("schedule")
    @classmethod
    def _each_once(cls, schedules: list[str | dict[str, Any]]) -> list[str | dict[str, Any]]:
        for index, entry in enumerate(schedules):
            if entry in schedules[:index]:
                raise refusal(f"{entry} is listed twice", "list each schedule once")
        return schedules

    def dimensions(self) -> dict[str, Dimension[int] | Dimension[float] | BetasDimension]:
        """The dimensions that were given, by their name in a sweep file."""
        named = {
            "warmup_steps": self.warmup_steps,
            "peak_lr": self.peak_lr,
            "factor": self.factor,
            "optimizer.weight_decay": self.weight_decay,
            "optimizer.grad_clip": self.grad_clip,
            "optimizer.betas": self.betas,
        }
        return {name: dimension for name, dimension in named.items() if dimension is not None}
