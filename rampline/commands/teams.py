"""`rampline team`: who shares the cluster."""

from typing import Annotated

import typer
from rich.table import Table

from rampline import accounts
from rampline.display import plain
from rampline.terminal import AsJson, TokenFile, Url, connect, console, print_json

app = typer.Typer(
    no_args_is_help=True,
    help="Teams share the workers, and see nothing of each other's sweeps. Needs an admin's token.",
    epilog="Next: `rampline user create TEAM/NAME`, then `rampline token create --user TEAM/NAME`.",
)

TeamName = Annotated[str, typer.Argument(help="The team's name, which it keeps for good.", show_default=False)]


@app.command()
def create(name: TeamName, url: Url = None, token_file: TokenFile = None, as_json: AsJson = False) -> None:
    """Make a team."""
    team = connect(url, token_file).create_team(name)
    if as_json:
        print_json(team)
    else:
        console.print(f"Team {plain(team.name)} is there. Its first user: rampline user create {plain(team.name)}/NAME")


@app.command(name="list")
def list_teams(url: Url = None, token_file: TokenFile = None, as_json: AsJson = False) -> None:
    """List the teams."""
    client = connect(url, token_file)
    page = client.teams()
    found = page.items
    while page.next_cursor is not None:
        page = client.teams(cursor=page.next_cursor)
        found = [*found, *page.items]
    if as_json:
        print_json(page.model_copy(update={"items": found}))
        return
    table = Table("team", "users", "made", "state")
    for team in found:
        state = "active" if team.disabled_at is None else "disabled"
        table.add_row(plain(team.name), str(team.users), f"{team.created_at:%Y-%m-%d}", state)
    console.print(table)


@app.command()
def disable(name: TeamName, url: Url = None, token_file: TokenFile = None) -> None:
    """Refuse all tokens of a team's users from now on. Its sweeps go on; cancel those that shall not."""
    client = connect(url, token_file)
    client.change_team(accounts.find_team(client, name).id, disabled=True)
    console.print(f"Team {plain(name)} is disabled.")


@app.command()
def enable(name: TeamName, url: Url = None, token_file: TokenFile = None) -> None:
    """Accept the tokens of a disabled team's users again."""
    client = connect(url, token_file)
    client.change_team(accounts.find_team(client, name).id, disabled=False)
    console.print(f"Team {plain(name)} is enabled.")
