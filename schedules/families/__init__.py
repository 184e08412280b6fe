"""The families, one file each, and the way from data to a schedule."""

from collections.abc import Mapping

from schedules.errors import ScheduleError
from schedules.families.constant import Constant
from schedules.families.cosine import Cosine
from schedules.families.cosine_restarts import CosineRestarts
from schedules.families.exponential import Exponential
from schedules.families.inverse_sqrt import InverseSqrt
from schedules.families.linear import Linear
from schedules.families.noam import Noam
from schedules.families.one_cycle import OneCycle
from schedules.families.polynomial import Polynomial
from schedules.families.rex import Rex
from schedules.families.step import Step
from schedules.families.wsd import Wsd
from schedules.schedule import Schedule

_ALL: tuple[type[Schedule], ...] = (
    Noam,
    InverseSqrt,
    Constant,
    Linear,
    Cosine,
    CosineRestarts,
    Polynomial,
    Exponential,
    Step,
    Wsd,
    OneCycle,
    Rex,
)

FAMILIES: Mapping[str, type[Schedule]] = {family.type: family for family in _ALL}


def build(mapping: Mapping[str, object]) -> Schedule:
    """Return the schedule that a mapping describes: ``type`` names the family, the rest are its parameters.

    Raises ScheduleError for an unknown type, an unknown or missing parameter, and a value that does not fit.

    >>> build({"type": "linear", "total_steps": 10, "peak_lr": 1.0, "warmup_steps": 2}).lr(2)
    1.0
    """
    if not isinstance(mapping, Mapping):
        raise ScheduleError("schedule", f"{mapping!r} is not a mapping", 'give {"type": "cosine", ...}')
    kind = mapping.get("type")
    family = FAMILIES.get(kind) if isinstance(kind, str) else None
    if family is None:
        problem = "it is missing" if kind is None else f"{kind!r} is not a schedule"
        raise ScheduleError("type", problem, f"give one of {', '.join(FAMILIES)}")
    return family.from_dict({name: value for name, value in mapping.items() if name != "type"})
