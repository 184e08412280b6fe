"""What Prometheus scrapes."""

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from service.api.dependencies import Service, Viewer

router = APIRouter(tags=["health"])


@router.get(
    "/metrics",
    summary="Metrics for Prometheus",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}, "description": "the text format of Prometheus"}},
)
def metrics(service: Service, _viewer: Viewer) -> Response:
    """Facts of the database, the same at every server process, and what this process has counted and timed."""
    return Response(generate_latest(service.meters.registry), media_type=CONTENT_TYPE_LATEST)
