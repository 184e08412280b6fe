"""What a sweep inherits: the results of an older one that fit its space, which its sampler is told before it proposes.

They are evidence, no more: neither trials nor results of the new sweep, which may train such a configuration again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.domain import descriptions
from service.domain.access import Principal
from service.domain.axes import Axis, Point, Scalar
from service.domain.plan import Plan
from service.domain.space import HORIZON, SCHEDULE, SearchSpace
from service.domain.tried import identity
from service.errors import InvalidError
from service.store.tables import Sweep, Trial
from service.wire.problem import FieldProblem
from service.wire.sweep import SweepSpec
from service.wire.views import Finding

# What a sampler that learns asks of its study costs the more, the more trials that has.
MOST_INHERITED = 5_000
_LEARNING = ("tpe", "gp", "cmaes")
_SAME = ("objective", "model", "data", "replicates")


def resolve(session: Session, principal: Principal, plan: Plan) -> Plan:
    """A plan with the older trials that its sweep inherits, and with what there is to remark on them.

    Raises:
        InvalidError: the caller's team has no such sweep.
    """
    spec = plan.space.spec
    if spec.warm_start is None:
        return plan
    older = session.get(Sweep, spec.warm_start.sweep)
    if older is None or older.team_id != principal.team_id:
        problem = f"your team has no sweep {spec.warm_start.sweep}"
        raise InvalidError.of(
            [FieldProblem(field="warm_start.sweep", problem=problem, remedy="`rampline list` shows what it has")]
        )
    found = _trials(session, older.id)
    fitting = [trial.id for trial in found if point_in(plan.space, trial.schedule, trial.optimizer) is not None]
    remarks = _remarks(spec, descriptions.spec_of(older), len(found), len(fitting))
    return replace(plan, findings=[*plan.findings, *remarks], inherited=tuple(fitting[:MOST_INHERITED]))


def point_in(space: SearchSpace, schedule: Mapping[str, Any], optimizer: Mapping[str, Any]) -> Point | None:
    """The point of a space at which this would be trained; None if it has none."""
    wanted = identity(schedule, optimizer)
    given = {**schedule, **{f"optimizer.{name}": value for name, value in optimizer.items()}}
    given["optimizer.betas"] = ", ".join(str(beta) for beta in optimizer["betas"])
    for entry in space.entries.values():
        if entry.fixed["type"] != schedule["type"]:
            continue
        values = {axis.name: _on(axis, given.get(axis.parameter)) for axis in space.axes_of(entry)}
        point: Point = {SCHEDULE: entry.label, **{name: value for name, value in values.items() if value is not None}}
        if len(point) <= len(values):
            continue
        configuration = space.configuration(point)
        if identity(configuration.schedule, configuration.optimizer) == wanted:
            return point
    return None


def inherited(session: Session, sweep: Sweep, space: SearchSpace) -> list[tuple[Point, Trial]]:
    """The trials of an older sweep with which a sweep begins, each at its point of the sweep's space."""
    older = session.scalars(select(Trial).where(Trial.id.in_(sweep.warm or []))).all()
    by_id = {trial.id: trial for trial in older}
    found = []
    for trial_id in sweep.warm or []:
        point = point_in(space, by_id[trial_id].schedule, by_id[trial_id].optimizer)
        assert point is not None, "a space that grows loses no point"
        found.append((point, by_id[trial_id]))
    return found


def _on(axis: Axis, meant: Any) -> Scalar | None:
    """The value of an axis that means this; None if it has none."""
    if axis.values is not None:
        return next((value for value in axis.values if axis.meant(value) == meant), None)
    return meant if isinstance(meant, int | float) and axis.low <= meant <= axis.high else None


def _trials(session: Session, sweep_id: int) -> Sequence[Trial]:
    ended = select(Trial).where(Trial.sweep_id == sweep_id, Trial.state.in_(["completed", "diverged"]))
    return session.scalars(ended.where(Trial.value.is_not(None)).order_by(Trial.number)).all()


def _remarks(spec: SweepSpec, older: SweepSpec, found: int, fitting: int) -> list[Finding]:
    remarks = []
    differing = [name for name in _SAME if getattr(spec, name) != getattr(older, name)]
    if differing:
        message = f"the older sweep has another {', '.join(differing)}: its values may be of another size"
        remarks.append(("warm-start-differs", message, "give the same, or warm-start from a sweep that has it"))
    if spec.sampler.type not in _LEARNING:
        message = f"sampler {spec.sampler.type} learns from no trial"
        remarks.append(("warm-start-unused", message, f"use one that learns: {', '.join(_LEARNING)}"))
    if fitting < found or not found:
        message = f"{fitting} of the {found} results of the older sweep fit this space"
        remarks.append(("warm-start-partial", message, f"a space with its schedules, ranges and {HORIZON} takes all"))
    if fitting > MOST_INHERITED:
        message = f"{fitting} results fit, of which the first {MOST_INHERITED} are taken"
        remarks.append(("warm-start-large", message, "nothing needs to be done"))
    return [
        Finding(code=code, severity="warning", field="warm_start", message=message, suggestion=suggestion)
        for code, message, suggestion in remarks
    ]
