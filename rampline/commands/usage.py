"""`rampline usage` and `rampline share`: what was used, and what teams may."""

import json
from datetime import datetime
from typing import Annotated

import typer
from rich.table import Table

from rampline import display
from rampline.terminal import AsJson, TokenFile, Url, connect, console, fail, print_json
from service.wire.shares import ShareSpec, ShareView, UsageKey, UsageView

app = typer.Typer()
share_app = typer.Typer(help="What teams may: weights and quotas. Without a command, show them.", no_args_is_help=False)

HOUR = 3600.0


@app.command()
def usage(
    by: Annotated[UsageKey, typer.Option(help="What to add up: teams, users or sweeps.")] = "team",
    first: Annotated[
        datetime | None,
        typer.Option("--from", formats=["%Y-%m-%d"], help="The first day (UTC). Default: the month's first."),
    ] = None,
    last: Annotated[
        datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="The last day (UTC). Default: today.")
    ] = None,
    url: Url = None,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Show the hours of devices, and the energy where devices tell it, that your team has used; admins see all teams.

    A run that trains beside others is charged its part of the device. Time in which nothing trains is nobody's.
    """
    found = connect(url, token_file).usage(by=by, first=first and first.date(), last=last and last.date())
    if as_json:
        print_json(found)
    else:
        console.print(_usage_table(found))


@share_app.callback(invoke_without_command=True)
def share(context: typer.Context, url: Url = None, token_file: TokenFile = None, as_json: AsJson = False) -> None:
    """Show what teams may, have and wait for: your team, or every team for an admin."""
    if context.invoked_subcommand is not None:
        return
    found = connect(url, token_file).shares()
    if as_json:
        typer.echo(json.dumps([one.model_dump(mode="json") for one in found], indent=2))
    else:
        console.print(_share_table(found))
        for one in found:
            if one.waits_for is not None and one.queued_runs:
                console.print(f"{one.queued_runs} runs wait: {display.plain(one.waits_for)}", highlight=False)


@share_app.command(name="set")
def set_share(
    team: Annotated[str, typer.Argument(help="The team's name.", show_default=False)],
    weight: Annotated[
        float | None, typer.Option(min=1e-6, max=1e6, help="Twice the weight, twice the lanes while others wait.")
    ] = None,
    lanes: Annotated[int | None, typer.Option(min=0, help="At most so many lanes at once.")] = None,
    hours: Annotated[
        float | None, typer.Option(min=0, max=1e9, help="At most so many hours of devices in a month (UTC).")
    ] = None,
    unlimited: Annotated[bool, typer.Option("--unlimited", help="First take away both quotas.")] = False,
    url: Url = None,
    token_file: TokenFile = None,
) -> None:
    """Set a team's weight and quotas (admins). What is not given stays as it is.

    Runs that have lanes go on when the weight changes, until others wait; a team without hours left is parked.
    """
    client = connect(url, token_file)
    known = {one.team: one for one in client.shares()}
    if team not in known:
        fail(f"there is no team {team}; there are {', '.join(sorted(known))}")
    now = known[team]
    spec = ShareSpec(
        weight=now.weight if weight is None else weight,
        lanes=lanes if unlimited or lanes is not None else now.lanes,
        hours=hours if unlimited or hours is not None else now.hours,
    )
    client.grant(team, spec)
    console.print(f"Team {display.plain(team)}: {_spec_line(spec)}.", highlight=False)


def _usage_table(found: UsageView) -> Table:
    title = f"{found.first} to {found.last}: {found.device_seconds / HOUR:.1f} device-hours"
    table = Table(title=title, title_justify="left")
    names = {"team": ["team"], "user": ["team", "user"], "sweep": ["team", "user", "sweep", "name"]}[found.by]
    for name in names:
        table.add_column(name, justify="right" if name == "sweep" else "left")
    for name in ("device-hours", "on GPUs", "kWh"):
        table.add_column(name, justify="right")
    for row in found.rows:
        who = {"team": row.team, "user": row.user, "sweep": row.sweep_id, "name": row.sweep}
        energy = "-" if row.joules is None else f"{row.joules / 3.6e6:.3f}"
        figures = f"{row.device_seconds / HOUR:.2f}", f"{row.gpu_seconds / HOUR:.2f}", energy
        table.add_row(*(display.plain(str(who[name])) for name in names), *figures)
    return table


def _share_table(found: list[ShareView]) -> Table:
    table = Table()
    for name in (
        "team",
        "weight",
        "lanes",
        "due",
        "of at most",
        "wait",
        "used (h)",
        "this month (h)",
        "of at most (h)",
    ):
        table.add_column(name, justify="left" if name == "team" else "right")
    for one in found:
        table.add_row(
            display.plain(one.team),
            f"{one.weight:g}",
            f"{one.lanes_in_use:.1f}",
            f"{one.lanes_due:.1f}",
            "-" if one.lanes is None else str(one.lanes),
            str(one.queued_runs),
            f"{one.used_hours:.1f}",
            f"{one.month_hours:.1f}",
            "-" if one.hours is None else f"{one.hours:g}",
        )
    return table


def _spec_line(spec: ShareSpec) -> str:
    lanes = "any number of lanes" if spec.lanes is None else f"at most {spec.lanes} lanes"
    hours = "any number of hours" if spec.hours is None else f"at most {spec.hours:g} device-hours a month"
    return f"weight {spec.weight:g}, {lanes}, {hours}"
