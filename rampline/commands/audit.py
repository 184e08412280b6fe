"""`rampline audit`: who changed what."""

from datetime import UTC, datetime
from functools import partial
from typing import Annotated

import typer
from rich.table import Table

from rampline import durations
from rampline.display import plain
from rampline.terminal import AsJson, TokenFile, Url, connect, console, print_json
from service.wire.audit import AuditEvent

app = typer.Typer()

_PAGE = 1000


@app.command()
def audit(
    user: Annotated[str | None, typer.Option(metavar="[TEAM/]NAME", help="By this user alone.")] = None,
    team: Annotated[str | None, typer.Option(help="What concerns this team alone (admins).")] = None,
    sweep: Annotated[int | None, typer.Option(help="About this sweep alone.")] = None,
    kind: Annotated[str | None, typer.Option(help="Of this kind alone, such as token.created.")] = None,
    since: Annotated[str | None, typer.Option(metavar="TIME", help="Not older than this, such as 12h or 7d.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many, at most.")] = 50,
    url: Url = None,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Show who changed what, newest first: what concerns your team; with an admin's token, all of it."""
    client = connect(url, token_file)
    begin = None if since is None else (datetime.now(UTC) - durations.parse(since)).isoformat()
    asked = partial(client.audit, team=team, user=user, sweep=sweep, kind=kind, since=begin)
    page = asked(limit=min(limit, _PAGE))
    found = page.items
    while page.next_cursor is not None and len(found) < limit:
        page = asked(cursor=page.next_cursor, limit=min(limit - len(found), _PAGE))
        found = [*found, *page.items]
    if as_json:
        print_json(page.model_copy(update={"items": found}))
    else:
        console.print(_table(found))


def _table(events: list[AuditEvent]) -> Table:
    table = Table("when (UTC)", "who", "token", "from", "what", "sweep", "detail")
    for event in events:
        detail = ", ".join(f"{name} {value}" for name, value in event.detail.items() if value is not None)
        table.add_row(
            f"{event.at:%Y-%m-%d %H:%M:%S}",
            plain(event.user or "the service"),
            str(event.token or "-"),
            plain(event.address or "-"),
            plain(event.kind),
            str(event.sweep_id or "-"),
            plain(detail),
        )
    return table
