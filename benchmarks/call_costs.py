"""What a worker's calls cost service and database, in processor time: docs/scaling.md multiplies it.

    python -m benchmarks.call_costs

One server on a PostgreSQL with its durable defaults, and one worker that calls without a pause, so that the figures
depend little on what else the machine does. What the server does meanwhile without being called, such as telling Optuna
of results, is in them; what it does when idle is subtracted.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.fleet_scale import Servers, serving
from benchmarks.line import Line
from benchmarks.service_load import machine
from tests.postgres import running as running_postgres

LANES = 16
IDLE_SECONDS = 10.0


class Caller:
    """A worker with 16 lanes that does what it is asked."""

    def __init__(self, servers: Servers) -> None:
        self._line = Line(servers.ports[0], servers.worker_token)
        self._leases: list[dict[str, Any]] = []
        self._id = 0

    async def register(self) -> None:
        hello = {"name": "w", "device": "cpu", "device_name": "none", "lanes": LANES, "version": "0"}
        self._id = (await self._line.post("/workers", hello))["worker_id"]
        await self.claim(LANES)

    async def claim(self, lanes: int) -> None:
        claim = {"worker_id": self._id, "lanes": lanes}
        self._leases += (await self._line.post("/leases/claim", claim))["leases"]

    async def report(self, ended: int = 0) -> None:
        """Report on all lanes; the runs in the first of them end."""
        runs = [news(lease, ends=place < ended) for place, lease in enumerate(self._leases)]
        await self._line.post("/leases/report", {"worker_id": self._id, "updates_per_second": 100.0, "runs": runs})
        del self._leases[:ended]

    async def replace(self, lanes: int) -> None:
        """Let runs end, and take others."""
        await self.report(lanes)
        await self.claim(lanes)


def news(lease: dict[str, Any], *, ends: bool) -> dict[str, Any]:
    said = {"run_id": lease["run_id"], "fence": lease["fence"], "step": 500, "lane_share": 1.0, "train_loss": 3.0}
    if not ends:
        return said
    end = {"outcome": {"state": "completed", "value": 3.0}, "val": [{"step": 1000, "value": 3.0}]}
    return said | end | {"step": 1000}


async def measure(servers: Servers, arguments: argparse.Namespace) -> dict[str, list[float]]:
    """Milliseconds of server and database, and kB of the database's log, for one of each."""
    caller = Caller(servers)
    await caller.register()
    for _ in range(arguments.repeat // 4):  # to warm up
        await caller.replace(1)
    idle = await costs(servers, lambda: asyncio.sleep(IDLE_SECONDS), 1, [0.0] * 3)
    idle = [cost / IDLE_SECONDS for cost in idle]
    repeat = arguments.repeat
    return {
        "idle, per second": idle,
        f"a report of {LANES} lanes": await costs(servers, caller.report, repeat, idle),
        "a run: its end reported and told to Optuna, and one claimed in its place": await costs(
            servers, lambda: caller.replace(1), repeat, idle
        ),
        f"the same, {LANES} runs at a time, per run": [
            cost / LANES for cost in await costs(servers, lambda: caller.replace(LANES), -(-repeat // LANES), idle)
        ],
    }


async def costs(servers: Servers, call: Callable[[], Awaitable[None]], repeat: int, idle: list[float]) -> list[float]:
    """What one call costs beyond what an idle server does in that time."""
    before, started = used(servers), time.monotonic()
    for _ in range(repeat):
        await call()
    if any(idle):  # what calls leave to be done is done within seconds
        await asyncio.sleep(IDLE_SECONDS)
    seconds = time.monotonic() - started
    spent = [late - early for late, early in zip(used(servers), before, strict=True)]
    # Not of the log: what an idle database writes comes in bursts.
    return [(spent[0] - seconds * idle[0]) / repeat, (spent[1] - seconds * idle[1]) / repeat, spent[2] / repeat]


def used(servers: Servers) -> list[float]:
    server, database, _, log = servers.used()
    return [1000 * server, 1000 * database, log]


def main(arguments: argparse.Namespace) -> int:
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        postgres = stack.enter_context(running_postgres(durable=True))
        servers = stack.enter_context(serving(postgres, directory, servers=1, runs=2 * arguments.repeat + 1000))
        measured = asyncio.run(measure(servers, arguments))
    print(f"\n{machine()}\n\n| | server ms | database ms | database log kB |\n|---|---|---|---|")
    for name, figures in measured.items():
        print(f"| {name} | {' | '.join(f'{figure:.1f}' for figure in figures)} |")
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=200, help="calls of each kind")
    sys.exit(main(parser.parse_args()))
