"""The one handler of errors: whatever goes wrong leaves as a problem document (RFC 9457) with a stable code."""

import logging
import math
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel
from sqlalchemy.exc import DataError, OperationalError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from service import errors, logs
from service.api.validation import field_problems
from service.domain.remainder import corpus_of, further_problems
from service.domain.uploads import PREFIX as UPLOADED
from service.errors import InvalidError, ServiceError, TooManyError
from service.wire.problem import MEDIA_TYPE, FieldProblem, Problem
from service.wire.sweep import SweepSpec

# Where sweeps are posted.
SWEEPS = ("/api/v1/sweeps", "/api/v1/sweeps/preview")
log = logging.getLogger(__name__)

_BY_STATUS: dict[int, type[ServiceError]] = {
    error.status: error
    for error in (
        errors.BadRequestError,
        errors.UnauthorizedError,
        errors.ForbiddenError,
        errors.NotFoundError,
        errors.MethodNotAllowedError,
        errors.TooLargeError,
        errors.UnsupportedMediaError,
    )
}


def install(app: FastAPI) -> None:
    """Let every error of an app leave through `render`."""
    app.add_exception_handler(Exception, _handle)
    for kind in (
        ServiceError,
        HTTPException,
        RequestValidationError,
        OperationalError,
        DataError,
        OverflowError,
        ClientDisconnect,
    ):
        app.add_exception_handler(kind, _handle)


def render(error: ServiceError) -> Response:
    """The problem document of an error."""
    problem = Problem(
        type=f"urn:rampline:problem:{error.code}",
        title=error.title,
        status=error.status,
        code=error.code,
        detail=error.detail,
        errors=error.fields,
        request_id=logs.request_id(),
    )
    headers = {"X-Request-ID": problem.request_id} if problem.request_id is not None else {}
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, TooManyError):
        headers["Retry-After"] = str(math.ceil(error.seconds))
    return Response(problem.model_dump_json(), error.status, headers, MEDIA_TYPE)


def responses(*kinds: type[ServiceError]) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI entries of the problems that a route may answer with."""
    schema = {"schema": {"$ref": "#/components/schemas/Problem"}}
    return {kind.status: {"description": kind.title, "content": {MEDIA_TYPE: schema}} for kind in kinds}


def _handle(request: Request, error: Exception) -> Response:
    if isinstance(error, HTTPException) and error.status_code < 400:
        return Response(status_code=error.status_code, headers=error.headers)
    return render(_as_service_error(request, error))


def _as_service_error(request: Request, error: Exception) -> ServiceError:
    where = f"{request.method} {request.url.path}"
    match error:
        case ServiceError():
            return error
        case RequestValidationError():
            return InvalidError.of(_told_at_once(request, error))
        case HTTPException() | ClientDisconnect():
            return _of_http(where, request.url.path, error)
        case OverflowError() | DataError():
            return InvalidError("a number or text is out of range; use 64-bit numbers and printable text")
        case OperationalError():
            log.warning(
                "%s: the database is away: %s",
                where,
                str(error.orig or error).splitlines()[0],
                extra={"action": "database.away"},
            )
            return errors.UnavailableError("the database does not answer; try again in a few seconds")
    log.error("%s failed", where, exc_info=error, extra={"action": "request.failed"})
    return ServiceError("something in the service failed that should not; its log says more")


def _told_at_once(request: Request, error: RequestValidationError) -> list[FieldProblem]:
    """What cannot be read, and of a sweep also what is wrong with the rest of it."""
    told = field_problems(error.errors(), _body_of(request))
    if request.url.path.rstrip("/") not in SWEEPS or not isinstance(error.body, dict):
        return told
    told += further_problems(error.body, told)
    corpus, context = corpus_of(error.body)
    if not corpus.startswith(UPLOADED):  # whose they are is known only to the route
        try:
            request.app.state.parts.library.read_for(corpus, context)
        except InvalidError as unusable:
            told += unusable.fields
    return told


def _body_of(request: Request) -> type[BaseModel]:
    """What the body of a request to this route is; a sweep, if it has none."""
    route = request.scope.get("route")
    body = route.body_field.field_info.annotation if isinstance(route, APIRoute) and route.body_field else None
    return body if isinstance(body, type) and issubclass(body, BaseModel) else SweepSpec


def _of_http(where: str, path: str, error: HTTPException | ClientDisconnect) -> ServiceError:
    if isinstance(error, ClientDisconnect):  # nobody reads the answer
        return errors.BadRequestError("the request ended before its body did")
    details = {
        400: "the body cannot be read; send JSON in UTF-8, nested a few levels deep",
        404: f"there is no {path}; see /docs for what there is",
        405: f"{where} is not possible; see /docs for what is",
    }
    kind = _BY_STATUS.get(error.status_code, errors.BadRequestError)
    return kind(details.get(error.status_code, str(error.detail)))
