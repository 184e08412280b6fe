"""Schedule families, and single schedules as curves and pictures."""

import inspect
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Query, Response

import schedules
from service.api.dependencies import Viewer
from service.api.errors import responses
from service.api.strict_json import StrictRoute
from service.domain import preview
from service.errors import InvalidError
from service.wire.problem import FieldProblem
from service.wire.views import Family, FamilyParameter, SchedulePreview

router = APIRouter(prefix="/schedules", tags=["schedules"], route_class=StrictRoute)

# A curve of this many updates is computed and drawn in about a second.
MOST_UPDATES = 10_000_000
EXAMPLE = {"type": "cosine", "total_steps": 1000, "warmup_steps": 100, "peak_lr": 0.003}
Described = Annotated[dict[str, Any], Body(openapi_examples={"cosine": {"value": EXAMPLE}})]
Format = Annotated[Literal["json", "png", "svg"], Query(description="numbers, or a picture")]
PICTURES: dict[int | str, dict[str, Any]] = {200: {"content": {"image/png": {}, "image/svg+xml": {}}}}


@router.get("", summary="The schedule families")
def list_families(_viewer: Viewer) -> list[Family]:
    """Every family with its formula and its parameters."""
    return [
        Family(
            type=name,
            description=inspect.getdoc(family) or "",
            parameters=[
                FamilyParameter(
                    name=parameter.name,
                    type=parameter.type,
                    required=parameter.required,
                    default=parameter.default,
                    description=parameter.doc,
                )
                for parameter in family.parameters()
            ],
        )
        for name, family in schedules.FAMILIES.items()
    ]


@router.post(
    "/preview",
    summary="One schedule as a curve or a picture",
    response_model=SchedulePreview,
    responses=PICTURES | responses(InvalidError),
)
def show_preview(schedule: Described, _viewer: Viewer, format: Format = "json") -> SchedulePreview | Response:  # noqa: A002 - the name in the URL
    """A schedule as `schedules.build` takes it: its rates, its peak, and what the linter says of it."""
    try:
        built = schedules.build(schedule)
    except schedules.ScheduleError as error:
        found = FieldProblem(field=error.field, problem=error.problem, remedy=error.remedy)
        raise InvalidError.of([found]) from error
    if built.total_steps > MOST_UPDATES:
        remedy = f"give at most {MOST_UPDATES}"
        raise InvalidError.of([FieldProblem(field="total_steps", problem="too many to draw", remedy=remedy)])
    if format == "json":
        return preview.schedule_preview(built)
    return Response(schedules.picture(built, format), media_type={"png": "image/png", "svg": "image/svg+xml"}[format])
