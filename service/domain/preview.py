"""What a sweep or a schedule would be: its size, the linter's remarks, its curves. Nothing is queued."""

import numpy as np

import schedules
from service.domain.findings import shown
from service.domain.plan import Plan
from service.domain.space import Configuration
from service.wire.views import Curve, PeakView, SchedulePreview, SweepPreview

MAX_CURVES = 32
MAX_POINTS = 400


def preview(plan: Plan) -> SweepPreview:
    """The preview of a valid sweep; for samplers that choose as they go, curves at the ends of the ranges."""
    space = plan.space
    known = plan.grid or [
        space.configuration(point) for entry in space.entries.values() for point in space.corners(entry)
    ]
    return SweepPreview(
        trials=plan.trials, runs=plan.runs, updates=plan.updates, findings=plan.findings, curves=_curves(known)
    )


def schedule_preview(schedule: schedules.Schedule) -> SchedulePreview:
    """One schedule's curve and what there is to say of it."""
    peak = schedule.peak()
    return SchedulePreview(
        **_curve(schedule).model_dump(),
        peak=PeakView(step=peak.step, lr=peak.lr),
        area=schedule.area(),
        findings=[shown(finding) for finding in schedules.lint(schedule)],
    )


def _curves(configurations: list[Configuration]) -> list[Curve]:
    distinct = {configuration.built: None for configuration in configurations[: 8 * MAX_CURVES]}
    return [_curve(schedule) for schedule in list(distinct)[:MAX_CURVES]]


def _curve(schedule: schedules.Schedule) -> Curve:
    count = min(schedule.total_steps, MAX_POINTS)
    steps = np.unique(np.linspace(1, schedule.total_steps, count).round())
    rates = schedule.rates_at(steps)
    return Curve(schedule=schedule.to_dict(), steps=[int(step) for step in steps], lr=[float(rate) for rate in rates])
