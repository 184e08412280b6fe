"""Logging in and out: a token becomes a session of a browser, which keeps it in a cookie that no script can read."""

import re
from urllib.parse import parse_qs

import anyio.to_thread
from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from service.api.dependencies import address_of, parts_of
from service.domain import sessions
from service.domain.access import Principal
from service.door import pages
from service.door.visitors import cookie_name, demand_same_site
from service.errors import ForbiddenError, ServiceError, UnauthorizedError

_LONGEST = 10_000
_TARGET = re.compile(r"/(mlflow|dashboard|optuna)(/[\w./-]*)?", re.ASCII)

router = APIRouter(include_in_schema=False)


@router.get("/login")
async def show(request: Request) -> Response:
    """The login page, or who is logged in."""
    visitors = parts_of(request).visitors
    try:
        principal = await visitors.who(request)
    except (UnauthorizedError, ForbiddenError):
        return HTMLResponse(pages.login(_target(request, request.query_params.get("next", ""))), headers=pages.HEADERS)
    return HTMLResponse(pages.logged_in(principal, places_of(request)), headers=pages.HEADERS)


@router.post("/login")
async def log_in(request: Request) -> Response:
    """Begin a session with a token, and go where the browser wanted to."""
    demand_same_site(request, strict=False)
    given = parse_qs((await request.body())[:_LONGEST].decode(errors="replace"))
    target = _target(request, given.get("next", [""])[0])
    try:
        secret = await anyio.to_thread.run_sync(_begin, request, given.get("token", [""])[0].strip())
    except ServiceError as error:
        if error.status not in (401, 403):
            raise
        return HTMLResponse(pages.login(target, error.detail), error.status, pages.HEADERS)
    answer = RedirectResponse(target, 303)
    answer.set_cookie(
        cookie_name(request),
        secret,
        max_age=int(sessions.LASTS.total_seconds()),
        path="/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="lax",
    )
    return answer


@router.post("/logout")
async def log_out(request: Request) -> Response:
    """End the session, here and in the browser."""
    demand_same_site(request)
    secret = request.cookies.get(cookie_name(request))
    if secret is not None:
        await anyio.to_thread.run_sync(_end, request, secret)
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(
        cookie_name(request), path="/", secure=request.url.scheme == "https", httponly=True, samesite="lax"
    )
    return answer


def _begin(request: Request, token: str) -> str:
    parts = parts_of(request)
    principal = parts.gate.admit(token, address_of(request))
    _demand_person(principal)
    with parts.store.write() as session:
        return sessions.begin(session, principal)


def _end(request: Request, secret: str) -> None:
    with parts_of(request).store.write() as session:
        sessions.end(session, secret)


def _demand_person(principal: Principal) -> None:
    if principal.role == "worker":
        raise ForbiddenError("this is a worker's token; log in with one of your own")


def places_of(request: Request) -> dict[str, str]:
    """The pages behind the doors of this app, by what they are called."""
    places: dict[str, str] = request.app.state.places
    return places


def _target(request: Request, wanted: str) -> str:
    """Where to go after the login: nowhere but to a page behind a door."""
    allowed = _TARGET.fullmatch(wanted) and ".." not in wanted
    return wanted if allowed else next(iter(places_of(request).values()))
