"""`rampline backup` and `rampline restore`."""

from pathlib import Path
from typing import Annotated

import typer

from rampline.connection import default_data_dir
from rampline.terminal import console

app = typer.Typer()

MlflowStore = Annotated[
    str | None, typer.Option(help="MLflow's database, as its --backend-store-uri names it. Default: that of `up`.")
]
MlflowArtifacts = Annotated[Path | None, typer.Option(help="MLflow's artifact directory. Default: that of `up`.")]


@app.command()
def backup(
    directory: Annotated[Path, typer.Argument(help="A new directory for the copy.", show_default=False)],
    mlflow_store: MlflowStore = None,
    mlflow_artifacts: MlflowArtifacts = None,
) -> None:
    """Copy databases, MLflow's records, texts and states while everything runs. Tokens are not in it."""
    from service.backup import Places, back_up  # noqa: PLC0415 - its imports cost every other command a second
    from service.settings import Settings  # noqa: PLC0415

    places = Places.of(Settings(data_dir=default_data_dir()), mlflow_store, mlflow_artifacts)
    files = back_up(places, directory)
    console.print(f"The backup is in {directory}: {files} files.", highlight=False)


@app.command()
def restore(
    directory: Annotated[Path, typer.Argument(help="What `rampline backup` made.", show_default=False)],
    mlflow_store: MlflowStore = None,
    mlflow_artifacts: MlflowArtifacts = None,
) -> None:
    """Make a new data directory (RAMPLINE_DATA_DIR) of a backup. What had not ended goes on at the next start."""
    from service.backup import Places  # noqa: PLC0415 - as in backup
    from service.backup import restore as restore_backup  # noqa: PLC0415
    from service.settings import Settings  # noqa: PLC0415

    places = Places.of(Settings(data_dir=default_data_dir()), mlflow_store, mlflow_artifacts)
    sweeps = restore_backup(places, directory)
    console.print(f"{sweeps} sweeps are in {places.settings.data_dir}; `rampline up` goes on.", highlight=False)
