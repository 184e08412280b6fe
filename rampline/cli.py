"""The command `rampline`: each function is one command; what it does lives elsewhere."""

import contextlib
import json
import signal
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.markup import escape

import schedules
from rampline import corpora, demo, display, keeping, looking, reading
from rampline.connection import Connection, NotConnectedError, default_data_dir
from rampline.product import Product, ProductError, StoppedError, find_devices
from service import logs
from service.client import ApiError, Client, ServiceUnreachableError
from service.errors import ServiceError
from service.wire.base import Wire
from service.wire.views import Finding

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Find the learning-rate schedule for a transformer: which type, how many warmup steps, which peak rate.",
    epilog="First: `rampline up` in one terminal, `rampline submit examples/first-sweep.yaml --watch` in another.",
)
database = typer.Typer(no_args_is_help=True, help="Look after the database.")
app.add_typer(database, name="db")
schedule_app = typer.Typer(no_args_is_help=True, help="Look at schedules; needs no service.")
app.add_typer(schedule_app, name="schedule")
app.add_typer(corpora.app, name="corpora")
app.command()(keeping.backup)
app.command()(keeping.restore)
console = Console()

EXPECTED = (
    ApiError,
    NotConnectedError,
    ProductError,
    ServiceError,
    ServiceUnreachableError,
    reading.UnreadableError,
    schedules.ScheduleError,
)

DataDir = Annotated[
    Path,
    typer.Option(
        "--data-dir",
        envvar="RAMPLINE_DATA_DIR",
        default_factory=default_data_dir,
        help="Where everything is kept: databases, texts, MLflow's records, logs.",
        show_default="~/.local/share/rampline",
    ),
]
Url = Annotated[str | None, typer.Option(envvar="RAMPLINE_URL", help="The service. Default: the one running here.")]
TokenFile = Annotated[
    Path | None,
    typer.Option(envvar="RAMPLINE_TOKEN_FILE", help="A file with your token (or set RAMPLINE_TOKEN). Default: local."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
SweepId = Annotated[int, typer.Argument(help="The sweep's number, as `rampline list` shows it.", show_default=False)]
SweepFile = Annotated[Path, typer.Argument(help="A sweep in YAML or JSON; - reads standard input.", show_default=False)]
Port = Annotated[int, typer.Option(help="Port of the service.")]
MlflowPort = Annotated[int, typer.Option(help="Port of MLflow.")]
Workers = Annotated[int | None, typer.Option(min=0, help="Worker processes. Default: one per GPU, else one per core.")]
Lanes = Annotated[int | None, typer.Option(min=1, help="Runs that each worker trains at once.")]


@app.command()
def up(
    data_dir: DataDir,
    port: Port = 8000,
    mlflow_port: MlflowPort = 5000,
    workers: Workers = None,
    lanes: Lanes = None,
) -> None:
    """Run the whole product on this machine (service, MLflow, workers) until Ctrl-C.

    Started again on the same data directory, it goes on where it was.
    """
    product = Product(data_dir=data_dir, port=port, mlflow_port=mlflow_port, devices=_devices(workers), lanes=lanes)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: product.stopping.set())
    with contextlib.ExitStack() as stack:
        with console.status("Starting MLflow, the service and the workers ..."):
            processes = stack.enter_context(product.running())
        console.print(f"Rampline is up: API {product.url}/docs  MLflow {product.mlflow_url}", highlight=False)
        console.print(
            f"  {len(product.devices)} workers ({', '.join(product.devices)}), data in {data_dir}", highlight=False
        )
        here = "" if data_dir == default_data_dir() else f"RAMPLINE_DATA_DIR={data_dir} "
        console.print(f"  submit a sweep: {here}rampline submit examples/first-sweep.yaml --watch", highlight=False)
        console.print("  Ctrl-C stops everything; what has been accepted goes on at the next start.")
        while not product.stopping.wait(0.5):
            for line in processes.watch():
                console.print(line, style="yellow")
        console.print("Stopping: the workers give their runs back.")
    console.print("Stopped.")


@app.command(name="demo")
def demo_command(
    file: Annotated[Path, typer.Argument(help="The sweep to run.")] = Path("examples/first-sweep.yaml"),
    data_dir: Annotated[Path, typer.Option(help="Where the results are left.")] = Path("rampline-demo"),
    port: Port = 8000,
    mlflow_port: MlflowPort = 5000,
    workers: Workers = None,
    lanes: Lanes = None,
) -> None:
    """Start the product, run one sweep, show its progress and its winner, stop everything."""
    product = Product(data_dir=data_dir, port=port, mlflow_port=mlflow_port, devices=_devices(workers), lanes=lanes)
    sweep = _read_sweep(file)
    errors = [remark for remark in looking.lint(sweep) if remark.severity == "error"]
    if errors:
        _fail(
            "\n".join([f"{file} is not valid", *(f"  {one.field}: {one.message}; {one.suggestion}" for one in errors)])
        )
    _terminate_like_ctrl_c()
    demo.run(product, sweep, console)


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on. Default: 127.0.0.1.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on. Default: 8000.")] = None,
) -> None:
    """Run the service alone. Settings come from RAMPLINE_* in the environment (see docs/settings.md)."""
    from service.server import serve as run_service  # noqa: PLC0415 - its imports cost every other command a second
    from service.settings import Settings  # noqa: PLC0415

    given: dict[str, Any] = {"host": host, "port": port, "data_dir": default_data_dir()}
    run_service(Settings(**{name: value for name, value in given.items() if value is not None}))


