"""Schedule families."""

import inspect

from fastapi import APIRouter

import schedules
from service.api.dependencies import Viewer
from service.wire.views import Family, FamilyParameter

router = APIRouter(prefix="/schedules", tags=["schedules"])


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
