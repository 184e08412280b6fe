"""`rampline corpora`: the texts that sweeps can train on, and uploading one."""

import re
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from rampline.display import plain
from rampline.reading import UnreadableError
from rampline.terminal import TokenFile, Url, connect, console
from service.wire.views import CorpusView

app = typer.Typer(help="List the texts that sweeps can train on, and upload more.")


@app.callback(invoke_without_command=True)
def list_corpora(context: typer.Context, url: Url = None, token_file: TokenFile = None) -> None:
    """List the texts that sweeps can train on: built in, uploaded by your team, or in the corpora directory."""
    if context.invoked_subcommand is None:
        console.print(_table(connect(url, token_file).corpora()))


@app.command()
def upload(
    file: Annotated[Path, typer.Argument(help="A text in UTF-8.", show_default=False)],
    name: Annotated[str | None, typer.Option(help="What sweeps call it: upload:NAME. Default: the file's.")] = None,
    url: Url = None,
    token_file: TokenFile = None,
) -> None:
    """Upload a text for your team. Doing it twice changes nothing."""
    called = name or re.sub(r"[^A-Za-z0-9._-]+", "-", file.name).lstrip(".-_")
    try:
        with file.open("rb") as text:
            kept = connect(url, token_file).upload_corpus(called, text)
    except OSError as error:
        raise UnreadableError(f"cannot read {file}: {error.strerror}") from error
    console.print(f"{kept.size} bytes are kept. In a sweep: data: {{corpus: {kept.name}}}", highlight=False)


def _table(corpora: list[CorpusView]) -> Table:
    table = Table()
    for column in ("name", "bytes", "sha256", "problem"):
        table.add_column(column, justify="right" if column == "bytes" else "left")
    for corpus in corpora:
        size = "-" if corpus.size is None else str(corpus.size)
        table.add_row(plain(corpus.name), size, (corpus.digest or "-")[:12], plain(corpus.problem or ""))
    return table
