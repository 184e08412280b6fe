"""`rampline submit`, `watch`, `list`, `best`, `preview` and `cancel`: a sweep from its file to its winner."""

from typing import Annotated

import typer
from rich.console import Console

from rampline import display
from rampline.terminal import (
    AsJson,
    SweepFile,
    SweepId,
    TokenFile,
    Url,
    connect,
    console,
    print_json,
    read_sweep,
    remark,
)
from service.client import Client

app = typer.Typer()


@app.command()
def submit(
    file: SweepFile,
    url: Url = None,
    token_file: TokenFile = None,
    watch_it: Annotated[bool, typer.Option("--watch", help="Show its progress until it has ended.")] = False,
    as_json: AsJson = False,
) -> None:
    """Queue a sweep. Nothing of a refused sweep is stored; the error names each field and what would be right."""
    client = connect(url, token_file)
    sweep = client.submit(read_sweep(file))
    if as_json and not watch_it:
        print_json(sweep)
        return
    if not as_json:
        for finding in sweep.findings:
            console.print(f"[yellow]{finding.severity}[/] {remark(finding)}", highlight=False)
        if sweep.waits_for is not None:
            console.print(f"[yellow]it waits:[/] {display.plain(sweep.waits_for)}", highlight=False)
        where = display.plain(str(sweep.mlflow_url))
        console.print(f"Sweep {sweep.id} is queued: {sweep.progress.trials_total} trials. MLflow: {where}")
    if watch_it:
        _show_to_the_end(client, sweep.id, as_json=as_json)


@app.command()
def watch(sweep: SweepId, url: Url = None, token_file: TokenFile = None, as_json: AsJson = False) -> None:
    """Show a sweep's progress until it has ended, then its leaderboard. Ctrl-C leaves the sweep running."""
    _show_to_the_end(connect(url, token_file), sweep, as_json=as_json)


@app.command(name="list")
def list_command(url: Url = None, token_file: TokenFile = None, as_json: AsJson = False) -> None:
    """List the sweeps, newest first, and what the workers are doing."""
    client = connect(url, token_file)
    page = client.sweeps()
    if as_json:
        print_json(page)
        return
    console.print(display.sweep_table(page.items))
    console.print(display.cluster_table(client.queue(), client.workers()))


@app.command()
def best(sweep: SweepId, url: Url = None, token_file: TokenFile = None, as_json: AsJson = False) -> None:
    """Show the leaderboard of a sweep, and the few lines of PyTorch that reproduce its winner."""
    client = connect(url, token_file)
    if as_json:
        print_json(client.best(sweep))
        return
    found = client.best(sweep)
    console.print(display.leaderboard(client.all_trials(sweep)))
    console.print(display.winner(found), soft_wrap=True)
    runs = ", ".join(str(run.id) for run in found.trial.runs)
    console.print(f"Its runs: {runs}. Train one again alone, for comparison: rampline replay {found.trial.runs[0].id}")


@app.command()
def preview(file: SweepFile, url: Url = None, token_file: TokenFile = None, as_json: AsJson = False) -> None:
    """Check a sweep and say what it would be: trials, runs, updates, the linter's findings. Queues nothing."""
    found = connect(url, token_file).preview(read_sweep(file))
    if as_json:
        print_json(found)
        return
    console.print(f"{found.trials} trials, {found.runs} runs, {found.updates} updates")
    for finding in found.findings:
        console.print(f"[yellow]{finding.severity}[/] {remark(finding)}", highlight=False)


@app.command()
def cancel(sweep: SweepId, url: Url = None, token_file: TokenFile = None, as_json: AsJson = False) -> None:
    """Cancel a sweep: what is queued is dropped, what trains is stopped, what has ended stays."""
    view = connect(url, token_file).cancel(sweep)
    if as_json:
        print_json(view)
    else:
        console.print(f"Sweep {view.id} is {view.state}: {view.progress.trials_done} of its trials had ended.")


def _show_to_the_end(client: Client, sweep: int, *, as_json: bool) -> None:
    view = display.watch(client, sweep, Console(stderr=True) if as_json else console)
    if as_json:
        print_json(view)
    elif view.progress.best_trial is not None:
        console.print(display.leaderboard(client.all_trials(sweep)))
        console.print(f"MLflow: {display.plain(str(view.mlflow_url))}", highlight=False)
