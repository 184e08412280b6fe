"""The schedule: an immutable validated record and a pure float64 function of the update.

``step`` counts optimizer updates from 1, as ``step_num`` does in Vaswani et al. 2017: update n of T trains with
``lr(n)``. Array names: n holds the numbers of updates as float64, of any one-dimensional shape [N].
"""

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from schedules import modes
from schedules.errors import ScheduleError
from schedules.parameters import Constraint, Count, Parameter, Updates, constraints_of, parameter_of

F64 = NDArray[np.float64]


class Peak(NamedTuple):
    """The largest rate of a run and the first update that trains with it."""

    step: int
    lr: float


@dataclass(frozen=True, kw_only=True)
class Schedule(ABC):
    """The learning rate of every update of a run; equal, and of equal hash, when type and parameters are equal.

    Every parameter is checked on construction; one that does not fit raises ScheduleError.
    """

    type: ClassVar[str]

    total_steps: Annotated[int, Count("Updates in the run, T.", minimum=1)]
    mode: str = modes.NATIVE

    def __post_init__(self) -> None:
        for name, constraint in _constraints(type(self)).items():
            value = getattr(self, name)
            if value is None and not _is_required(type(self), name):
                continue
            object.__setattr__(self, name, constraint.check(name, value))
        self._check()

    def _check(self) -> None:
        """Check what concerns several parameters; a family extends it. Raise ScheduleError."""
        modes.check(self)

    @abstractmethod
    def native_rates(self, n: F64) -> F64:
        """Return the rates [N] at updates ``n`` [N] >= 1 in our own convention, whatever the schedule's mode."""

    def rates_at(self, steps: F64) -> F64:
        """Return the rates [N] at updates ``steps`` [N] (float64, whole numbers >= 1), in the schedule's mode.

        Updates past ``total_steps`` are answered with what the formula gives there.
        """
        if self.mode == modes.NATIVE:
            return self.native_rates(steps)
        return modes.rates(self, steps)

    def lr(self, step: int) -> float:
        """Return the rate of update ``step``, equal to ``lrs()[step - 1]``.

        Raises ValueError outside 1 ... total_steps.
        """
        if not 1 <= step <= self.total_steps:
            raise ValueError(f"update {step} is outside the run; ask for 1 to {self.total_steps}")
        return float(self.rates_at(np.array([step], dtype=np.float64))[0])

    def lrs(self) -> F64:
        """Return the rates of all updates, float64 [total_steps]; element 0 is update 1."""
        return self.rates_at(np.arange(1, self.total_steps + 1, dtype=np.float64))

    def peak(self) -> Peak:
        """Return the largest rate and the first update that trains with it."""
        rates = self.lrs()
        index = int(rates.argmax())
        return Peak(index + 1, float(rates[index]))

    def area(self) -> float:
        """Return the sum of the rates of all updates."""
        return float(self.lrs().sum())

    def first_below(self, rate: float) -> int | None:
        """Return the first update after the peak whose rate is below ``rate``, or None if there is none."""
        start = self.peak().step
        below = np.flatnonzero(self.lrs()[start:] < rate)
        return start + int(below[0]) + 1 if below.size else None

    def with_total_steps(self, total_steps: int) -> Self:
        """Return this schedule over another number of updates, every other parameter kept."""
        return dataclasses.replace(self, total_steps=total_steps)

    def rescale(self, total_steps: int) -> Self:
        """Return this schedule stretched to another number of updates: every count of updates scales with it.

        Counts round to the nearest update; a count that was not zero stays at least 1.
        """
        return dataclasses.replace(self, **self._stretched(total_steps / self.total_steps), total_steps=total_steps)

    def _stretched(self, ratio: float) -> dict[str, Any]:
        """Return the parameters that change when the run becomes ``ratio`` times as long."""
        return {
            name: constraint.stretch(getattr(self, name), ratio)
            for name, constraint in _constraints(type(self)).items()
            if isinstance(constraint, Count | Updates) and name != "total_steps" and getattr(self, name) is not None
        }

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON object that ``build`` turns into an equal schedule; parameters left out are left out."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        given = {name: _to_json(value) for name, value in values.items() if value is not None}
        return {"type": self.type, **given}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return the schedule of this family with these parameters. Raises ScheduleError."""
        parameters = {parameter.name: parameter for parameter in cls.parameters()}
        for name in values:
            if name not in parameters:
                remedy = f"{cls.type} takes {', '.join(parameters)}"
                raise ScheduleError(str(name), f"{cls.type} has no such parameter", remedy)
        for name, parameter in parameters.items():
            if parameter.required and values.get(name) is None:
                raise ScheduleError(name, f"{cls.type} needs it and it is missing", f"give {name}: {parameter.doc}")
        return cls(**values)

    @classmethod
    def parameters(cls) -> tuple[Parameter, ...]:
        """Return what this family takes, in the order of its fields."""
        return _parameters(cls)


def _to_json(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


@cache
def _constraints(family: type[Schedule]) -> dict[str, Constraint]:
    return {**constraints_of(family), "mode": modes.constraint(family.type)}


@cache
def _parameters(family: type[Schedule]) -> tuple[Parameter, ...]:
    constraints = _constraints(family)
    return tuple(parameter_of(field, constraints[field.name]) for field in dataclasses.fields(family))


@cache
def _is_required(family: type[Schedule], name: str) -> bool:
    return next(parameter.required for parameter in _parameters(family) if parameter.name == name)
