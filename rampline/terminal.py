"""What commands share: the console, their common options, the service they talk to, how they read, print and fail."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console

from rampline import display, looking
from rampline.connection import Connection, default_data_dir
from service.client import Client
from service.wire.base import Record
from service.wire.views import Finding

# Into a file or a pipe, tables are written as wide as they are.
_PIPED_COLUMNS = 200
console = Console(width=None if sys.stdout.isatty() else _PIPED_COLUMNS)

Url = Annotated[str | None, typer.Option(envvar="RAMPLINE_URL", help="The service. Default: the one running here.")]
TokenFile = Annotated[
    Path | None,
    typer.Option(envvar="RAMPLINE_TOKEN_FILE", help="A file with your token (or set RAMPLINE_TOKEN). Default: local."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
SweepId = Annotated[int, typer.Argument(help="The sweep's number, as `rampline list` shows it.", show_default=False)]
SweepFile = Annotated[Path, typer.Argument(help="A sweep in YAML or JSON; - reads standard input.", show_default=False)]


def connect(url: str | None, token_file: Path | None) -> Client:
    """A client of the service that was named, or of the one that runs here.

    Raises:
        NotConnectedError: there is none.
    """
    return Connection.find(url, token_file, default_data_dir()).client()


def read(file: Path) -> str:
    """The text of a file, or of standard input if it is `-`; ends the command if it cannot be read."""
    try:
        return sys.stdin.read() if str(file) == "-" else file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        fail(f"cannot read {file}: {error}")


def read_sweep(file: Path) -> dict[str, Any]:
    """The mapping in a file of YAML or JSON; ends the command if there is none."""
    sweep = looking.read_mapping(read(file), str(file))
    if not isinstance(sweep, dict):
        fail(f"{file} does not hold a sweep; see examples/first-sweep.yaml for one")
    return sweep


def print_json(record: Record) -> None:
    """Print a record as JSON."""
    typer.echo(json.dumps(record.model_dump(mode="json", by_alias=True), indent=2))


def remark(finding: Finding) -> str:
    """A finding of the linter in one line."""
    return display.plain(f"{finding.message} {finding.suggestion}")


def fail(message: str) -> NoReturn:
    """End the command with status 1 and an error that a person can mend."""
    Console(stderr=True).print(f"[red]error:[/] {display.plain(message)}", highlight=False, soft_wrap=True)
    raise typer.Exit(1)
