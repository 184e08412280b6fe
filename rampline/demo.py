"""The demonstration: the whole product for the length of one sweep."""

import contextlib
from typing import Any

from rich.console import Console

from rampline import display
from rampline.connection import Connection
from rampline.product import Product


def run(product: Product, sweep: dict[str, Any], console: Console) -> None:
    """Start the product, submit the sweep over REST, show it to its end with its winner, stop the product.

    Raises:
        ProductError: the product cannot start.
        ApiError: the service refuses the sweep.
    """
    with contextlib.ExitStack() as stack:
        with console.status("Starting MLflow, the service and the workers ..."):
            stack.enter_context(product.running())
        console.print(f"Rampline is up: API {product.url}/docs  MLflow {product.mlflow_url}", highlight=False)
        client = Connection.find(None, None, product.data_dir).client()
        submitted = client.submit(sweep)
        name = display.plain(submitted.name)
        console.print(f"Sweep {submitted.id} ({name}) is queued: {submitted.progress.trials_total} trials.")
        ended = display.watch(client, submitted.id, console)
        console.print(display.leaderboard(client.all_trials(ended.id)))
        if ended.progress.best_trial is not None:
            console.print(display.winner(client.best(ended.id)), soft_wrap=True)
        console.print(f"Compare the runs in MLflow: {ended.mlflow_url}", highlight=False, soft_wrap=True)
        console.print("Stopping what was started ...")
    console.print(
        f"The results stay in {product.data_dir}. To look at them again (the addresses above work then):\n"
        f"  rampline up --data-dir {product.data_dir} --port {product.port} --mlflow-port {product.mlflow_port}",
        highlight=False,
        soft_wrap=True,
    )
