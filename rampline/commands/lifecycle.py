"""`rampline pause`, `resume`, `extend`, `retry`, `priority` and `clone`: what can be done with a sweep on its way."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from rampline import looking
from rampline.terminal import AsJson, SweepId, TokenFile, Url, connect, console, fail, print_json, read_sweep
from service.client import Client
from service.domain.changes import changed
from service.wire.views import SweepView

app = typer.Typer()

Assignments = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="FIELD=VALUE",
        help="Another value, in JSON or bare, as often as needed: --set trials=48 --set 'space.peak_lr=[0.001, 0.01]'.",
    ),
]


@app.command()
def pause(sweep: SweepId, url: Url = None, token_file: TokenFile = None, as_json: AsJson = False) -> None:
    """Pause a sweep: nothing of it is trained until `rampline resume`. What trains loses nothing."""
    view = connect(url, token_file).pause(sweep)
    running = view.progress.runs["running"]
    _tell(view, as_json, f"{running} runs are parked at their workers' next reports." if running else "")


@app.command()
def resume(sweep: SweepId, url: Url = None, token_file: TokenFile = None, as_json: AsJson = False) -> None:
    """Let a paused sweep go on: each run from the update at which it was parked."""
    view = connect(url, token_file).resume(sweep)
    _tell(view, as_json, f"{view.progress.trials_done} of its {view.progress.trials_total} trials have ended.")


@app.command()
def extend(
    sweep: SweepId,
    trials: Annotated[int | None, typer.Option(min=1, help="The new total of trials.")] = None,
    total_steps: Annotated[
        list[int] | None,
        typer.Option(min=1, help="A further length of runs: each configuration is trained at it, too."),
    ] = None,
    space: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="What the space gets, in JSON: --space 'schedule=[\"rex\"]', --space 'warmup_steps=[160]', "
            '--space \'peak_lr={"low": 1e-4, "high": 0.1, "log": true}\'.',
        ),
    ] = None,
    url: Url = None,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Have more of a sweep: more trials, longer runs, a wider space. What it has it keeps; repeating changes nothing.

    A sweep that has completed goes on. A longer run goes on from where a shorter one was, as long as their rates agree.
    """
    wish: dict[str, Any] = {"trials": trials, "total_steps": total_steps or None}
    wish["space"] = looking.described({}, space) if space else None
    view = connect(url, token_file).extend(sweep, {name: value for name, value in wish.items() if value is not None})
    _tell(view, as_json, f"{view.progress.trials_done} of its {view.progress.trials_total} trials have ended.")


@app.command()
def retry(sweep: SweepId, url: Url = None, token_file: TokenFile = None, as_json: AsJson = False) -> None:
    """Try a sweep's failed runs again, with as many attempts as at first. Those that diverged would diverge again."""
    view = connect(url, token_file).retry(sweep)
    waiting = view.progress.runs["queued"] + view.progress.runs["paused"]
    _tell(view, as_json, f"{waiting} of its runs wait, {view.progress.runs['failed']} have failed.")


@app.command()
def priority(
    sweep: SweepId,
    value: Annotated[int, typer.Argument(help="-1000 to 1000; higher is taken first.", show_default=False)],
    url: Url = None,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Change a sweep's place in the queue: its queued runs move at once, what trains goes on."""
    view = connect(url, token_file).prioritise(sweep, value)
    _tell(view, as_json, f"Its priority is {view.priority}.")


@app.command()
def clone(
    source: Annotated[str, typer.Argument(help="A sweep's number, or a file with a sweep.", show_default=False)],
    changes: Assignments = None,
    print_it: Annotated[bool, typer.Option("--print", help="Print the copy as JSON, and queue nothing.")] = False,
    url: Url = None,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Queue a sweep like another, with some values changed.

    `rampline clone 7 --print > sweep.json` writes it down, for somebody else to change and to submit.
    """
    given = looking.described({}, changes or [])
    client = connect(url, token_file)
    if source.isdigit() and not print_it:
        view = client.clone(int(source), given)
    else:
        content = changed(_content(source, client), given)
        if print_it:
            typer.echo(json.dumps(content, indent=2))
            return
        view = client.submit(content)
    _tell(view, as_json, f"{view.progress.trials_total} trials.")


def _content(source: str, client: Client) -> dict[str, Any]:
    """A sweep's mapping: that of a number, or in a file, which may also hold what the service told of a sweep."""
    if source.isdigit():
        return client.sweep(int(source)).spec.model_dump(mode="json", by_alias=True)
    content = read_sweep(Path(source))
    told = content.get("spec", content)
    if not isinstance(told, dict):
        fail(f"{source} does not hold a sweep; see examples/first-sweep.yaml for one")
    return told


def _tell(view: SweepView, as_json: bool, more: str) -> None:
    if as_json:
        print_json(view)
    else:
        console.print(f"Sweep {view.id} is {view.state}. {more}".rstrip(), highlight=False)
