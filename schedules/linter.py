"""What is suspicious about a schedule before anything trains with it."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from schedules.comparison import alike
from schedules.errors import ScheduleError
from schedules.families import FAMILIES, build
from schedules.findings import Finding, error, warning
from schedules.schedule import F64, Schedule

ANNEALED_SHARE = 0.5


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
    except ScheduleError as refused:
        return None, [*found, error(refused.code, refused.problem, refused.remedy, refused.field)]


def _foreign(mapping: Mapping[str, object]) -> set[str]:
    """Return the names that other families know and this one does not."""
    kind = mapping.get("type")
    family = FAMILIES.get(kind) if isinstance(kind, str) else None
    if family is None:
        return set()
    own = {parameter.name for parameter in family.parameters()}
    known = {parameter.name for other in FAMILIES.values() for parameter in other.parameters()}
    return (set(mapping) & known) - own


def of_rates(rates: F64, *, may_stay: bool = False) -> list[Finding]:
    """Return what is doubtful about bare rates [T], whatever gave them; ``may_stay`` where they need not fall."""
    top = float(rates.max())
    if top == 0:
        return [error("zero-rate", "every update would train at rate zero", "give a positive rate", "peak_lr")]
    found = []
    if rates[0] == 0:
        suggestion = "use mode native, which starts at start_lr + peak_lr / warmup_steps"
        found.append(warning("first-update-zero", "the first update has rate zero", suggestion, "mode"))
    if rates.size > 1 and rates.argmax() == rates.size - 1:
        message = f"the rate rises up to the last update, where it is {top:g}, and never falls"
        suggestion = "shorten the warmup, or train longer; did you mean min(n^-0.5, n W^-1.5)?"
        found.append(warning("still-rising", message, suggestion, "warmup_steps"))
    elif not may_stay and rates[-1] > ANNEALED_SHARE * top:
        message = f"the last update still trains at {rates[-1] / top:.0%} of the peak"
        suggestion = "let the decay end with the run: check total_steps, horizon, milestones and decay_rate"
        found.append(warning("never-anneals", message, suggestion, "total_steps"))
    return found


def _of_curve(schedule: Schedule, rates: F64) -> list[Finding]:
    found = [
        replace(finding, field="factor") if finding.code == "zero-rate" and schedule.type == "noam" else finding
        for finding in of_rates(rates, may_stay=schedule.type == "constant")
    ]
    top = float(rates.max())
    wanted = getattr(schedule, "peak_lr", top)
    if 0 < top < wanted:
        message = f"the largest rate is {top:g}, never peak_lr = {wanted:g}"
        suggestion = "shorten the warmup, or train longer"
        if schedule.mode == "torch_chained":
            suggestion = "ChainedScheduler multiplies its schedulers; join them with SequentialLR, or use mode native"
        found.append(warning("peak-never-reached", message, suggestion, "peak_lr"))
    return found


def _of_parameters(schedule: Schedule, beta2: float | None) -> list[Finding]:
    found = []
    warmup: int | None = getattr(schedule, "warmup_steps", None)
    horizon: int | None = getattr(schedule, "horizon", None)
    if horizon is not None and horizon != schedule.total_steps:
        message = f"the decay ends at update {horizon}, the run at {schedule.total_steps}"
        found.append(warning("horizon-mismatch", message, "leave horizon out", "horizon"))
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
        found.append(warning("warmup-short-for-beta2", message, suggestion, "warmup_steps"))
    return found


def _warmup_for(beta2: float) -> int:
    return round(2 / (1 - beta2))


def _duplicates(positions: tuple[int, ...]) -> Finding:
    message = f"{len(positions)} schedules give the same rate at every update"
    return replace(warning("duplicate-curve", message, "keep one of them", "schedule"), positions=positions)


def _ignored(name: str, why: str) -> Finding:
    return warning("ignored-parameter", f"{name} is ignored: {why}", f"leave {name} out", name)