@app.command()
def worker(
    url: Annotated[str | None, typer.Option(help="The service's address. Default: RAMPLINE_URL.")] = None,
    token_file: Annotated[
        Path | None, typer.Option(help="A file with a worker's token. Default: RAMPLINE_WORKER_TOKEN_FILE.")
    ] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda or cuda:N.")] = None,
    lanes: Annotated[int | None, typer.Option(min=1, help="Runs trained at once. Default: by the device.")] = None,
    name: Annotated[str | None, typer.Option(help="A name for people. Default: host and process.")] = None,
) -> None:
    """Train what the service has queued, until SIGTERM or Ctrl-C; then give the runs back and leave."""
    from worker.main import WorkerError, run  # noqa: PLC0415 - torch
    from worker.settings import WorkerSettings  # noqa: PLC0415

    given: dict[str, Any] = {
        "url": url,
        "worker_token_file": token_file,
        "device": device,
        "lanes": lanes,
        "worker_name": name,
    }
    settings = WorkerSettings(**{key: value for key, value in given.items() if value is not None})
    logs.configure(settings.log_format, "info")
    try:
        run(settings)
    except WorkerError as error:
        _fail(str(error))


@app.command()
def submit(
    file: SweepFile,
    url: Url = None,
    token_file: TokenFile = None,
    watch_it: Annotated[bool, typer.Option("--watch", help="Show its progress until it has ended.")] = False,
    as_json: AsJson = False,
) -> None:
    """Queue a sweep. Nothing of a refused sweep is stored; the error names each field and what would be right."""
    client = _client(url, token_file)
    sweep = client.submit(_read_sweep(file))
    if as_json and not watch_it:
        _print_json(sweep)
        return
    if not as_json:
        for finding in sweep.findings:
            console.print(f"[yellow]{finding.severity}[/] {_remark(finding)}", highlight=False)
        where = display.plain(str(sweep.mlflow_url))
        console.print(f"Sweep {sweep.id} is queued: {sweep.progress.trials_total} trials. MLflow: {where}")
    if watch_it:
        _show_to_the_end(client, sweep.id, as_json=as_json)


