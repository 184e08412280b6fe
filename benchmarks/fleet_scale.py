"""How the service bears a growing fleet: from 1 to 1,000 simulated workers, with 16 lanes each.

    python -m benchmarks.fleet_scale

Starts a PostgreSQL with its durable defaults and two servers on it, and lets simulated workers train: they speak the
real protocol, as `worker.claiming` and `worker.reporting` do, over connections of their own; only the training is a
wait. A lane that is freed is claimed for at once, and trains again when the claim is answered and the stretch that the
other lanes are in has ended. Workers, servers and database share this machine's cores: the table says what each used.
"""

import argparse
import asyncio
import os
import random
import resource
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg

from benchmarks.line import Line
from benchmarks.service_load import GRID, free_port, machine, percentile, say, wait_for
from tests.postgres import Postgres
from tests.postgres import running as running_postgres
from worker.loop import STRETCH_SECONDS

TRIALS = 10_000  # of GRID
VALIDATIONS = 10  # of a run
GOAL_IDLE = 0.02
HEADINGS = (
    "workers",
    "claims/s",
    "reports/s",
    "claim p50 / p99 ms",
    "report p50 / p99 ms",
    "freed to training p50 / p99 ms",
    "idle share",
    "server cores",
    "database cores",
    "simulator cores",
    "database log kB/s",
    "leases lost",
)


@dataclass
class Measured:
    """What the workers of one size saw in the measured time, in seconds."""

    claims: list[float] = field(default_factory=list)
    reports: list[float] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    lost: int = 0  # leases, and with them the updates since the last kept state


@dataclass
class Lane:
    """A run that trains from `begun` to `ends`, or has ended."""

    fence: int
    begun: float
    ends: float
    told: int = 0  # validation losses

    def news(self, run_id: int, now: float) -> dict[str, Any]:
        """What a report says of it."""
        share = min(1.0, max(0.0, (now - self.begun) / (self.ends - self.begun)))
        due = int(VALIDATIONS * share)
        step = int(GRID["total_steps"] * share)
        losses = [
            {"step": GRID["total_steps"] * point // VALIDATIONS, "value": 3.0} for point in range(self.told, due + 1)
        ]
        self.told = due + 1
        news: dict[str, Any] = {
            "run_id": run_id,
            "fence": self.fence,
            "step": step,
            "lane_share": 1.0,
            "train_loss": 3.0,
        }
        news["val"] = losses
        if now >= self.ends:
            news["outcome"] = {"state": "completed", "value": 3.0}
        return news


class Worker:
    """One worker: a line for claims, a line for reports, and lanes whose training is a wait."""

    def __init__(self, number: int, servers: "Servers", arguments: argparse.Namespace, measured: Measured) -> None:
        self._number = number
        self._port, self._token = servers.ports[number % len(servers.ports)], servers.worker_token
        self._claiming, self._reporting = Line(self._port, self._token), Line(self._port, self._token)
        self._arguments = arguments
        self._measured = measured
        self._lanes: dict[int, Lane] = {}
        self._ended: dict[int, Lane] = {}
        self._freed: deque[float] = deque()
        self._free, self._hurry = asyncio.Event(), asyncio.Event()
        self._first = True
        self._id = 0

    def waiting(self, now: float) -> float:
        """Seconds for which its free lanes have been idle so far."""
        return sum(now - freed for freed in self._freed)

    async def work(self, begin: float) -> None:
        """Work from this moment until cancelled."""
        await asyncio.sleep(begin - time.monotonic())
        name = f"w{self._number}"
        hello = {"name": name, "device": "cpu", "device_name": "none", "lanes": self._arguments.lanes, "version": "0"}
        self._id = (await self._claiming.post("/workers", hello))["worker_id"]
        now = time.monotonic()
        self._freed.extend([now] * self._arguments.lanes)
        self._free.set()
        async with asyncio.TaskGroup() as group:
            for part in (self._claim(), self._train(), self._report()):
                group.create_task(part)

    async def leave(self) -> None:
        """Give everything back, on a new line: the others may have been left in the middle of a call."""
        self._claiming.close()
        self._reporting.close()
        line = Line(self._port, self._token)
        await line.post("/leases/release", {"worker_id": self._id, "runs": [], "leaving": True})
        line.close()

    async def _claim(self) -> None:
        while True:
            await self._free.wait()
            claim = {"worker_id": self._id, "lanes": len(self._freed), "wait_seconds": 2.0}
            started = time.monotonic()
            leases = (await self._claiming.post("/leases/claim", claim))["leases"]
            self._measured.claims.append(time.monotonic() - started)
            admitted = time.monotonic() + random.uniform(0, STRETCH_SECONDS)
            for lease in leases:
                self._measured.waits.append(admitted - self._freed.popleft())
                seconds = self._arguments.run_seconds * random.uniform(0.8, 1.2)
                done = random.random() * seconds if self._first else 0.0  # as if they had not all begun at once
                self._lanes[lease["run_id"]] = Lane(lease["fence"], admitted - done, admitted - done + seconds)
            self._first = False
            if not self._freed:
                self._free.clear()

    async def _train(self) -> None:
        """Note the runs that end, when they do."""
        while True:
            soonest = min((lane.ends for lane in self._lanes.values()), default=time.monotonic() + STRETCH_SECONDS)
            await asyncio.sleep(min(STRETCH_SECONDS, max(0.0, soonest - time.monotonic())))
            now = time.monotonic()
            ended = {run_id: lane for run_id, lane in self._lanes.items() if lane.ends <= now}
            for run_id, lane in ended.items():
                del self._lanes[run_id]
                self._freed.append(lane.ends)
            if ended:
                self._ended |= ended
                self._free.set()
                self._hurry.set()

    async def _report(self) -> None:
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._hurry.wait(), self._arguments.report_seconds)
            self._hurry.clear()
            now, ended = time.monotonic(), dict(self._ended)
            runs = [lane.news(run_id, now) for run_id, lane in (ended | self._lanes).items()]
            report = {"worker_id": self._id, "lanes": self._arguments.lanes, "updates_per_second": 100.0, "runs": runs}
            orders = await self._reporting.post("/leases/report", report)
            self._measured.reports.append(time.monotonic() - now)
            for run_id in ended:
                del self._ended[run_id]
            for order in orders["runs"]:
                if order["command"] != "continue":  # this worker was not heard for the time of a lease
                    self._measured.lost += 1
                    if self._lanes.pop(order["run_id"], None) is not None:
                        self._freed.append(now)
                        self._free.set()


