"""Teams, users and tokens over HTTP: made, listed, changed; what is no longer accepted is refused at once."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, select, update

from service.client import ApiError, Client
from service.domain import access
from service.store import clock
from service.store.tables import Team, Token, User
from service.wire.tokens import NewToken, Role, is_damaged
from tests.integration.serving import TOKENS, Serving, hello
from tests.waiting import wait_until

# For what asks the database for nothing that another test does not ask both kinds for.
ONE = pytest.mark.parametrize("backend", ["sqlite"])


def refusal(call: Any, *given: Any, **options: Any) -> tuple[int, str]:
    """The status and the words with which a call is refused."""
    with pytest.raises(ApiError) as refused:
        call(*given, **options)
    problem = refused.value.problem
    return problem.status, " ".join([problem.detail, *(f"{one.field}: {one.remedy}" for one in problem.errors)])


def invited(serving: Serving, role: Role = "member", **options: Any) -> NewToken:
    """The token of a new user of a new team."""
    admin = serving["admin"]
    if not admin.teams(name="green").items:
        admin.create_team("green")
        admin.create_user("green", "eve")
    return admin.create_token(role, "laptop", team="green", user="eve", **options)


def status(serving: Serving, token: str) -> int:
    """How a request with this token is answered."""
    return serving.http(None).get("/sweeps", headers={"Authorization": f"Bearer {token}"}).status_code


def test_an_admin_invites_a_user_of_a_new_team_who_sees_that_teams_sweeps_alone(serving: Serving) -> None:
    made = invited(serving)
    assert (made.team, made.user, made.role, made.state, made.expires_at) == ("green", "eve", "member", "active", None)
    assert made.token.startswith(str(made.hint))
    assert not is_damaged(made.token)
    with Client(serving.url, made.token) as eve:
        me = eve.whoami()
        assert (me.id, me.user, me.role) == (made.id, "eve", "member")
        assert eve.sweeps().items == []
        assert refusal(eve.create_team, "mine")[0] == 403
    users = {f"{user.team}/{user.name}": user.tokens for user in serving["admin"].users().items}
    assert users["green/eve"] == 1
    assert {team.name: team.users for team in serving["admin"].teams().items} == {"red": 3, "blue": 1, "green": 1}


@ONE
def test_a_token_is_shown_once_and_kept_nowhere(serving: Serving) -> None:
    made = invited(serving)
    secret = made.token.removeprefix(str(made.hint))
    listed = serving["admin"].tokens(everything=True).model_dump_json()
    assert (secret in listed, str(made.hint) in listed) == (False, True)
    with serving.parts.store.read() as session:
        row = repr(session.execute(select(Token.__table__).where(Token.id == made.id)).one())
        assert secret not in row
        assert session.get_one(Token, made.id).key_id == serving.parts.token_key.id


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"revoked_at": "now"}, "revoked"),
        ({"expires_at": "now"}, "expired"),
        ({"user": "now"}, "user of this token is disabled"),
        ({"team": "now"}, "team of this token is disabled"),
    ],
)
def test_a_token_that_ends_is_refused_from_the_next_request_on(
    serving: Serving, change: dict[str, str], words: str
) -> None:
    made = invited(serving)
    assert status(serving, made.token) == 200
    with serving.parts.store.write() as session:
        now = clock.now(session)
        if "user" in change:
            session.execute(update(User).where(User.name == "eve").values(disabled_at=now))
        elif "team" in change:
            session.execute(update(Team).where(Team.name == "green").values(disabled_at=now))
        else:
            session.execute(update(Token).where(Token.id == made.id).values(dict.fromkeys(change, now)))
    with Client(serving.url, made.token) as eve:
        assert refusal(eve.sweeps) == (401, refusal(eve.sweeps)[1])
        assert words in refusal(eve.sweeps)[1]


def test_a_token_lives_as_long_as_was_asked_for(serving: Serving) -> None:
    made = invited(serving, lifetime_seconds=3600)
    assert made.expires_at is not None
    assert made.expires_at - made.created_at == timedelta(hours=1)
    assert status(serving, made.token) == 200
    with serving.parts.store.write() as session:
        session.execute(update(Token).where(Token.id == made.id).values(expires_at=made.created_at))
    assert status(serving, made.token) == 401
    admin = serving["admin"]
    assert made.id not in [token.id for token in admin.tokens().items]
    shown = {token.id: token.state for token in admin.tokens(everything=True).items}
    assert shown[made.id] == "expired"


def test_disabling_and_enabling_are_told_in_the_lists_and_done_twice_change_nothing(serving: Serving) -> None:
    made, admin = invited(serving), serving["admin"]
    team, user = admin.teams(name="green").items[0], admin.users(team="green").items[0]
    for change, number, states in (
        (admin.change_user, user.id, ("disabled", "active")),
        (admin.change_team, team.id, ("disabled", "active")),
    ):
        for disabled, state in zip((True, False), states, strict=True):
            assert change(number, disabled=disabled) == change(number, disabled=disabled)
            assert status(serving, made.token) == (401 if disabled else 200)
            assert {token.state for token in admin.tokens(team="green").items} == {state}
            assert admin.users(team="green").items[0].tokens == (0 if disabled else 1)
    kinds = [event.kind for event in admin.audit(team="green").items if "abled" in event.kind]
    assert kinds == ["team.enabled", "team.disabled", "user.enabled", "user.disabled"]


@ONE
def test_nobody_locks_the_own_team_or_self_out(serving: Serving) -> None:
    admin = serving["admin"]
    me = admin.users(name="admin").items[0]
    assert refusal(admin.change_user, me.id, disabled=True)[0] == 409
    assert refusal(admin.change_team, admin.teams(name="red").items[0].id, disabled=True)[0] == 409


def test_a_renamed_user_goes_on_under_the_new_name(serving: Serving) -> None:
    made, admin = invited(serving), serving["admin"]
    user = admin.users(team="green").items[0]
    admin.create_user("green", "ada")
    assert refusal(admin.change_user, user.id, name="ada") == (
        409,
        "team green has a user ada already; choose another name",
    )
    assert admin.change_user(user.id, name="eva").name == "eva"
    with Client(serving.url, made.token) as eva:
        assert eva.whoami().user == "eva"


@ONE
def test_what_is_wrong_with_an_account_is_told_with_its_remedy(serving: Serving) -> None:
    admin = serving["admin"]
    assert refusal(admin.create_team, "red")[0] == 409
    assert refusal(admin.create_user, "red", "member")[0] == 409
    assert "make this one: rampline team create gren" in refusal(admin.create_user, "gren", "x")[1]
    assert "rampline user create red/eve" in refusal(admin.create_token, "viewer", "x", team="red", user="eve")[1]
    assert "give team and user" in refusal(admin.create_token, "member", "x")[1]
    assert "leave team and user out" in refusal(admin.create_token, "worker", "x", team="red", user="admin")[1]
    assert refusal(admin.change_user, 99_999, disabled=True)[0] == 404
    for bad in ("", "a/b", "a b", ".a", "\x1b[31mred", "x" * 101, "ä"):
        assert refusal(admin.create_team, bad)[0] == 422
        assert refusal(admin.create_user, "red", bad)[0] == 422
    assert refusal(admin.create_token, "worker", "two\nlines")[0] == 422
    assert "name: use letters and digits" in refusal(admin.create_team, "a/b")[1]
    unknown = serving.http("admin").post("/users", json={"team": "red", "nme": "eve"}).json()["errors"]
    assert "did you mean name? known are name, team" in [one["remedy"] for one in unknown]


def test_a_user_sees_and_revokes_the_own_tokens_alone(serving: Serving) -> None:
    made, other = invited(serving), serving["member"].tokens().items
    assert [token.user for token in other] == ["member"]
    with Client(serving.url, made.token) as eve:
        assert [token.id for token in eve.tokens().items] == [made.id]
        assert eve.tokens(team="red").items == []
        assert refusal(eve.revoke_token, other[0].id) == refusal(eve.revoke_token, other[0].id)
        assert refusal(eve.rotate_token, other[0].id)[0] == refusal(eve.revoke_token, 99_999)[0] == 404
        assert eve.revoke_token(made.id).state == "revoked"
        assert refusal(eve.sweeps)[0] == 401
    assert serving["admin"].revoke_token(made.id).revoked_at is not None
    assert status(serving, TOKENS["member"]) == 200


@ONE
def test_a_lesser_token_of_a_user_has_no_power_over_a_mightier_one(serving: Serving) -> None:
    mighty, lesser = invited(serving, "admin"), invited(serving, "member")
    with Client(serving.url, lesser.token) as eve:
        for call in (eve.revoke_token, eve.rotate_token):
            code, words = refusal(call, mighty.id)
            assert (code, "yours has role member" in words) == (403, True)
    assert status(serving, mighty.token) == 200


def test_a_rotated_token_replaces_the_old_one_at_once_or_after_its_grace(serving: Serving) -> None:
    first = invited(serving, lifetime_seconds=7200)
    with Client(serving.url, first.token) as eve:
        second = eve.rotate_token(first.id, grace_seconds=600)
        assert (second.role, second.user, second.name) == (first.role, first.user, first.name)
        assert second.expires_at is not None
        assert second.expires_at - second.created_at == timedelta(seconds=7200)
        assert eve.whoami().expires_at == second.created_at + timedelta(seconds=600)
        assert refusal(eve.rotate_token, second.id, lifetime_seconds=7201)[0] == 403
        third = eve.rotate_token(second.id, lifetime_seconds=60)
    assert [status(serving, token.token) for token in (first, second, third)] == [200, 401, 200]
    assert refusal(serving["admin"].rotate_token, second.id)[0] == 409


@ONE
def test_a_workers_token_serves_every_team_and_does_nothing_else(serving: Serving) -> None:
    made = serving["admin"].create_token("worker", "the cluster")
    assert (made.team, made.user) == (None, None)
    with Client(serving.url, made.token) as worker:
        assert worker.register(hello()).worker_id
        assert worker.whoami().role == "worker"
        assert refusal(worker.sweeps)[0] == refusal(worker.tokens)[0] == refusal(worker.audit)[0] == 403


@ONE
def test_the_use_of_a_token_is_noted(serving: Serving) -> None:
    made = invited(serving)
    assert made.last_used_at is None
    assert status(serving, made.token) == 200

    def used() -> bool:
        serving.parts.reconciler.wake()
        return serving["admin"].tokens(team="green").items[0].last_used_at is not None

    wait_until(used)


def test_a_request_is_authenticated_in_one_statement(serving: Serving) -> None:
    made = invited(serving, lifetime_seconds=3600)
    statements: list[str] = []
    with serving.parts.store.read() as session:
        event.listen(session.connection(), "before_cursor_execute", lambda *given: statements.append(given[2]))
        principal = access.authenticate(session, serving.parts.token_key, made.token)
    assert (principal.token_id, len(statements)) == (made.id, 1)


def test_lists_come_in_pages(serving: Serving) -> None:
    invited(serving)
    http = serving.http("admin")
    for path, count in (("/teams", 3), ("/users", 5), ("/tokens", 6)):
        found: list[int] = []
        cursor: int | None = None
        while True:
            query = {"limit": 2} | ({"cursor": cursor} if cursor is not None else {})
            page = http.get(path, params=query).json()
            found += [one["id"] for one in page["items"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert (len(found), len(set(found))) == (count, count), path


@ONE
def test_names_of_workers_hold_no_control_characters(serving: Serving) -> None:
    good = hello().model_dump()
    for field in ("name", "device", "device_name", "version"):
        for bad in ("a\x1b[2Jb", "a\nb", "a\u202eb", "a\x7fb"):
            answered = serving.http("worker").post("/workers", json=good | {field: bad})
            assert (answered.status_code, answered.json()["errors"][0]["field"]) == (422, field)
