"""`rampline replay`."""

import json
from typing import Annotated

import typer
from rich.console import Console

from rampline.terminal import AsJson, TokenFile, Url, connect, console, fail

app = typer.Typer()


@app.command()
def replay(
    run: Annotated[int, typer.Argument(help="The run's number, as MLflow and `best` show it.", show_default=False)],
    updates: Annotated[int | None, typer.Option(min=1, help="Replay only so many updates, from the first on.")] = None,
    mlflow: Annotated[str | None, typer.Option(help="MLflow's address, if not the one that the service tells.")] = None,
    url: Url = None,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Train an ended run again, alone and with plain PyTorch, and say how far its record is from that.

    Uses torch.nn, torch.optim and a torch scheduler in an ordinary loop on the CPU, and none of the fused code. Exit
    status 1 if a rate differs.
    """
    from rampline import replaying  # noqa: PLC0415 - torch

    errors = Console(stderr=True)
    try:
        detail, found = replaying.replayed(
            connect(url, token_file), run, updates=updates, mlflow_url=mlflow, progress=errors
        )
    except replaying.ReplayError as error:
        fail(str(error))
    if as_json:
        typer.echo(json.dumps(replaying.as_mapping(detail, found), indent=2))
    else:
        console.print(replaying.explained(detail, found), highlight=False, soft_wrap=True, markup=False)
    if not found.same_rates:
        raise typer.Exit(1)