@dataclass(frozen=True)
class Servers:
    """Server processes on one database; workers are spread over them."""

    ports: list[int]
    worker_token: str
    processes: list["subprocess.Popen[bytes]"]
    postgres: Postgres

    def used(self) -> list[float]:
        """Seconds of processor time of servers, database and this process so far, and kB of the database's log."""
        own = resource.getrusage(resource.RUSAGE_SELF)
        with psycopg.connect(self.postgres.url("postgres")) as connection:
            row = connection.execute("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn").fetchone()
        assert row is not None
        return [
            _cpu_of({process.pid for process in self.processes}),
            _cpu_of({self.postgres.process.pid}),
            own.ru_utime + own.ru_stime,
            float(row[0]) / 1000,
        ]


def _cpu_of(parents: set[int]) -> float:
    """The processor time of processes and of their children."""
    ticks = 0
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if entry.name.isdigit():
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                if int(entry.name) in parents or int(fields[1]) in parents:
                    ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


@contextmanager
def serving(postgres: Postgres, directory: Path, *, servers: int, runs: int) -> Iterator[Servers]:
    """Servers on a new database, with at least so many runs queued."""
    tokens = {name: secrets.token_urlsafe(32) for name in ("admin", "worker")}
    for name, token in tokens.items():
        (directory / name).write_text(token)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAMPLINE_")} | {
        "RAMPLINE_DATA_DIR": str(directory),
        "RAMPLINE_DATABASE_URL": postgres.fresh(),
        "RAMPLINE_ADMIN_TOKEN_FILE": str(directory / "admin"),
        "RAMPLINE_WORKER_TOKEN_FILE": str(directory / "worker"),
        "RAMPLINE_CONNECTIONS": "4096",
        "RAMPLINE_LOG_LEVEL": "warning",
    }
    ports = [free_port() for _ in range(servers)]
    processes: list[subprocess.Popen[bytes]] = []
    try:
        for port in ports:
            command = [sys.executable, "-m", "rampline", "serve", "--port", str(port)]
            processes.append(subprocess.Popen(command, env=environment))
        for port in ports:
            wait_for(f"http://127.0.0.1:{port}/api/v1/health/ready")
        for number in range(-(-runs // TRIALS)):
            submit(ports[0], tokens["admin"], GRID | {"name": f"grid {number}", "seed": number})
        yield Servers(ports, tokens["worker"], processes, postgres)
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(60)


def runs_needed(arguments: argparse.Namespace) -> int:
    """For the lanes of the largest size, and for what ends while each is measured."""
    lanes = max(arguments.sizes) * arguments.lanes
    return int(1.5 * lanes + 2 * len(arguments.sizes) * arguments.seconds * lanes / arguments.run_seconds)


def submit(port: int, token: str, sweep: dict[str, Any]) -> None:
    url, headers = f"http://127.0.0.1:{port}/api/v1/sweeps", {"Authorization": f"Bearer {token}"}
    httpx.post(url, json=sweep, headers=headers, timeout=120).raise_for_status()


async def measure(size: int, servers: Servers, arguments: argparse.Namespace) -> list[str]:
    """Let so many workers work; returns the row of the table."""
    measured = Measured()
    workers = [Worker(number, servers, arguments, measured) for number in range(size)]
    ramp = size / arguments.starts_per_second
    begin = time.monotonic()
    tasks = [asyncio.create_task(worker.work(begin + ramp * number / size)) for number, worker in enumerate(workers)]
    await asyncio.sleep(ramp + arguments.settle_seconds)
    failed = [task for task in tasks if task.done()]
    for task in failed:
        task.result()
    for kept in (measured.claims, measured.reports, measured.waits):
        kept.clear()
    measured.lost = 0
    before, started = servers.used(), time.monotonic()
    idle_before = sum(worker.waiting(started) for worker in workers)
    await asyncio.sleep(arguments.seconds)
    seconds = time.monotonic() - started
    used = [(late - early) / seconds for early, late in zip(before, servers.used(), strict=True)]
    idle = sum(worker.waiting(time.monotonic()) for worker in workers) + sum(measured.waits) - idle_before
    row = [
        f"{size:,}",
        f"{len(measured.claims) / seconds:.1f}",
        f"{len(measured.reports) / seconds:.1f}",
        *(in_ms(taken) for taken in (measured.claims, measured.reports, measured.waits)),
        f"{100 * idle / (size * arguments.lanes * seconds):.2f} %",
        *(f"{cores:.2f}" for cores in used[:3]),
        f"{used[3]:.0f}",
        f"{measured.lost}",
    ]
    for task in tasks:
        task.cancel()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    for error in ended:
        if isinstance(error, Exception):
            raise error
    for worker in workers:
        await worker.leave()
    say(f"| {' | '.join(row)} |")
    return row


def in_ms(taken: list[float]) -> str:
    if not taken:
        return "-"
    return f"{1000 * statistics.median(taken):.0f} / {1000 * percentile(taken, 0.99):.0f}"


def main(arguments: argparse.Namespace) -> int:
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        postgres = stack.enter_context(running_postgres(durable=True))
        servers = stack.enter_context(
            serving(postgres, directory, servers=arguments.servers, runs=runs_needed(arguments))
        )
        say(f"{arguments.servers} servers on PostgreSQL are up; load of this machine {os.getloadavg()[0]:.1f}")
        rows = [asyncio.run(measure(size, servers, arguments)) for size in arguments.sizes]
    print(f"\n{machine()}")
    print(
        f"{arguments.lanes} lanes a worker, runs of {arguments.run_seconds:g} s, reports every "
        f"{arguments.report_seconds:g} s and at the end of a run, {arguments.servers} servers, "
        f"{arguments.seconds:g} s measured; goal: idle share <= {GOAL_IDLE:.0%}\n"
    )
    print(f"| {' | '.join(HEADINGS)} |\n|{'---|' * len(HEADINGS)}")
    for row in rows:
        print(f"| {' | '.join(row)} |")
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1, 10, 100, 300, 600, 1000], help="numbers of workers")
    parser.add_argument("--lanes", type=int, default=16, help="lanes of each worker")
    parser.add_argument("--run-seconds", type=float, default=300, help="how long a run trains, give or take a fifth")
    parser.add_argument("--report-seconds", type=float, default=10, help="time between two reports of a worker")
    parser.add_argument("--servers", type=int, default=2, help="server processes")
    parser.add_argument("--starts-per-second", type=float, default=25, help="workers that begin in a second")
    parser.add_argument("--settle-seconds", type=float, default=15, help="time before measuring")
    parser.add_argument("--seconds", type=float, default=60, help="how long each size is measured")
    sys.exit(main(parser.parse_args()))
