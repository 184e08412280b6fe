"""The door: an ASGI app that lets a request through to MLflow if its sender may ask that, and streams both ways."""

import json
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from service.domain.access import Principal
from service.door import queries
from service.door.answers import OURS, PAGES, PRIVATE, answered
from service.door.asked import EXPERIMENTS, RUNS, Asked, read_object
from service.door.belonging import Belonging
from service.door.paths import checked
from service.door.rules import FILES, NOBODYS, Held, Rule, canonical, rule_of
from service.door.upstream import Upstream
from service.door.visitors import Visitors
from service.errors import BadRequestError, ForbiddenError, InvalidError, NotFoundError
from service.settings import MLFLOW_DOOR
from service.wire.problem import FieldProblem

PREFIX = MLFLOW_DOOR
_LOOKING = frozenset({"GET", "HEAD"})
_ANSWER_BYTES = 16_000_000
_NAMED: dict[Held, frozenset[str]] = {"experiments": EXPERIMENTS, "runs": RUNS}
# A file of a record is shown by itself: whatever it is, it runs nothing here.
_FILES = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox; frame-ancestors 'self'"


class Door:
    """MLflow at `PREFIX` for those who may see it; see `service.door.rules` for what is open to whom."""

    def __init__(self, upstream: Upstream, visitors: Visitors, belonging: Belonging) -> None:
        self._upstream = upstream
        self._visitors = visitors
        self._belonging = belonging

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await (await answered(Request(scope, receive), self._answer))(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        path = checked(request.scope["path"].removeprefix(PREFIX) or "/", request.scope["raw_path"])
        principal = await self._visitors.who(request)
        if request.scope["path"] == PREFIX:  # the pages name what they load relative to where they are
            return RedirectResponse(f"{PREFIX}/", 308)
        rule = _rule_for(principal, request.method, path)
        looking, query = request.method in _LOOKING, request.scope["query_string"]
        if rule is None or principal.role in ("admin", "worker"):
            return await self._pass_on(request, path, rule, query, None if looking else request.stream())
        if query and not looking:
            raise BadRequestError("a call that changes or searches says what in its body alone, not in its address")
        body = b"" if looking else await request.body()
        if rule.held == "graphql":
            fields = read_object(body)
            for part in queries.asked_by(fields):
                await self._demand(principal, part, EXPERIMENTS | RUNS)
            return await self._pass_on(request, path, rule, b"", json.dumps(fields).encode())
        return await self._held(request, principal, path, rule, Asked.of(query, body))

    async def _held(self, request: Request, principal: Principal, path: str, rule: Rule, asked: Asked) -> Response:
        """The answer to a call of somebody who sees one team's sweeps."""
        if rule.fields is not None:
            asked.demand_only(rule.fields)
        asked.demand_remark()
        await self._demand(principal, asked, _NAMED.get(rule.held, frozenset()))
        if rule.held == "none":
            return JSONResponse({})
        if rule.held == "found":
            return await self._found(request.method, principal, path, asked)
        if rule.held == "files":
            await self._belonging.demand_experiments(principal, [_experiment_in(path, asked)])
        return await self._pass_on(request, path, rule, asked.query_string(), asked.content())

    async def _demand(self, principal: Principal, asked: Asked, names: frozenset[str]) -> None:
        """Refuse a request that names none of what it has to, or what is not the caller's team's."""
        if names and not asked.ids(names):
            raise InvalidError.of(
                [FieldProblem(field=min(names), problem="it is missing", remedy="name your team's, by id")]
            )
        await self._belonging.demand(principal, asked)

    async def _found(self, method: str, principal: Principal, path: str, asked: Asked) -> Response:
        """What is found of experiments, without those of other teams; a search is for names of the team alone."""
        assert principal.team_id is not None, "who belongs to no team is an admin or a worker"
        if path.endswith("/search"):
            prefix = await self._belonging.prefix(principal.team_id)
            if not set(prefix) & set("'\\"):
                asked = asked.replacing("filter", _both(f"name LIKE '{prefix}%'", asked.text("filter")))
        answer = await self._upstream.look(method, path, asked.query_string(), asked.content(), most=_ANSWER_BYTES)
        if answer.status_code != 200:
            return Response(answer.content, answer.status_code, media_type="application/json")
        told = json.loads(answer.content)
        found = told.get("experiments", []) + [one for one in [told.get("experiment")] if one is not None]
        own = await self._belonging.own(principal, {str(one["experiment_id"]) for one in found})
        if "experiment" in told and not own:
            raise NotFoundError("there is no experiment of this name, or it is another team's")
        if "experiments" in told:
            told["experiments"] = [one for one in found if str(one["experiment_id"]) in own]
        return JSONResponse(told, headers=PRIVATE)

    async def _pass_on(
        self, request: Request, path: str, rule: Rule | None, query: bytes, content: bytes | AsyncIterator[bytes] | None
    ) -> Response:
        own = dict(OURS if path.startswith("/static-files/") else OURS | PRIVATE)
        if path == "/" or path.startswith("/static-files/"):
            own["Content-Security-Policy"] = PAGES
        elif path == "/get-artifact" or (rule is not None and rule.held == "files"):
            own["Content-Security-Policy"] = _FILES
        return await self._upstream.pass_on(request, path, query, content, own)


def _rule_for(principal: Principal, method: str, path: str) -> Rule | None:
    """How a call is held; None for an admin's that is not listed."""
    if canonical(path).startswith(NOBODYS):
        raise ForbiddenError("MLflow's assistant runs commands on its server, so it is closed here")
    rule = rule_of(method, path)
    if principal.role == "admin":
        return rule
    if rule is None:
        raise ForbiddenError(f"MLflow's call {method} {path} is open to admins only")
    principal.demand(*rule.roles)
    return rule


def _experiment_in(path: str, asked: Asked) -> str:
    """The experiment to which a file of a record belongs, by its path."""
    below = canonical(path)
    where = below.removeprefix(FILES) if below.startswith(FILES) else next(iter(asked.paths()), "")
    if len(asked.paths()) > 1:
        raise BadRequestError("a path is given twice; ask for one")
    return where.split("/")[0]


def _both(first: str, second: str) -> str:
    return f"{first} AND {second}" if second.strip() else first
