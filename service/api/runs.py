"""Single runs."""

from typing import Annotated

from fastapi import APIRouter, Path

from service.api.dependencies import Service, Viewer
from service.api.errors import responses
from service.domain import trials
from service.errors import NotFoundError
from service.wire.views import RunDetail

router = APIRouter(prefix="/runs", tags=["sweeps"])


@router.get("/{run_id}", summary="One run and what it trains", responses=responses(NotFoundError))
def get_run(run_id: Annotated[int, Path(ge=1, le=2**63 - 1)], service: Service, viewer: Viewer) -> RunDetail:
    """A run's state, and everything that decides its result: enough to train it again without Rampline's workers."""
    with service.store.read() as session:
        return trials.run_detail(session, viewer, run_id, service.settings.mlflow_public)
