"""`rampline user`: the people of the teams."""

from typing import Annotated

import typer
from rich.table import Table

from rampline import accounts
from rampline.display import plain
from rampline.terminal import AsJson, TokenFile, Url, connect, console, print_json

app = typer.Typer(
    no_args_is_help=True,
    help="Users belong to a team and show who they are by a token. Needs an admin's token.",
    epilog="A user without a token can do nothing: `rampline token create --user TEAM/NAME`.",
)

Account = Annotated[str, typer.Argument(metavar="TEAM/NAME", help="The user, with the team.", show_default=False)]


@app.command()
def create(account: Account, url: Url = None, token_file: TokenFile = None, as_json: AsJson = False) -> None:
    """Make a user of a team."""
    team, name = accounts.split(account)
    user = connect(url, token_file).create_user(team, name)
    if as_json:
        print_json(user)
    else:
        console.print(f"User {plain(account)} is there. A token: rampline token create --user {plain(account)}")


@app.command(name="list")
def list_users(
    team: Annotated[str | None, typer.Option(help="Of this team alone.")] = None,
    url: Url = None,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """List the users, and how many tokens each has."""
    client = connect(url, token_file)
    page = client.users(team=team)
    found = page.items
    while page.next_cursor is not None:
        page = client.users(team=team, cursor=page.next_cursor)
        found = [*found, *page.items]
    if as_json:
        print_json(page.model_copy(update={"items": found}))
        return
    table = Table("user", "tokens", "made", "state")
    for user in found:
        state = "active" if user.disabled_at is None else "disabled"
        table.add_row(plain(f"{user.team}/{user.name}"), str(user.tokens), f"{user.created_at:%Y-%m-%d}", state)
    console.print(table)


@app.command()
def rename(
    account: Account,
    name: Annotated[str, typer.Argument(help="The new name, within the same team.", show_default=False)],
    url: Url = None,
    token_file: TokenFile = None,
) -> None:
    """Give a user another name. Runs that were trained keep the old one in MLflow."""
    client = connect(url, token_file)
    user = client.change_user(accounts.find_user(client, account).id, name=name)
    console.print(f"{plain(account)} is {plain(user.team)}/{plain(user.name)} now.")


@app.command()
def disable(account: Account, url: Url = None, token_file: TokenFile = None) -> None:
    """Refuse all tokens of a user from now on. The user's sweeps go on; the team can cancel them."""
    client = connect(url, token_file)
    client.change_user(accounts.find_user(client, account).id, disabled=True)
    console.print(f"User {plain(account)} is disabled.")


@app.command()
def enable(account: Account, url: Url = None, token_file: TokenFile = None) -> None:
    """Accept the tokens of a disabled user again."""
    client = connect(url, token_file)
    client.change_user(accounts.find_user(client, account).id, disabled=False)
    console.print(f"User {plain(account)} is enabled.")
