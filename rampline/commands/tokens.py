"""`rampline token`: what users and workers show the service."""

import os
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from rampline import accounts, durations
from rampline.display import plain
from rampline.terminal import AsJson, TokenFile, Url, connect, console, fail, print_json
from service.wire.tokens import NewToken, Role, TokenView

app = typer.Typer(
    no_args_is_help=True,
    help="Tokens say who calls: a user of a team as viewer, member or admin, or a worker.",
    epilog="The service keeps no token, only a keyed hash of it: who loses one gets another.",
)

Number = Annotated[int, typer.Argument(help="The token's number, as `token list` shows it.", show_default=False)]
Expires = Annotated[
    str | None, typer.Option(metavar="TIME", help="For how long it is accepted, such as 12h, 90d or 52w.")
]
Into = Annotated[
    Path | None,
    typer.Option("--into", help="A new file for it, which only you can read. Default: standard output."),
]


@app.command()
def create(
    user: Annotated[str | None, typer.Option(metavar="TEAM/NAME", help="Whose it is; a worker's is nobody's.")] = None,
    role: Annotated[Role, typer.Option(help="viewer looks, member submits, admin may all, worker trains.")] = "member",
    name: Annotated[str, typer.Option(help="What it is for, for people.")] = "token",
    expires: Expires = None,
    into: Into = None,
    url: Url = None,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Make a token. It is shown this once. Needs an admin's token.

    For example: rampline token create --user red/ada --name laptop --expires 90d --into ada.token
    """
    team, person = accounts.split(user) if user is not None else (None, None)
    if team is None and role != "worker":
        fail(f"a token of role {role} belongs to a user; name one with --user TEAM/NAME")
    if team is not None and role == "worker":
        fail("a worker's token belongs to no user, since workers serve every team; leave --user out")
    made = connect(url, token_file).create_token(role, name, team=team, user=person, lifetime_seconds=_seconds(expires))
    _hand_over(made, into, as_json=as_json)


@app.command(name="list")
def list_tokens(
    team: Annotated[str | None, typer.Option(help="Of this team alone (admins).")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Also those that are revoked or expired.")] = False,
    url: Url = None,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """List your tokens, newest first; with an admin's token, everybody's."""
    client = connect(url, token_file)
    page = client.tokens(team=team, everything=everything)
    found = page.items
    while page.next_cursor is not None:
        page = client.tokens(team=team, everything=everything, cursor=page.next_cursor)
        found = [*found, *page.items]
    if as_json:
        print_json(page.model_copy(update={"items": found}))
    else:
        console.print(_table(found))


@app.command()
def whoami(url: Url = None, token_file: TokenFile = None, as_json: AsJson = False) -> None:
    """Show what your own token is: whose, of which role, until when."""
    token = connect(url, token_file).whoami()
    if as_json:
        print_json(token)
    else:
        console.print(_table([token]))


@app.command()
def revoke(token: Number, url: Url = None, token_file: TokenFile = None) -> None:
    """Have a token refused from now on: one of yours, or with an admin's token anybody's."""
    view = connect(url, token_file).revoke_token(token)
    console.print(f"Token {view.id} ({plain(view.name)}, {_owner(view)}) is revoked.", highlight=False)


@app.command()
def rotate(
    token: Number,
    grace: Annotated[str | None, typer.Option(metavar="TIME", help="For how long the old one is accepted yet.")] = None,
    expires: Expires = None,
    into: Into = None,
    url: Url = None,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Replace a token by a new one of the same user, role and name. The new one is shown this once.

    Without --grace the old one is refused at once. Workers that still have it then leave, and their runs wait for
    others.
    """
    made = connect(url, token_file).rotate_token(
        token, grace_seconds=_seconds(grace) or 0, lifetime_seconds=_seconds(expires)
    )
    _hand_over(made, into, as_json=as_json)


def _seconds(given: str | None) -> int | None:
    return None if given is None else int(durations.parse(given).total_seconds())


def _hand_over(new: NewToken, into: Path | None, *, as_json: bool) -> None:
    """Give the token to standard output or to a file; what is said about it goes elsewhere, so that `>` works."""
    if into is not None:
        try:
            with os.fdopen(os.open(into, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(f"{new.token}\n")
        except OSError as error:
            fail(
                f"cannot write {into} ({error.strerror}), and the token is lost: revoke it with "
                f"`rampline token revoke {new.id}` and make another"
            )
    if as_json:
        print_json(new if into is None else TokenView(**new.model_dump(exclude={"token"})))
        return
    about = Console(stderr=True, highlight=False)
    until = "until it is revoked" if new.expires_at is None else f"until {new.expires_at:%Y-%m-%d %H:%M} UTC"
    about.print(f"Token {new.id}: role {new.role}, {_owner(new)}, accepted {until}. It is not shown again.")
    if into is None:
        typer.echo(new.token)
    else:
        about.print(f"It is in {into}; name that file with --token-file or RAMPLINE_TOKEN_FILE.")


def _table(tokens: list[TokenView]) -> Table:
    table = Table("id", "begins with", "role", "whose", "name", "expires", "last used", "state")
    for token in tokens:
        table.add_row(
            str(token.id),
            token.hint or "-",
            token.role,
            _owner(token),
            plain(token.name),
            _day(token.expires_at, "never"),
            _day(token.last_used_at, "never"),
            token.state,
        )
    return table


def _owner(token: TokenView) -> str:
    return plain(f"{token.team}/{token.user}") if token.user is not None else "every worker's"


def _day(moment: datetime | None, otherwise: str) -> str:
    return otherwise if moment is None else f"{moment:%Y-%m-%d %H:%M}"
