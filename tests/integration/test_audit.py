"""The audit trail: every change says who made it, and each team reads its own."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

from service.client import ApiError, Client
from service.domain import audit
from service.domain.access import Principal
from service.domain.audit import Filter
from service.store.tables import Event, Token
from service.wire.audit import AuditEvent
from service.wire.protocol import Claim, Outcome, Report
from service.wire.shares import ShareSpec
from tests.integration.harness import GRID, Harness, news
from tests.integration.serving import TOKENS, Serving, hello
from tests.integration.test_plans import recorded, too_much
from tests.integration.test_roles import LOOKING, doors

# Calls that change something, each as an admin makes it; what workers do is told by the attempts at their runs.
CHANGES: dict[str, Callable[[Client], object]] = {
    "POST /api/v1/sweeps": lambda client: client.submit(GRID),
    "PATCH /api/v1/sweeps/{sweep_id}": lambda client: client.prioritise(1, 7),
    "POST /api/v1/sweeps/{sweep_id}/pause": lambda client: client.pause(1),
    "POST /api/v1/sweeps/{sweep_id}/resume": lambda client: client.resume(1),
    "POST /api/v1/sweeps/{sweep_id}/extend": lambda client: client.extend(1, {"space": {"peak_lr": [0.1]}}),
    "POST /api/v1/sweeps/{sweep_id}/clone": lambda client: client.clone(1),
    "POST /api/v1/sweeps/{sweep_id}/retry": lambda client: client.retry(fail(client)),
    "POST /api/v1/sweeps/{sweep_id}/cancel": lambda client: client.cancel(1),
    "POST /api/v1/corpora": lambda client: client.upload_corpus("mine", b"words"),
    "POST /api/v1/teams": lambda client: client.create_team("green"),
    "PUT /api/v1/teams/{name}/share": lambda client: client.grant("green", ShareSpec(weight=2)),
    "PATCH /api/v1/teams/{team_id}": lambda client: client.change_team(named(client, "green"), disabled=True),
    "POST /api/v1/users": lambda client: client.create_user("green", "eve"),
    "PATCH /api/v1/users/{user_id}": lambda client: client.change_user(
        client.users(name="eve").items[0].id, name="eva", disabled=True
    ),
    "POST /api/v1/tokens": lambda client: client.create_token("viewer", "screen", team="red", user="viewer"),
    "POST /api/v1/tokens/{token_id}/rotate": lambda client: client.rotate_token(client.tokens().items[0].id),
    "POST /api/v1/tokens/{token_id}/revoke": lambda client: client.revoke_token(client.tokens().items[0].id),
}


def named(client: Client, team: str) -> int:
    return client.teams(name=team).items[0].id


def fail(client: Client) -> int:
    """A sweep whose only run has failed."""
    one = {"schedule": ["linear"], "warmup_steps": [2], "peak_lr": [0.001]}
    sweep = client.submit(GRID | {"name": "one", "space": one, "priority": 1000}).id
    worker_id = client.register(hello()).worker_id
    (lease,) = client.claim(Claim(worker_id=worker_id, lanes=1)).leases
    assert lease.sweep_id == sweep
    client.report(
        Report(worker_id=worker_id, updates_per_second=1, runs=[news(lease, Outcome(state="failed", cause="bad_data"))])
    )
    return sweep


def newest(serving: Serving, **wanted: Any) -> list[AuditEvent]:
    return serving["admin"].audit(**wanted).items


def test_every_change_that_a_person_makes_leaves_an_event_that_says_who_made_it(serving: Serving) -> None:
    changing = {
        str(door) for door in doors(serving.app) if door.method != "GET" and door.roles and door.roles != {"worker"}
    }
    assert changing - LOOKING == set(CHANGES), "say how to make each change, and that it leaves an event"
    with serving.parts.store.read() as session:
        token = session.scalar(select(Token.id).where(Token.name == "admin"))
    known: set[int] = set()
    for call, change in CHANGES.items():
        change(serving["admin"])
        left = [event for event in newest(serving) if event.id not in known]
        assert left, f"{call} leaves no event"
        for event in left:
            assert (event.user, event.token, event.address) == ("red/admin", token, "127.0.0.1"), call
            assert event.request_id, call
        known |= {event.id for event in left}
    assert {event.team for event in newest(serving)} == {"red", "green"}


def test_an_event_is_found_by_its_request_and_a_refused_change_leaves_none(serving: Serving) -> None:
    http = serving.http("admin")
    http.post("/teams", json={"name": "green"}, headers={"X-Request-ID": "deploy-7"})
    for name in ("green", "no name"):
        assert http.post("/teams", json={"name": name}).status_code in (409, 422)
    (event,) = newest(serving)
    assert (event.request_id, event.kind, event.detail) == ("deploy-7", "team.created", {"name": "green"})


def test_a_team_reads_what_concerns_it_whoever_did_it_and_nothing_else(serving: Serving) -> None:
    ours, theirs = serving["member"].submit(GRID), serving["stranger"].submit(GRID)
    serving["admin"].cancel(theirs.id)
    serving["admin"].create_team("green")
    assert [(event.kind, event.user) for event in serving["stranger"].audit().items] == [
        ("sweep.cancelled", "red/admin"),
        ("sweep.submitted", "blue/stranger"),
    ]
    assert [event.sweep_id for event in serving["member"].audit().items] == [ours.id]
    assert serving["stranger"].audit(sweep=ours.id).items == []
    assert serving["stranger"].audit(team="red").items == []
    assert len(newest(serving)) == 4
    with pytest.raises(ApiError, match="role member"):
        serving["viewer"].audit()


def test_events_are_filtered_and_come_in_pages(serving: Serving) -> None:
    sweeps = [serving["member"].submit(GRID).id for _ in range(3)]
    serving["stranger"].submit(GRID)
    serving["admin"].cancel(sweeps[0])
    assert [event.sweep_id for event in newest(serving, user="member")] == sweeps[::-1]
    assert newest(serving, user="red/member") == newest(serving, user="member")
    assert newest(serving, user="blue/member") == newest(serving, user="nobody") == []
    assert [event.kind for event in newest(serving, sweep=sweeps[0])] == ["sweep.cancelled", "sweep.submitted"]
    assert [event.sweep_id for event in newest(serving, kind="sweep.cancelled")] == [sweeps[0]]
    assert {event.team for event in newest(serving, team="blue")} == {"blue"}
    everything = newest(serving)
    middle = everything[2].at
    assert newest(serving, since=middle.isoformat()) == [event for event in everything if event.at >= middle]
    assert newest(serving, until=f"{middle:%Y-%m-%dT%H:%M:%S.%f}") == [one for one in everything if one.at < middle]
    found, cursor = list[AuditEvent](), None
    while len(found) < len(everything):
        page = serving["admin"].audit(cursor=cursor, limit=2)
        found, cursor = [*found, *page.items], page.next_cursor
    assert (found, cursor) == (everything, None)


@pytest.mark.parametrize("backend", ["sqlite"])
def test_what_the_service_does_by_itself_is_nobodys(harness: Harness) -> None:
    with harness.store.write() as session:
        audit.record(session, "token.forgotten", tokens=3)
    with harness.store.read() as session:
        event = session.scalars(select(Event)).one()
    assert (event.team_id, event.user_id, event.token_id, event.address, event.request_id) == (None,) * 5


def test_a_dead_token_that_is_still_shown_is_told_once_and_strangers_leave_no_row(serving: Serving) -> None:
    with serving.parts.store.write() as session:
        past = datetime.now(UTC) - timedelta(days=1)
        session.execute(update(Token).where(Token.name == "stranger").values(expires_at=past))
    for _ in range(5):
        assert serving.http("stranger").get("/sweeps").status_code == 401
        assert serving.http(None).get("/sweeps").status_code == 401
        headers = {"Authorization": f"Bearer {TOKENS['member']}x"}
        assert serving.http(None).get("/sweeps", headers=headers).status_code == 401
    with serving.parts.store.read() as session:
        assert session.scalar(select(func.count()).select_from(Event)) == 1
    (event,) = newest(serving)
    assert (event.kind, event.user, event.team, event.address) == (
        "token.refused",
        "blue/stranger",
        "blue",
        "127.0.0.1",
    )
    assert "expired" in event.detail["reason"]


def test_no_question_reads_the_whole_trail(harness: Harness) -> None:
    now = datetime.now(UTC)
    questions = [
        Filter(team="red"),
        Filter(user="ada"),
        Filter(user="red/ada"),
        Filter(sweep_id=1),
        Filter(kind="sweep.submitted"),
        Filter(since=now, until=now + timedelta(hours=1)),
    ]
    with recorded(harness.store) as statements, harness.store.read() as session:
        audit.page(session, harness.principal, Filter(), None, 10)
        admin = Principal(0, "admin", "root", None, None)
        for question in questions:
            audit.page(session, admin, question, None, 10)
    assert too_much(harness.store, statements) == {}
    assert len([statement for statement in statements if "FROM events" in statement]) == len(questions) + 1
