"""More of a sweep: further trials, further lengths of runs, a wider space. What it has it keeps.

Optuna lets a parameter's choices not change within a study, and its TPE goes on in the ranges that it saw first. So a
sweep whose space changes goes on in another study, which begins with every trial so far.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from service.domain import descriptions, lifecycle, reopening, sweeps
from service.domain.access import Principal
from service.domain.plan import MAX_RUNS, Plan, distinct
from service.domain.space import HORIZON, Configuration, SearchSpace
from service.errors import InvalidError
from service.store.tables import ENDED_RUN_STATES, Run, Sweep, Trial
from service.wire.lifecycle import Extension
from service.wire.problem import FieldProblem
from service.wire.space import BetasDimension, Dimension
from service.wire.sweep import SweepSpec

AnyDimension = Dimension[int] | Dimension[float] | BetasDimension


def extended(spec: SweepSpec, wish: Extension, trials_total: int) -> dict[str, Any]:
    """What a sweep of `trials_total` trials is with an extension, as a mapping that has yet to be validated.

    Raises:
        InvalidError: something of the sweep would get lost.
    """
    problems: list[FieldProblem] = []
    content: dict[str, Any] = spec.model_dump(mode="json", by_alias=True)
    if wish.trials is not None:
        whole = spec.sampler.type == "grid" and spec.trials is None
        if whole and wish.trials != trials_total:
            problem = "a grid has all of its points"
            problems.append(
                FieldProblem(field="trials", problem=problem, remedy="leave it out, and give it more points")
            )
        elif wish.trials < trials_total:
            problem = f"{wish.trials} is fewer than the {trials_total} that it has"
            remedy = f"trials is the new total: for {wish.trials} more, give {trials_total + wish.trials}"
            problems.append(FieldProblem(field="trials", problem=problem, remedy=remedy))
        elif not whole:
            content["trials"] = max(wish.trials, spec.trials or 0)
    if wish.total_steps is not None:
        content["total_steps"]["values"] = _union(spec.total_steps.values, wish.total_steps.values)
    if wish.space is not None:
        present_schedules = [_mapping(raw) for raw in spec.space.schedule]
        added = [raw for raw in wish.space.schedule if _mapping(raw) not in present_schedules]
        content["space"]["schedule"] = [*spec.space.schedule, *added]
        present, space = spec.space.dimensions(), SearchSpace(spec)
        for name, dimension in wish.space.dimensions().items():
            used = any(entry.uses(name) for entry in space.entries.values())
            loss = _loss(present.get(name), dimension, used=used)
            if loss is None:
                content["space"][name] = _wider(present.get(name), dimension).model_dump(mode="json")
            else:
                problems.append(FieldProblem(field=f"space.{name}", problem=loss[0], remedy=loss[1]))
    if problems:
        raise InvalidError.of(problems)
    return content


def extend(session: Session, principal: Principal, sweep_id: int, plan: Plan, wish: Extension) -> Sweep:
    """Make a sweep what `plan` says, which is `extended` by `wish`; one that has ended goes on.

    Points that a grid has in addition are queued at once, and so is, for other samplers, each configuration that there
    is, at each further length. The caller holds the sweep's study still (`Sampling.still`).

    Raises:
        NotFoundError: as `sweeps.find`.
        ConflictError: the sweep was cancelled.
        InvalidError: nothing more would be trained, or too much.
    """
    sweep = sweeps.locked(session, principal, sweep_id)
    lifecycle.demand_not_cancelled(sweep)
    before, after = descriptions.spec_of(sweep), plan.space.spec
    if after.model_copy(update={"priority": before.priority}) == before:
        return sweep
    _demand_same_names(SearchSpace(before), plan.space)
    trials = session.scalars(select(Trial).where(Trial.sweep_id == sweep_id).order_by(Trial.number)).all()
    if after.sampler.type == "grid":
        further, total = _further_points(plan, trials)
    else:
        further = _at_further_lengths(
            plan.space, trials, set(after.total_steps.values) - set(before.total_steps.values)
        )
        total = _total(sweep, plan, wish, len(further))
    if total == sweep.trials_total and total == sweep.trials_made:
        raise _invalid(
            "trials",
            f"it has all of its {total} trials, so this would train nothing",
            "give more trials, or points that differ",
        )
    stored = after.model_dump(mode="json", by_alias=True) | {"priority": sweep.priority}
    if after.trials is not None:
        stored["trials"] = max(after.trials, total)
    lifecycle.respecify(sweep, stored)
    sweep.findings = [finding.model_dump() for finding in plan.findings]
    if (before.space, before.total_steps) != (after.space, after.total_steps):
        _begin_another_study(session, sweep)
    sweep.trials_total = total
    reopening.reopen(sweep)
    sweeps.add_trials(session, sweep, further)
    sweep.updates_total = _updates(session, sweep, plan.space)
    lifecycle.note(
        session, principal, sweep, "sweep.extended", **wish.model_dump(mode="json", by_alias=True, exclude_none=True)
    )
    return sweep


def _mapping(schedule: str | dict[str, Any]) -> dict[str, Any]:
    return {"type": schedule} if isinstance(schedule, str) else dict(schedule)


def _demand_same_names(before: SearchSpace, after: SearchSpace) -> None:
    """Refuse schedules beside which the earlier ones would be called something else: trials are kept by these names.

    Raises:
        InvalidError: a schedule, or a parameter of its own, would be renamed.
    """
    for label, entry in before.entries.items():
        names = {axis.name for axis in entry.own}
        if label not in after.entries or names != {axis.name for axis in after.entries[label].own}:
            problem = f"{label} could not be told from what is added"
            raise _invalid("space.schedule", problem, "submit another sweep for it, with warm_start")


def _union(present: Sequence[Any], more: Sequence[Any]) -> list[Any]:
    return [*present, *(one for one in more if one not in present)]


def _loss(present: AnyDimension | None, wish: AnyDimension, *, used: bool) -> tuple[str, str] | None:
    """What would get lost if a space got a dimension, and what would be right; None if nothing would."""
    if present is None:
        reason = "its trials so far have none", "submit another sweep, with warm_start if they are to be learned from"
        return reason if used else None
    if isinstance(present, BetasDimension) or isinstance(wish, BetasDimension) or wish.values is not None:
        if isinstance(present, BetasDimension) or present.values is not None:
            return None
        low, high = present.bounds()
        return "it is a range, of which a list takes nearly all away", f"give low <= {low:g} and high >= {high:g}"
    (low, high), (least, most) = present.bounds(), wish.bounds()
    if least > low or most < high:
        return f"it would lose some of {low:g} to {high:g}", f"give low <= {low:g} and high >= {high:g}"
    if present.values is None and present.log != wish.log:
        return "it would be drawn on another scale", f"give log: {str(present.log).lower()}"
    return None


def _wider(present: AnyDimension | None, wish: AnyDimension) -> AnyDimension:
    """A dimension with what it gets; it does not narrow."""
    if present is None or wish.values is None:
        return wish
    return type(present).model_construct(values=_union(present.values or [], wish.values))


def _further_points(plan: Plan, trials: Sequence[Trial]) -> tuple[list[Configuration], int]:
    """The points that a grid has beyond its trials, and how many trials it has with them."""
    present = [_comparable(Configuration(trial.params, trial.schedule, trial.optimizer)) for trial in trials]
    points = [plan.space.configuration(point) for point in plan.space.grid()]
    candidates = [_comparable(point) for point in points]
    both = [*present, *candidates]
    kept, _ = distinct(both, [one.built for one in both])
    new = {id(one) for one in kept}
    further = [point for point, candidate in zip(points, candidates, strict=True) if id(candidate) in new]
    ordered = plan.space.spec.trials
    room = len(further) if ordered is None else max(0, ordered - len(trials))
    return further[:room], len(trials) + min(room, len(further))


def _comparable(configuration: Configuration) -> Configuration:
    """A configuration whose optimizer is written in one order; PostgreSQL keeps none."""
    return replace(configuration, optimizer=dict(sorted(configuration.optimizer.items())))


def _at_further_lengths(space: SearchSpace, trials: Sequence[Trial], lengths: set[int]) -> list[Configuration]:
    """Every configuration that there is, at each of these lengths."""
    points = [{HORIZON: length, **_without_horizon(trial)} for length in sorted(lengths) for trial in trials]
    configurations = [space.configuration(point) for point in points]
    kept, _ = distinct(configurations, [one.built for one in configurations])
    return kept


def _without_horizon(trial: Trial) -> dict[str, Any]:
    return {name: value for name, value in trial.params.items() if name != HORIZON}


def _total(sweep: Sweep, plan: Plan, wish: Extension, further: int) -> int:
    """How many trials a sweep has by its extension whose sampler proposes them."""
    assert plan.space.spec.trials is not None
    total = (
        plan.space.spec.trials if wish.trials is not None else max(plan.space.spec.trials, sweep.trials_total) + further
    )
    if sweep.trials_made + further > total:
        least = sweep.trials_made + further
        problem = f"its {sweep.trials_made} trials so far and {further} at further lengths are {least}"
        raise _invalid("trials", problem, f"give {least} or more, or leave it out")
    runs = total * plan.space.spec.replicates
    if runs > MAX_RUNS:
        raise _invalid("trials", f"{total} trials are {runs} runs", f"at most {MAX_RUNS} runs: submit another sweep")
    size = plan.space.size()
    return total if size is None else max(min(total, size), sweep.trials_made + further)


def _begin_another_study(session: Session, sweep: Sweep) -> None:
    """Let a sweep go on in a study of its new space, which is told every result anew."""
    sweep.study += 1
    known = (Trial.sweep_id == sweep.id, Trial.optuna_number.is_not(None), Trial.state.in_(ENDED_RUN_STATES))
    session.execute(update(Trial).where(*known).values(to_tell=True), execution_options={"synchronize_session": False})


def _updates(session: Session, sweep: Sweep, space: SearchSpace) -> int:
    """Updates of all runs at full length; of those that are yet to be made, at the mean of the horizons."""
    made = session.scalar(select(func.sum(Run.total_steps)).where(Run.sweep_id == sweep.id)) or 0
    runs = (sweep.trials_total - sweep.trials_made) * space.spec.replicates
    return int(made) + runs * sum(space.horizons) // len(space.horizons)


def _invalid(field: str, problem: str, remedy: str) -> InvalidError:
    return InvalidError.of([FieldProblem(field=field, problem=problem, remedy=remedy)])
