"""The command `rampline`: the commands together, and how they end."""

import sys

import typer
from rich.console import Console

import schedules
from fleet.settings import FleetError
from rampline import display, reading
from rampline.commands import (
    audit,
    corpora,
    fleet,
    keeping,
    lifecycle,
    processes,
    replay,
    sweeps,
    teams,
    tokens,
    usage,
    users,
)
from rampline.commands import schedules as schedule_commands
from rampline.connection import NotConnectedError
from rampline.product import ProductError, StoppedError
from service.client import ApiError, ServiceUnreachableError
from service.errors import ServiceError

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Find the learning-rate schedule for a transformer: which type, how many warmup steps, which peak rate.",
    epilog="First: `rampline up` in one terminal, `rampline submit examples/first-sweep.yaml --watch` in another.",
)
for commands in (
    processes.app,
    sweeps.app,
    lifecycle.app,
    schedule_commands.app,
    replay.app,
    keeping.app,
    usage.app,
    audit.app,
):
    app.add_typer(commands)
for noun, commands in {
    "corpora": corpora.app,
    "team": teams.app,
    "user": users.app,
    "token": tokens.app,
    "share": usage.share_app,
    "fleet": fleet.app,
}.items():
    app.add_typer(commands, name=noun)

EXPECTED = (
    ApiError,
    FleetError,
    NotConnectedError,
    ProductError,
    ServiceError,
    ServiceUnreachableError,
    reading.UnreadableError,
    schedules.ScheduleError,
)


def main() -> None:
    """Run a command; what a person can mend is one clear message and exit status 1, not a traceback."""
    try:
        app()
    except EXPECTED as error:
        Console(stderr=True).print(f"[red]error:[/] {display.plain(str(error))}", highlight=False, soft_wrap=True)
        sys.exit(1)
    except (KeyboardInterrupt, StoppedError):
        sys.exit(130)
