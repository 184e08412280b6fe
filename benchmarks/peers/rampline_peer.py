"""Rampline: the product as `rampline up` starts it, one sweep over REST, until the service says that it is complete.

    python -m benchmarks.peers.rampline_peer SWEEP

Its start is that of MLflow, the service and the workers; the others are given an MLflow that runs. The workers of an
empty data directory do not know their number of lanes: finding it is part of the sweep's time.
"""

import json
import sys
import time
from pathlib import Path

from benchmarks.peers.outcome import Outcome, now
from benchmarks.peers.ports import free_port
from benchmarks.peers.sweep import Sweep
from rampline.connection import Connection
from rampline.display import ENDED
from rampline.product import CPU_WORKERS, Product

POLL_SECONDS = 0.2
REGISTERED_SECONDS = 120.0


def main(text: str) -> None:
    sweep = Sweep.of_json(text)
    product = Product(
        data_dir=Path(sweep.directory),
        port=free_port(),
        mlflow_port=free_port(),
        devices=["cpu"] * min(CPU_WORKERS, sweep.cores),
    )
    with product.running():
        client = Connection.find(None, None, product.data_dir).client()
        deadline = time.monotonic() + REGISTERED_SECONDS
        while len(client.workers()) < len(product.devices):
            assert time.monotonic() < deadline, f"the workers did not register; see {product.data_dir}/logs"
            time.sleep(POLL_SECONDS)
        ready = now()
        sweep_id = client.submit(sweep.spec()).id
        while (view := client.sweep(sweep_id)).state not in ENDED:
            time.sleep(POLL_SECONDS)
        done = now()
        assert view.state == "completed", view
        losses = {json.dumps(trial.schedule, sort_keys=True): trial.value for trial in client.all_trials(sweep_id)}
    found = [losses[json.dumps(sweep.schedule(number), sort_keys=True)] for number in range(sweep.trials)]
    Outcome(ready=ready, done=done, losses=[float("nan") if loss is None else loss for loss in found]).tell()


if __name__ == "__main__":
    main(sys.argv[1])