@app.command()
def watch(sweep: SweepId, url: Url = None, token_file: TokenFile = None, as_json: AsJson = False) -> None:
    """Show a sweep's progress until it has ended, then its leaderboard. Ctrl-C leaves the sweep running."""
    _show_to_the_end(_client(url, token_file), sweep, as_json=as_json)


@app.command(name="list")
def list_command(url: Url = None, token_file: TokenFile = None, as_json: AsJson = False) -> None:
    """List the sweeps, newest first, and what the workers are doing."""
    client = _client(url, token_file)
    page = client.sweeps()
    if as_json:
        _print_json(page)
        return
    console.print(display.sweep_table(page.items))
    console.print(display.cluster_table(client.queue(), client.workers()))


@app.command()
def best(sweep: SweepId, url: Url = None, token_file: TokenFile = None, as_json: AsJson = False) -> None:
    """Show the leaderboard of a sweep, and the few lines of PyTorch that reproduce its winner."""
    client = _client(url, token_file)
    if as_json:
        _print_json(client.best(sweep))
        return
    found = client.best(sweep)
    console.print(display.leaderboard(client.all_trials(sweep)))
    console.print(display.winner(found), soft_wrap=True)
    runs = ", ".join(str(run.id) for run in found.trial.runs)
    console.print(f"Its runs: {runs}. Train one again alone, for comparison: rampline replay {found.trial.runs[0].id}")


@app.command()
def preview(file: SweepFile, url: Url = None, token_file: TokenFile = None, as_json: AsJson = False) -> None:
    """Check a sweep and say what it would be: trials, runs, updates, the linter's findings. Queues nothing."""
    found = _client(url, token_file).preview(_read_sweep(file))
    if as_json:
        _print_json(found)
        return
    console.print(f"{found.trials} trials, {found.runs} runs, {found.updates} updates")
    for finding in found.findings:
        console.print(f"[yellow]{finding.severity}[/] {_remark(finding)}", highlight=False)


@app.command()
def lint(file: SweepFile, as_json: AsJson = False) -> None:
    """Check a sweep, a schedule or a list of schedules without a service. Exit status 1 if there is an error."""
    remarks = looking.lint(looking.read_mapping(_read(file), str(file)))
    if as_json:
        typer.echo(json.dumps([remark.model_dump() for remark in remarks], indent=2))
    for remark in [] if as_json else remarks:
        colour = "red" if remark.severity == "error" else "yellow"
        console.print(f"[{colour}]{remark.severity}[/] {escape(f'[{remark.code}] {remark.field}: {remark.message}')}")
        console.print(f"  {escape(remark.suggestion)}", highlight=False)
    if any(remark.severity == "error" for remark in remarks):
        raise typer.Exit(1)
    if not remarks and not as_json:
        console.print("Nothing to remark.")


