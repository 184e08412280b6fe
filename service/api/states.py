"""Where runs stand, kept for workers that share no directory."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse

from service.api.dependencies import Service, WorkerCaller
from service.api.errors import responses
from service.errors import ConflictError, NotFoundError, TooLargeError, UnavailableError
from service.wire.states import BASE_PATTERN, NAME_PATTERN, StateName, StateView

router = APIRouter(prefix="/states", tags=["states (workers)"])

Base = Annotated[str, Path(pattern=BASE_PATTERN, description="sha256 of what decides a run, its rates aside")]
Name = Annotated[str, Path(pattern=NAME_PATTERN, description="update, digest of the rates so far, sha256 of the file")]
FILE: dict[str, Any] = {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}


@router.get("/{base}", summary="List states (workers)")
def list_states(base: Base, service: Service, _worker: WorkerCaller) -> list[StateView]:
    """The states of runs that agree in all but their rates; none for a base that is unknown."""
    return service.states.listing(base)


@router.get(
    "/{base}/{name}",
    summary="A state's bytes (workers)",
    response_class=FileResponse,
    responses=responses(NotFoundError) | {200: FILE},
)
def get_state(base: Base, name: Name, service: Service, _worker: WorkerCaller) -> FileResponse:
    """The file, which counts as used now."""
    return FileResponse(service.states.path(base, name), media_type="application/octet-stream")


@router.put(
    "/{base}/{name}",
    status_code=204,
    summary="Keep a state (workers)",
    responses=responses(ConflictError, TooLargeError, UnavailableError),
    openapi_extra={"requestBody": {"required": True, **FILE}},
)
async def put_state(base: Base, name: Name, request: Request, service: Service, _worker: WorkerCaller) -> None:
    """Write the file, whose sha256 has to be the one in its name; those used least recently make room for it."""
    read = StateName.read(name)
    assert read is not None
    receiving = service.states.receiving(base, read)
    incoming = await run_in_threadpool(receiving.__enter__)
    try:
        async for piece in request.stream():
            await run_in_threadpool(incoming.write, piece)
    except BaseException as error:
        receiving.__exit__(type(error), error, error.__traceback__)
        raise
    await run_in_threadpool(receiving.__exit__, None, None, None)


@router.delete("/{base}/{name}", status_code=204, summary="Delete a state (workers)")
def delete_state(base: Base, name: Name, service: Service, _worker: WorkerCaller) -> None:
    """Delete the file, if it is there."""
    service.states.delete(base, name)
