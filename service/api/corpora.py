"""Texts to train on."""

from typing import Annotated

from fastapi import APIRouter, Path
from fastapi.responses import FileResponse

from service.api.dependencies import Service, Viewer, ViewerOrWorker
from service.api.errors import responses
from service.domain import corpora
from service.errors import NotFoundError
from service.wire.views import CorpusView

router = APIRouter(prefix="/corpora", tags=["corpora"])


@router.get("", summary="List corpora")
def list_corpora(service: Service, _viewer: Viewer) -> list[CorpusView]:
    """Every text that a sweep may name, and what is wrong with those that cannot be used."""
    with service.store.read() as session:
        return corpora.listing(session, service.library)


@router.get("/{digest}/content", summary="A text's bytes", responses=responses(NotFoundError))
def get_content(
    digest: Annotated[str, Path(min_length=64, max_length=64)], service: Service, caller: ViewerOrWorker
) -> FileResponse:
    """The bytes whose sha256 is `digest`: for workers, and for a team one of whose sweeps trains on them."""
    with service.store.read() as session:
        corpora.demand_readable(session, caller, digest)
    return FileResponse(service.library.path(digest), media_type="application/octet-stream")
