"""`rampline up`, `demo`, `serve`, `worker` and `db`: the commands that run Rampline."""

import contextlib
import signal
from pathlib import Path
from typing import Annotated, Any

import typer

from rampline import demo, looking
from rampline.connection import default_data_dir
from rampline.product import Product, find_devices
from rampline.terminal import console, fail, read_sweep
from service import logs

app = typer.Typer()
database = typer.Typer(no_args_is_help=True, help="Look after the database.")
app.add_typer(database, name="db")

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
    sweep = read_sweep(file)
    errors = [remark for remark in looking.lint(sweep) if remark.severity == "error"]
    if errors:
        fail(
            "\n".join([f"{file} is not valid", *(f"  {one.field}: {one.message}; {one.suggestion}" for one in errors)])
        )
    _terminate_like_ctrl_c()
    demo.run(product, sweep, console)


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on. Default: 127.0.0.1.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on. Default: 8000.")] = None,
    processes: Annotated[
        int | None,
        typer.Option(min=1, max=64, help="Server processes on that port; several need PostgreSQL. Default: 1."),
    ] = None,
) -> None:
    """Run the service alone. Settings come from RAMPLINE_* in the environment (see docs/settings.md)."""
    from service.server import serve as run_service  # noqa: PLC0415 - its imports cost every other command a second
    from service.settings import Settings  # noqa: PLC0415

    given: dict[str, Any] = {"host": host, "port": port, "processes": processes, "data_dir": default_data_dir()}
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
        fail(str(error))


@database.command()
def upgrade() -> None:
    """Create the database's tables or bring them up to date. `serve` does this by itself."""
    from service.settings import Settings  # noqa: PLC0415 - as in serve
    from service.store.migrate import upgrade as upgrade_database  # noqa: PLC0415

    upgrade_database(Settings(data_dir=default_data_dir()).database)
    console.print("The database is up to date.")


@database.command(name="forget-tokens")
def forget_tokens() -> None:
    """Revoke every token that was made with another key than this installation's, when that key is lost.

    Run it where the service runs, with its settings. Tokens in the files that the settings name go on.
    """
    from service.domain import keys  # noqa: PLC0415 - as in serve
    from service.settings import Settings  # noqa: PLC0415
    from service.store.engine import Store  # noqa: PLC0415
    from service.token_key import TokenKey  # noqa: PLC0415

    settings = Settings(data_dir=default_data_dir())
    key, store = TokenKey.of(settings), Store(settings.database)
    try:
        with store.write() as session:
            count = keys.forget_foreign(session, key)
    finally:
        store.close()
    console.print(f"{count} tokens are revoked; make new ones with `rampline token create`.")


def _terminate_like_ctrl_c() -> None:
    """Let SIGTERM end this process as Ctrl-C does, so that it stops what it started."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def _devices(workers: int | None) -> list[str]:
    found = find_devices()
    return found if workers is None else [found[index % len(found)] for index in range(workers)]
