"""What is suspicious about a schedule before anything trains with it."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from schedules.comparison import alike
from schedules.errors import ScheduleError
from schedules.families import FAMILIES, build
from schedules.schedule import F64, Schedule

ANNEALED_SHARE = 0.5


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is wrong (``error``) or doubtful (``warning``) with one schedule, or with several together.

    ``code`` is stable; ``field`` names the parameter concerned; ``positions`` are the places, in what was given to
    ``lint``, of the schedules concerned.
    """

    code: str
    severity: Literal["error", "warning"]
    message: str
    suggestion: str
    field: str
    positions: tuple[int, ...] = (0,)

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON object."""
        return {**asdict(self), "positions": list(self.positions)}


Lintable = Schedule | Mapping[str, object]


def lint(schedules: Lintable | Iterable[Lintable], *, beta2: float | None = None) -> list[Finding]:
    """Return what is wrong or doubtful with one schedule or several, in order; an empty list is a clean bill.

    Each may be a Schedule or the mapping from which one is built; a mapping that does not build is an error finding,
    never an exception. ``beta2`` is Adam's, for the length of warmup that it asks for.
    """
    many: list[Lintable] = [schedules] if isinstance(schedules, Schedule | Mapping) else list(schedules)
    findings: list[Finding] = []
    built: dict[int, Schedule] = {}
    for position, one in enumerate(many):
        schedule, found = _built(one)
        if schedule is not None:
            built[position] = schedule
            found += [*_of_curve(schedule, schedule.lrs()), *_of_parameters(schedule, beta2)]
        findings += [replace(finding, positions=(position,)) for finding in found]
    positions = list(built)
    groups = [tuple(positions[index] for index in group) for group in alike(list(built.values()))]
    return findings + [_duplicates(group) for group in groups if len(group) > 1]


def _built(one: Lintable) -> tuple[Schedule | None, list[Finding]]:
    if isinstance(one, Schedule):
        return one, []
    foreign = _foreign(one)
    found = [_ignored(name, f"{one['type']} has no {name}") for name in foreign]
    try:
        return build({name: value for name, value in one.items() if name not in foreign}), found
    except ScheduleError as error:
        return None, [*found, _error(error.code, error.problem, error.remedy, error.field)]


def _foreign(mapping: Mapping[str, object]) -> set[str]:
    """Return the names that other families know and this one does not."""
    kind = mapping.get("type")
    family = FAMILIES.get(kind) if isinstance(kind, str) else None
    if family is None:
        return set()
    own = {parameter.name for parameter in family.parameters()}
    known = {parameter.name for other in FAMILIES.values() for parameter in other.parameters()}
    return (set(mapping) & known) - own


def _of_curve(schedule: Schedule, rates: F64) -> list[Finding]:
    top = float(rates.max())
    if top == 0:
        message = "every update would train at rate zero"
        return [_error("zero-rate", message, "give a positive peak_lr or factor", _scale_field(schedule))]
    found = []
    if rates[0] == 0:
        suggestion = "use mode native, which starts at start_lr + peak_lr / warmup_steps"
        found.append(_warning("first-update-zero", "the first update has rate zero", suggestion, "mode"))
    wanted = getattr(schedule, "peak_lr", top)
    if top < wanted:
        message = f"the largest rate is {top:g}, never peak_lr = {wanted:g}"
        suggestion = "shorten the warmup, or train longer"
        found.append(_warning("peak-never-reached", message, suggestion, "warmup_steps"))
    if schedule.type != "constant" and rates[-1] > ANNEALED_SHARE * top:
        message = f"the last update still trains at {rates[-1] / top:.0%} of the peak"
        suggestion = "let the decay end with the run: check total_steps, horizon, milestones and decay_rate"
        found.append(_warning("never-anneals", message, suggestion, "total_steps"))
    return found


def _of_parameters(schedule: Schedule, beta2: float | None) -> list[Finding]:
    found = []
    warmup: int | None = getattr(schedule, "warmup_steps", None)
    horizon: int | None = getattr(schedule, "horizon", None)
    if horizon is not None and horizon != schedule.total_steps:
        message = f"the decay ends at update {horizon}, the run at {schedule.total_steps}"
        found.append(_warning("horizon-mismatch", message, "leave horizon out", "horizon"))
    if warmup == 0:
        defaults = {parameter.name: parameter.default for parameter in schedule.parameters()}
        found += [
            _ignored(name, "without warmup it changes nothing")
            for name in ("start_lr", "warmup_shape")
            if getattr(schedule, name, defaults.get(name)) != defaults.get(name)
        ]
    if beta2 is not None and warmup is not None and warmup < (wanted := _warmup_for(beta2)):
        message = f"a warmup of {warmup} updates is shorter than 2 / (1 - beta2) = {wanted} (Ma & Yarats 2021)"
        suggestion = f"warm up for {wanted} updates, or use a smaller beta2"
        found.append(_warning("warmup-short-for-beta2", message, suggestion, "warmup_steps"))
    return found


def _warmup_for(beta2: float) -> int:
    return round(2 / (1 - beta2))


def _scale_field(schedule: Schedule) -> str:
    return "peak_lr" if hasattr(schedule, "peak_lr") else "factor"


def _duplicates(positions: tuple[int, ...]) -> Finding:
    message = f"{len(positions)} schedules give the same rate at every update"
    return replace(_warning("duplicate-curve", message, "keep one of them", "schedule"), positions=positions)


def _ignored(name: str, why: str) -> Finding:
    return _warning("ignored-parameter", f"{name} is ignored: {why}", f"leave {name} out", name)


def _error(code: str, message: str, suggestion: str, field: str) -> Finding:
    return Finding(code=code, severity="error", message=message, suggestion=suggestion, field=field)


def _warning(code: str, message: str, suggestion: str, field: str) -> Finding:
    return Finding(code=code, severity="warning", message=message, suggestion=suggestion, field=field)