@schedule_app.command(name="preview")
def preview_schedule(
    family: Annotated[str, typer.Option("--type", help="noam, linear, cosine, wsd, ...; see `schedule families`.")],
    steps: Annotated[int, typer.Option(help="Updates in the run.")],
    peak: Annotated[float | None, typer.Option(help="The largest rate; noam has its own.")] = None,
    warmup: Annotated[int | None, typer.Option(help="Updates of warmup.")] = None,
    parameters: Annotated[
        list[str] | None, typer.Argument(help="The family's other parameters, as name=value.", metavar="NAME=VALUE")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Also write a picture: FILE.png or FILE.svg.")] = None,
) -> None:
    """Draw a schedule in the terminal, and say what the linter finds.

    For example: rampline schedule preview --type wsd --peak 3e-3 --warmup 100 --steps 1000 decay_fraction=0.2
    """
    given = {"type": family, "total_steps": steps, "peak_lr": peak, "warmup_steps": warmup}
    schedule = schedules.build(looking.described(given, parameters or []))
    typer.echo(schedules.preview_text(schedule, width=min(100, console.width)))
    for finding in schedules.lint(schedule):
        console.print(f"[yellow]{finding.severity}[/] {escape(finding.message)} {escape(finding.suggestion)}")
    if out is not None:
        looking.draw(schedule, out)
        console.print(f"The picture is in {out}.", highlight=False)


@schedule_app.command()
def families() -> None:
    """List the families with their parameters."""
    for name, family in schedules.FAMILIES.items():
        console.print(f"[bold]{name}[/]")
        for parameter in family.parameters():
            default = "" if parameter.required else f" (default {parameter.default})"
            console.print(f"  {parameter.name}: {escape(parameter.doc)}{escape(default)}", highlight=False)


@app.command()
def cancel(sweep: SweepId, url: Url = None, token_file: TokenFile = None, as_json: AsJson = False) -> None:
    """Cancel a sweep: what is queued is dropped, what trains is stopped, what has ended stays."""
    view = _client(url, token_file).cancel(sweep)
    if as_json:
        _print_json(view)
    else:
        console.print(f"Sweep {view.id} is {view.state}: {view.progress.trials_done} of its trials had ended.")


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
            _client(url, token_file), run, updates=updates, mlflow_url=mlflow, progress=errors
        )
    except replaying.ReplayError as error:
        _fail(str(error))
    if as_json:
        typer.echo(json.dumps(replaying.as_mapping(detail, found), indent=2))
    else:
        console.print(replaying.explained(detail, found), highlight=False, soft_wrap=True, markup=False)
    if not found.same_rates:
        raise typer.Exit(1)


@database.command()
def upgrade() -> None:
    """Create the database's tables or bring them up to date. `serve` does this by itself."""
    from service.settings import Settings  # noqa: PLC0415 - as in serve
    from service.store.migrate import upgrade as upgrade_database  # noqa: PLC0415

    upgrade_database(Settings(data_dir=default_data_dir()).database)
    console.print("The database is up to date.")


def _terminate_like_ctrl_c() -> None:
    """Let SIGTERM end this process as Ctrl-C does, so that it stops what it started."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def _devices(workers: int | None) -> list[str]:
    found = find_devices()
    return found if workers is None else [found[index % len(found)] for index in range(workers)]


def _client(url: str | None, token_file: Path | None) -> Client:
    return Connection.find(url, token_file, default_data_dir()).client()


def _read(file: Path) -> str:
    try:
        return sys.stdin.read() if str(file) == "-" else file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        _fail(f"cannot read {file}: {error}")


def _read_sweep(file: Path) -> dict[str, Any]:
    sweep = looking.read_mapping(_read(file), str(file))
    if not isinstance(sweep, dict):
        _fail(f"{file} does not hold a sweep; see examples/first-sweep.yaml for one")
    return sweep


def _show_to_the_end(client: Client, sweep: int, *, as_json: bool) -> None:
    view = display.watch(client, sweep, Console(stderr=True) if as_json else console)
    if as_json:
        _print_json(view)
    elif view.progress.best_trial is not None:
        console.print(display.leaderboard(client.all_trials(sweep)))
        console.print(f"MLflow: {display.plain(str(view.mlflow_url))}", highlight=False)


def _print_json(record: Wire) -> None:
    typer.echo(json.dumps(record.model_dump(mode="json", by_alias=True), indent=2))


def _remark(finding: Finding) -> str:
    return display.plain(f"{finding.message} {finding.suggestion}")


def _fail(message: str) -> NoReturn:
    Console(stderr=True).print(f"[red]error:[/] {display.plain(message)}", highlight=False, soft_wrap=True)
    raise typer.Exit(1)


def main() -> None:
    """Run a command; what a person can mend is one clear message and exit status 1, not a traceback."""
    try:
        app()
    except EXPECTED as error:
        Console(stderr=True).print(f"[red]error:[/] {display.plain(str(error))}", highlight=False, soft_wrap=True)
        sys.exit(1)
    except (KeyboardInterrupt, StoppedError):
        sys.exit(130)
