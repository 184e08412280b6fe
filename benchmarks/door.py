"""What the door to MLflow costs a request: the same call directly and through the service, in turns.

    python -m benchmarks.door
    python -m benchmarks.door --turns 500 --json door.json

A real MLflow and a real service with `RAMPLINE_MLFLOW_DOOR` run as processes of this machine. A worker's call is
`runs/log-batch` with so many metrics; a person's is `runs/get`, and the largest of the scripts of MLflow's pages.
Medians and 95th percentiles in milliseconds; each turn asks both ways, one after the other, over kept connections.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx

from benchmarks.peers.ports import free_port
from rampline.product import Product

METRICS = (10, 100, 1000)
WARM = 20


@dataclass(frozen=True)
class Row:
    """One call: medians and 95th percentiles, in milliseconds."""

    call: str
    direct: float
    door: float
    direct_p95: float
    door_p95: float


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=300, help="requests each way (default 300)")
    parser.add_argument("--json", type=Path, help="write the figures there, too")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as directory:
        product = Product(
            data_dir=Path(directory) / "data",
            port=free_port(),
            mlflow_port=free_port(),
            devices=(),
            extra_environment={"RAMPLINE_MLFLOW_DOOR": "true"},
        )
        with product.running():
            rows = [_measured(name, call, given.turns) for name, call in _calls(product).items()]
    print(f"{'call':<28}{'direct':>9}{'door':>9}{'added':>9}{'direct p95':>12}{'door p95':>10}   (ms)")
    for row in rows:
        figures = f"{row.direct:9.2f}{row.door:9.2f}{row.door - row.direct:9.2f}"
        print(f"{row.call:<28}{figures}{row.direct_p95:12.2f}{row.door_p95:10.2f}")
    if given.json is not None:
        given.json.write_text(json.dumps([asdict(row) for row in rows], indent=2))


def _calls(product: Product) -> dict[str, tuple[Callable[[], httpx.Response], Callable[[], httpx.Response]]]:
    """Each call directly and through the door, by its name."""
    tokens = {name: product.token_file.with_name(name).read_text() for name in ("local", "worker")}
    direct = httpx.Client(base_url=product.mlflow_url, timeout=30)
    worker, person = (
        httpx.Client(base_url=f"{product.url}/mlflow", headers={"Authorization": f"Bearer {token}"}, timeout=30)
        for token in (tokens["worker"], tokens["local"])
    )
    api = "/api/2.0/mlflow"
    experiment = direct.post(f"{api}/experiments/create", json={"name": "measured"}).json()["experiment_id"]
    run = direct.post(f"{api}/runs/create", json={"experiment_id": experiment, "start_time": 0}).json()
    run_id = run["run"]["info"]["run_id"]
    step = iter(range(10**9))

    def logged(client: httpx.Client, count: int) -> Callable[[], httpx.Response]:
        def call() -> httpx.Response:
            at = next(step)
            metrics = [{"key": "lr", "value": 0.1, "timestamp": at, "step": at * 1000 + one} for one in range(count)]
            return client.post(f"{api}/runs/log-batch", json={"run_id": run_id, "metrics": metrics})

        return call

    def got(client: httpx.Client, path: str) -> Callable[[], httpx.Response]:
        return lambda: client.get(path)

    page = direct.get("/").text
    script = "/" + page.split('src="', 1)[1].split('"', 1)[0]
    calls = {f"log-batch of {count} metrics": (logged(direct, count), logged(worker, count)) for count in METRICS}
    calls["runs/get"] = got(direct, f"{api}/runs/get?run_id={run_id}"), got(person, f"{api}/runs/get?run_id={run_id}")
    calls["a script of the pages"] = got(direct, script), got(person, script)
    return calls


def _measured(name: str, calls: tuple[Callable[[], httpx.Response], Callable[[], httpx.Response]], turns: int) -> Row:
    times: tuple[list[float], list[float]] = ([], [])
    for turn in range(WARM + turns):
        for way in (0, 1) if turn % 2 else (1, 0):
            began = time.perf_counter()
            calls[way]().raise_for_status()
            if turn >= WARM:
                times[way].append(1000 * (time.perf_counter() - began))
    direct, door = times
    return Row(
        call=name,
        direct=statistics.median(direct),
        door=statistics.median(door),
        direct_p95=statistics.quantiles(direct, n=20)[-1],
        door_p95=statistics.quantiles(door, n=20)[-1],
    )


if __name__ == "__main__":
    main(sys.argv[1:])
