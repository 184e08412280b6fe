"""Requests generated from the OpenAPI document, valid and broken, against the real server, as every role.

RAMPLINE_CASES says how many there are for each call, role and kind. The suite makes few; `RAMPLINE_CASES=100` makes
some 20,000 for each database.
"""

import os
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import ignored_auth, positive_data_acceptance
from sqlalchemy import func, select

from service.domain import access
from service.store.tables import Base, Token
from service.wire.problem import Problem
from tests.integration.harness import GRID
from tests.integration.serving import TOKENS, Serving, hello

CASES = int(os.environ.get("RAMPLINE_CASES", "2"))
ROLES = ("admin", "member", "viewer", "worker")
# What a JSON schema cannot say decides here: whether a sweep can be trained, how long an integer may be, whether a text
# is blank, which teams there are.
MEANING = ("/sweeps", "/schedules/preview", "/leases", "/workers", "/corpora", "/users", "/tokens", "/usage", "/teams")


@pytest.fixture
def schema(serving: Serving) -> schemathesis.BaseSchema:
    """The document, as the server answers it; there are a sweep and a worker to ask for."""
    serving["member"].submit(GRID)
    serving["worker"].register(hello())
    serving.parts.dispatcher.close()  # claims with nothing to grant answer at once
    config = schemathesis.Config.from_dict({"generation": {"with-security-parameters": False}})
    return schemathesis.openapi.from_url(f"{serving.url}/openapi.json", config=config)


def test_whatever_is_asked_the_answer_is_as_documented_and_a_refusal_stores_nothing(
    serving: Serving, schema: schemathesis.BaseSchema
) -> None:
    operations = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
    assert len(operations) > 15
    for operation in operations:
        if "/health/" in operation.path:
            continue
        for role in ROLES:
            for mode in GenerationMode:
                ask(serving, operation, role, mode)


def ask(serving: Serving, operation: Any, role: str, mode: GenerationMode) -> None:
    """Make requests of one kind as one role, and check the answers."""
    spare = spares(serving)
    excluded = [ignored_auth]  # every route is tried without a token elsewhere
    if any(f"/api/v1{part}" in operation.path for part in MEANING):
        excluded.append(positive_data_acceptance)

    @settings(max_examples=CASES, phases=[Phase.generate], suppress_health_check=list(HealthCheck), database=None)
    @given(case=operation.as_strategy(generation_mode=mode))
    def call(case: Any) -> None:
        for name, number in spare.items():
            if str((case.path_parameters or {}).get(name, "")).isdigit():
                case.path_parameters[name] = number
        before = stored(serving)
        headers = {"Authorization": f"Bearer {TOKENS[role]}"}
        response = case.call_and_validate(headers=headers, excluded_checks=excluded)
        assert response.status_code < 500
        if response.status_code >= 400:
            problem = Problem.model_validate_json(response.content)
            assert all((one.field, one.problem, one.remedy) for one in problem.errors)
            assert stored(serving) == before

    try:
        call()
    except Unsatisfiable:
        assert mode is GenerationMode.NEGATIVE, f"{operation.label} has nothing that could be broken"


def spares(serving: Serving) -> dict[str, int]:
    """A team, a user and a token to be disabled and revoked: not those with which the requests are made."""
    with serving.parts.store.write() as session:
        team = access.ensure_team(session, "spare")
        user = access.ensure_user(session, team, "spare")
        access.ensure_token(session, serving.parts.token_key, "spare" * 10, "member", "spare", user)
        token = session.scalars(select(Token).where(Token.name == "spare").order_by(Token.id)).first()
        assert token is not None
        return {"team_id": team.id, "user_id": user.id, "token_id": token.id}


def stored(serving: Serving) -> dict[str, int]:
    """How many rows each table has, and how many texts are kept."""
    kept = serving.parts.settings.artifacts / "corpora"
    with serving.parts.store.read() as session:
        rows = {
            table.name: session.scalar(select(func.count()).select_from(table)) or 0
            for table in Base.metadata.sorted_tables
        }
    return rows | {"files": len(list(kept.iterdir())) if kept.is_dir() else 0}
