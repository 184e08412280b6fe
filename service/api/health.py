"""Probes; they need no token and tell nothing but whether the service works."""

from fastapi import APIRouter, Response
from sqlalchemy.exc import SQLAlchemyError

from service.api.dependencies import Service
from service.store import migrate
from service.wire.views import Health

router = APIRouter(prefix="/health", tags=["health"])


@router.get("/live", summary="Is the process alive?")
async def live() -> Health:  # async: it needs none of the threads, which may all wait for a database that hangs
    """Answers as long as the process serves requests."""
    return Health(status="ok", checks={})


@router.get("/ready", summary="Can the service do its work?", responses={503: {"model": Health}})
def ready(service: Service, response: Response) -> Health:
    """Whether the database answers with the schema of this version. MLflow being away makes nothing unready."""
    try:
        database = "ok" if migrate.is_current(service.store.engine) else "its schema is not this version's"
    except SQLAlchemyError:
        database = "it does not answer"
    if database != "ok":
        response.status_code = 503
    return Health(status="ok" if database == "ok" else "unavailable", checks={"database": database})
