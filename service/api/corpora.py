"""Texts to train on."""

from typing import Annotated

from anyio.to_thread import run_sync
from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import FileResponse

from service.api.dependencies import Member, Service, Viewer, ViewerOrWorker
from service.api.errors import responses
from service.domain import corpora, sweeps, uploads
from service.domain.uploads import Intake
from service.errors import ConflictError, NotFoundError, UnsupportedMediaError
from service.wire.views import CorpusView

router = APIRouter(prefix="/corpora", tags=["corpora"])

UploadName = Annotated[
    str,
    Query(max_length=uploads.MAX_NAME, pattern=uploads.NAME_PATTERN, description="sweeps name it `upload:NAME`"),
]
TEXT = "text/plain"
BODY = {"required": True, "content": {TEXT: {"schema": {"type": "string", "minLength": 1}}}}


@router.get("", summary="List corpora")
def list_corpora(service: Service, viewer: Viewer) -> list[CorpusView]:
    """Every text that a sweep of yours may name, and what is wrong with those that cannot be used."""
    with service.store.read() as session:
        return corpora.listing(session, service.library) + uploads.listing(session, viewer)


@router.post(
    "",
    status_code=201,
    summary="Upload a text",
    responses=responses(ConflictError, UnsupportedMediaError),
    openapi_extra={"requestBody": BODY},
)
async def upload(name: UploadName, request: Request, service: Service, member: Member) -> CorpusView:
    """Keep the body, which is UTF-8 text, for your team. Repeated with the same text, it changes nothing."""
    sweeps.demand_member(member)
    _demand_text(request)
    settings = service.settings
    with await run_sync(Intake, service.library.directory, settings.upload_bytes) as intake:
        async for chunk in request.stream():
            await run_sync(intake.write, chunk)
        text = await run_sync(intake.end, name)

        def keep() -> CorpusView:
            with service.store.write() as session:
                view = uploads.view(uploads.record(session, member, text, settings.team_bytes))
                intake.keep()
            return view

        return await run_sync(keep)


def _demand_text(request: Request) -> None:
    """Refuse what is said to be compressed, or a form."""
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding != "identity":
        raise UnsupportedMediaError(f"the body is said to be {encoding[:40]}; send the text itself, uncompressed")
    kind = request.headers.get("content-type", TEXT).partition(";")[0].strip().lower()
    if kind not in (TEXT, "application/octet-stream"):
        raise UnsupportedMediaError(f"the body is said to be {kind[:40]}; send the text itself, as {TEXT}")


@router.get("/{digest}/content", summary="A text's bytes", responses=responses(NotFoundError))
def get_content(
    digest: Annotated[str, Path(min_length=64, max_length=64)], service: Service, caller: ViewerOrWorker
) -> FileResponse:
    """The bytes whose sha256 is `digest`: for workers, and for a team one of whose sweeps trains on them."""
    with service.store.read() as session:
        corpora.demand_readable(session, caller, digest)
    return FileResponse(service.library.path(digest), media_type="application/octet-stream")
