"""`rampline team`, `user`, `token` and `audit`, against a real service with an admin's token."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from rampline.cli import app
from service.client import ApiError, Client
from tests.integration.serving import TOKENS, Serving

Run = Callable[..., Result]


@pytest.fixture
def backend() -> str:
    """One is enough: the commands speak to the service."""
    return "sqlite"


@pytest.fixture
def rampline(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """A command as an admin gives it, or as somebody else."""
    clients = ExitStack()  # a command's process ends, and with it its connections
    monkeypatch.setattr("rampline.connection.Client", lambda url, token: clients.enter_context(Client(url, token)))

    def run(*arguments: str, token: str = TOKENS["admin"], fails: bool = False) -> Result:
        environment = {"RAMPLINE_URL": serving.url, "RAMPLINE_TOKEN": token, "COLUMNS": "200"}
        ended = CliRunner().invoke(app, arguments, env=environment)
        assert (ended.exit_code != 0) == fails, ended.output
        return ended

    with clients:
        yield run


def shown(ended: Result) -> Any:
    return json.loads(ended.stdout)


def test_a_team_a_user_and_a_token_are_made_used_rotated_and_revoked(
    serving: Serving, rampline: Run, tmp_path: Path
) -> None:
    assert "rampline user create green/NAME" in rampline("team", "create", "green").stdout
    rampline("user", "create", "green/eve")
    made = rampline("token", "create", "--user", "green/eve", "--name", "laptop", "--expires", "90d")
    token = made.stdout.strip()
    assert token.startswith("rl_member_")
    assert "green/eve" in made.stderr
    assert token not in made.stderr
    me = shown(rampline("token", "whoami", "--json", token=token))
    assert (me["team"], me["user"], me["state"]) == ("green", "eve", "active")
    file = tmp_path / "eve.token"
    rotated = rampline("token", "rotate", str(me["id"]), "--into", str(file), token=token)
    assert file.read_text().strip() not in rotated.output
    assert file.stat().st_mode & 0o777 == 0o600
    with Client(serving.url, file.read_text().strip()) as eve:
        assert eve.whoami().id == me["id"] + 1
    rampline("token", "revoke", str(me["id"] + 1))
    with pytest.raises(ApiError, match="revoked"), Client(serving.url, file.read_text().strip()) as eve:
        eve.sweeps()
    assert shown(rampline("token", "list", "--team", "green", "--json"))["items"] == []
    states = {one["state"] for one in shown(rampline("token", "list", "--team", "green", "--all", "--json"))["items"]}
    assert states == {"revoked"}


def test_users_and_teams_are_listed_renamed_and_disabled(serving: Serving, rampline: Run) -> None:
    rampline("user", "disable", "blue/stranger")
    rampline("user", "rename", "blue/stranger", "bob")
    listed = rampline("user", "list", "--team", "blue").stdout
    assert "blue/bob" in listed
    assert "disabled" in listed
    rampline("user", "enable", "blue/bob")
    assert serving["stranger"].sweeps().items == []
    rampline("team", "disable", "blue")
    assert "disabled" in rampline("team", "list").stdout
    with pytest.raises(ApiError, match="team of this token is disabled"):
        serving["stranger"].sweeps()
    rampline("team", "enable", "blue")
    assert serving["stranger"].sweeps().items == []


def test_the_audit_trail_is_shown_with_who_did_what(serving: Serving, rampline: Run) -> None:
    rampline("team", "create", "green")
    rampline("user", "create", "green/eve")
    text = rampline("audit").stdout
    assert text.index("user.created") < text.index("team.created"), text
    assert "red/admin" in text
    events = shown(rampline("audit", "--kind", "team.created", "--since", "1h", "--user", "red/admin", "--json"))
    assert [event["detail"] for event in events["items"]] == [{"name": "green"}]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("user", "create", "eve"), "write TEAM/NAME"),
        (("user", "disable", "red/nobody"), "rampline user list"),
        (("team", "disable", "nobody"), "rampline team list"),
        (("token", "create"), "name one with --user"),
        (("token", "create", "--role", "worker", "--user", "red/admin"), "leave --user out"),
        (("token", "create", "--user", "red/admin", "--expires", "soon"), "such as 90d"),
        (("team", "create", "a/b"), "name"),
        (("token", "revoke", "99999"), "GET /api/v1/tokens"),
    ],
)
def test_what_is_wrong_is_told_with_its_remedy(rampline: Run, arguments: tuple[str, ...], words: str) -> None:
    ended = rampline(*arguments, fails=True)
    assert words in f"{ended.output} {ended.exception}"


def test_a_file_that_is_there_is_not_overwritten(rampline: Run, tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("kept")
    ended = rampline("token", "create", "--role", "worker", "--into", str(tmp_path / "kept"), fails=True)
    assert "revoke it" in ended.output
    assert (tmp_path / "kept").read_text() == "kept"
