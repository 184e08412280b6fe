"""Each route against each role and each team; the routes are those of the app, so that none can be forgotten."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import schemathesis
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.core.result import Ok
from starlette.routing import Route

from service.api.dependencies import Caller
from service.domain.access import GRANTS
from service.wire.tokens import Role
from tests.integration.harness import GRID
from tests.integration.serving import TOKENS, Serving

# What is open to everybody: probes, and pages that say nothing of anybody's data.
OPEN = {
    "GET /api/v1/health/live",
    "GET /api/v1/health/ready",
    "GET /openapi.json",
    "GET /docs",
    "GET /docs/oauth2-redirect",
}
# Calls that store nothing although their method would let them.
LOOKING = {"POST /api/v1/sweeps/preview", "POST /api/v1/schedules/preview"}
NOBODYS = 999_999
# What the parts of a path name: what a team owns, or a user; what only admins or workers ask for; a part of what stands
# before it; what nobody guesses.
OF_A_TEAM, OF_A_USER = {"sweep_id", "run_id"}, {"token_id"}
FOR_ADMINS, FOR_WORKERS = {"team_id", "user_id"}, {"base", "name"}
WITHIN, DIGESTS = {"number"}, {"digest"}


@dataclass(frozen=True)
class Door:
    """A route and the roles of which its guard asks for one."""

    method: str
    path: str
    roles: frozenset[Role]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    def knock(self, http: httpx.Client, number: int = 1, **options: object) -> httpx.Response:
        """Call it, with every number in its path being `number`."""
        path = re.sub(r"{digest[^}]*}", "0" * 64, self.path)
        path = re.sub(r"{[^}]*}", str(number), path).removeprefix("/api/v1")
        return http.request(self.method, path, **options)  # type: ignore[arg-type]  # options of httpx


def guards(dependant: Dependant) -> Iterator[Caller]:
    """The guards among a route's dependencies."""
    if isinstance(dependant.call, Caller):
        yield dependant.call
    for dependency in dependant.dependencies:
        yield from guards(dependency)


def doors(app: FastAPI) -> list[Door]:
    """Every route of the app with every method."""
    found = []
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        if not isinstance(route, Route):
            assert context.path == "/static-offline-docs", "files of the OpenAPI page"
            continue
        found_guards = list(guards(route.dependant)) if isinstance(route, APIRoute) else []
        assert len(found_guards) <= 1, f"{context.path} has several guards"
        found += [
            Door(method, str(context.path), frozenset(role for guard in found_guards for role in guard.roles))
            for method in sorted((context.methods or set()) - {"HEAD"})
        ]
    return found


# Where a document cannot say that something has to be given.
BODIES = {"POST /api/v1/sweeps/{sweep_id}/extend": {"trials": 9}}


def answers_to_the_stranger(operation: Any) -> set[int]:
    """How valid requests to a call are answered whose numbers are another team's."""
    statuses: set[int] = set()

    @settings(max_examples=4, phases=[Phase.generate], suppress_health_check=list(HealthCheck), database=None)
    @given(case=operation.as_strategy(generation_mode=GenerationMode.POSITIVE))
    def ask(case: Any) -> None:
        case.path_parameters = dict.fromkeys(case.path_parameters, 1)
        case.body = BODIES.get(operation.label, case.body)
        case.query, case.headers = {}, {"Authorization": f"Bearer {TOKENS['stranger']}"}
        statuses.add(case.call().status_code)

    ask()
    return statuses


def test_every_route_has_a_guard_or_is_known_to_be_open(serving: Serving) -> None:
    found = doors(serving.app)
    assert len(found) > 20
    assert {str(door) for door in found if not door.roles} == OPEN


def test_nothing_is_changed_by_those_who_may_only_look(serving: Serving) -> None:
    looking = {str(door) for door in doors(serving.app) if "viewer" in door.roles and door.method != "GET"}
    assert looking == LOOKING


def test_every_route_is_closed_to_roles_that_may_not_use_it(serving: Serving) -> None:
    for door in doors(serving.app):
        if str(door) in OPEN:
            continue
        for headers in ({}, {"Authorization": "Bearer x"}, {"Authorization": f"Basic {TOKENS['admin']}"}):
            assert door.knock(serving.http(None), headers=headers).status_code == 401, door
        for name, granted in GRANTS.items():
            options = {} if door.method == "GET" else {"json": {"x": 1}}
            status = door.knock(serving.http(name), NOBODYS, **options).status_code
            assert (status == 403) == door.roles.isdisjoint(granted), f"{name} got {status} from {door}"
            assert status < 500, f"{name} got {status} from {door}"


@pytest.mark.parametrize("name", ["stranger", "worker"])
def test_another_teams_sweep_cannot_be_told_from_one_that_does_not_exist(serving: Serving, name: str) -> None:
    serving["member"].submit(GRID)
    for door in doors(serving.app):
        teams = re.search(r"{(sweep_id|run_id)[^}]*}", door.path) and door.roles & {"viewer", "member"}
        if not teams:
            continue
        theirs, none = (
            door.knock(serving.http(name), number, headers={"X-Request-ID": "same"}) for number in (1, NOBODYS)
        )
        assert theirs.status_code == none.status_code, door
        assert theirs.text.replace("1", "") == none.text.replace(str(NOBODYS), "").replace("1", ""), door
        assert none.status_code in ({404, 422} if name == "stranger" else {403}), door
    assert serving["member"].sweep(1).state == "queued"


@pytest.mark.parametrize("backend", ["sqlite"])
def test_whose_a_part_of_a_path_is_is_known_of_every_route(serving: Serving) -> None:
    asked_of = {"admin": FOR_ADMINS, "worker": FOR_WORKERS}
    known = OF_A_TEAM | OF_A_USER | WITHIN | DIGESTS | FOR_ADMINS | FOR_WORKERS
    for door in doors(serving.app):
        names = set(re.findall(r"{(\w+)", door.path))
        assert names <= known, f"{door}: say of {names - known} whose it is"
        for role, alone in asked_of.items():
            assert not names & alone or door.roles in ({role}, {"admin"}), door


@pytest.mark.parametrize("backend", ["sqlite"])
def test_a_valid_request_about_another_teams_sweep_is_answered_as_one_about_nothing(serving: Serving) -> None:
    serving["member"].submit(GRID)
    config = schemathesis.Config.from_dict({"generation": {"with-security-parameters": False}})
    schema = schemathesis.openapi.from_url(f"{serving.url}/openapi.json", config=config)
    operations = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
    about = [one for one in operations if OF_A_TEAM & set(re.findall(r"{(\w+)}", one.path))]
    assert {f"{one.method.upper()} {one.path}" for one in about} == {
        str(door) for door in doors(serving.app) if OF_A_TEAM & set(re.findall(r"{(\w+)", door.path))
    }
    for operation in about:
        # What a document cannot say of a body is refused first, and the same for everybody.
        assert answers_to_the_stranger(operation) - {422} == {404}, operation.label
    assert serving["member"].sweep(1).state == "queued"


def test_an_admin_without_a_team_in_common_sees_every_sweep(serving: Serving) -> None:
    sweep = serving["stranger"].submit(GRID).id
    assert serving["admin"].sweep(sweep).team == "blue"
    assert serving["viewer"].sweeps().items == []
    assert serving["stranger"].sweeps().items[0].id == sweep
