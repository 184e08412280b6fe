"""What the service bears: a full queue, many workers, many lookers-on, over HTTP against a real PostgreSQL.

    python benchmarks/service_load.py

Starts a PostgreSQL with its durable defaults and server processes in front of it, fills the queue, and lets simulated
workers claim, report and finish runs while others list and look. Every latency is that of a whole HTTP request as the
caller sees it. Workers, callers, service and database share this machine's cores, so the figures are upper bounds.
"""

import argparse
import asyncio
import json
import os
import platform
import secrets
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Awaitable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg

sys.path.insert(0, str(Path(__file__).parent.parent))
from tests.postgres import running as running_postgres

GOALS_MS = {"claim": 100.0, "list sweeps": 50.0, "one sweep": 50.0}
GRID: dict[str, Any] = {
    "name": "load",
    "space": {
        "schedule": ["linear"],
        "warmup_steps": list(range(1, 101)),
        "peak_lr": [round(1e-4 * (1 + index), 6) for index in range(100)],
    },
    "sampler": {"type": "grid"},
    "total_steps": 1000,
}
SWEEP = "team_id, user_id, name, spec, findings, shape, corpus, priority, trials_total, trials_made, updates_total"
TRIAL = "number, params, schedule, optimizer, state"
RUN = "team_id, replicate, seed, shape, priority, state, total_steps, created_at"
COPY_SWEEPS = f"""
    INSERT INTO sweeps ({SWEEP}, state, to_track, created_at, finished_at)
    SELECT {SWEEP}, 'cancelled', false, created_at, created_at FROM sweeps, generate_series(1, {{sweeps}}) WHERE id = 1
"""
COPY_WHOLE = f"""
    WITH sweep AS (
        INSERT INTO sweeps ({SWEEP}, state, to_track, created_at)
        SELECT {SWEEP}, 'queued', false, created_at FROM sweeps WHERE id = 1 RETURNING id
    ), trial AS (
        INSERT INTO trials (sweep_id, {TRIAL})
        SELECT sweep.id, {", ".join(f"one.{name}" for name in TRIAL.split(", "))} FROM trials one, sweep
        WHERE one.sweep_id = 1 RETURNING id, sweep_id
    )
    INSERT INTO runs (sweep_id, trial_id, {RUN})
    SELECT trial.sweep_id, trial.id, {", ".join(f"one.{name}" for name in RUN.split(", "))} FROM trial,
        (SELECT * FROM runs WHERE sweep_id = 1 LIMIT 1) one
"""


@dataclass
class Timings:
    """Milliseconds of requests by what they did."""

    kept: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    async def of(self, name: str, request: Awaitable[httpx.Response]) -> httpx.Response:
        """Wait for a request, note how long it took, and see that it succeeded."""
        started = time.perf_counter()
        response = await request
        self.kept[name].append(1000 * (time.perf_counter() - started))
        response.raise_for_status()
        return response


@dataclass(frozen=True)
class Servers:
    """Server processes on one database; callers are spread over them."""

    urls: list[str]
    token: str
    worker_token: str
    processes: list["subprocess.Popen[bytes]"]

    def caller(self, number: int, token: str) -> httpx.AsyncClient:
        """A client of one of the servers."""
        return httpx.AsyncClient(
            base_url=f"{self.urls[number % len(self.urls)]}/api/v1",
            headers={"Authorization": f"Bearer {token}"},
            timeout=60,
            limits=httpx.Limits(max_connections=64, max_keepalive_connections=64),
        )

    def cpu_seconds(self) -> float:
        """The processor time that all servers have used."""
        ticks = 0
        for process in self.processes:
            fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")


def main(arguments: argparse.Namespace) -> int:
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        postgres = stack.enter_context(running_postgres(durable=True))
        database = postgres.fresh()
        servers = stack.enter_context(serving(database, arguments.servers, directory))
        say(f"{arguments.servers} server processes on PostgreSQL are up")
        results: dict[str, Any] = {"submit a grid of 10,000": submissions(servers, arguments.repeat)}
        fill(database, arguments.runs, arguments.sweeps)
        results |= asyncio.run(load(servers, arguments))
    show(results, arguments)
    if arguments.json:
        arguments.json.write_text(
            json.dumps({"machine": machine(), "load": vars(arguments), "ms": results}, default=str)
        )
    return 0


@contextmanager
def serving(database: str, count: int, directory: Path) -> Iterator[Servers]:
    tokens = {name: secrets.token_urlsafe(32) for name in ("admin", "worker")}
    for name, token in tokens.items():
        (directory / name).write_text(token)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAMPLINE_")} | {
        "RAMPLINE_DATA_DIR": str(directory),
        "RAMPLINE_DATABASE_URL": database,
        "RAMPLINE_ADMIN_TOKEN_FILE": str(directory / "admin"),
        "RAMPLINE_WORKER_TOKEN_FILE": str(directory / "worker"),
        "RAMPLINE_LOG_LEVEL": "warning",
    }
    urls, processes = [], []
    try:
        for _ in range(count):
            port = free_port()
            command = [sys.executable, "-m", "rampline", "serve", "--port", str(port)]
            processes.append(subprocess.Popen(command, env=environment))
            urls.append(f"http://127.0.0.1:{port}")
        for url in urls:
            wait_for(f"{url}/api/v1/health/ready")
        yield Servers(urls, tokens["admin"], tokens["worker"], processes)
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(30)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(url: str) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            if httpx.get(url, timeout=5).is_success:
                return
        except httpx.TransportError:
            pass
        if time.monotonic() > deadline:
            raise SystemExit(f"{url} did not answer in a minute")
        time.sleep(0.1)


def submissions(servers: Servers, repeat: int) -> list[float]:
    """Submit grids of 10,000 trials over REST; milliseconds of each."""
    headers = {"Authorization": f"Bearer {servers.token}"}
    taken = []
    for _ in range(repeat):
        started = time.perf_counter()
        answer = httpx.post(f"{servers.urls[0]}/api/v1/sweeps", json=GRID, headers=headers, timeout=120)
        taken.append(1000 * (time.perf_counter() - started))
        answer.raise_for_status()
        assert answer.json()["progress"]["trials_total"] == 10_000
        say(f"a grid of 10,000 trials was accepted in {taken[-1]:.0f} ms")
    return taken


def fill(database: str, runs: int, sweeps: int) -> None:
    """Copy the first sweep: first without runs, as sweeps that have ended; then with them, until there are enough."""
    with psycopg.connect(database, autocommit=True, options="-csearch_path=rampline") as connection:
        ended = max(0, sweeps - count(connection, "SELECT count(*) FROM sweeps") - runs // 10_000)
        connection.execute(COPY_SWEEPS.format(sweeps=ended).encode())
        while count(connection, "SELECT count(*) FROM runs") < runs:
            connection.execute(COPY_WHOLE.encode())
        connection.execute("ANALYZE")
        queued = count(connection, "SELECT count(*) FROM runs WHERE state = 'queued'")
        say(f"{queued:,} runs are queued, {count(connection, 'SELECT count(*) FROM sweeps'):,} sweeps are there")


def count(connection: "psycopg.Connection[tuple[int]]", query: str) -> int:
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


async def load(servers: Servers, arguments: argparse.Namespace) -> dict[str, Any]:
    """Let the workers work and the callers look for the measured time, after a warm-up."""
    timings = Timings()
    stop = asyncio.Event()
    workers = [
        asyncio.create_task(work(servers, number, arguments, timings, stop)) for number in range(arguments.workers)
    ]
    callers = [asyncio.create_task(look(servers, number, timings, stop)) for number in range(arguments.callers)]
    await asyncio.sleep(arguments.report_seconds + 5)
    say(f"{arguments.workers} workers hold {arguments.lanes} lanes each; measuring for {arguments.seconds:.0f} s")
    timings.kept.clear()
    before, started = servers.cpu_seconds(), time.monotonic()
    await asyncio.sleep(arguments.seconds)
    cores = (servers.cpu_seconds() - before) / (time.monotonic() - started)
    measured = {name: list(taken) for name, taken in timings.kept.items()}
    stop.set()
    await asyncio.gather(*workers, *callers)
    return measured | {"cores used by the servers": cores}


async def work(
    servers: Servers, number: int, arguments: argparse.Namespace, timings: Timings, stop: asyncio.Event
) -> None:
    """One worker: claims for its free lanes, reports all lanes at the interval, ends runs at their time."""
    reports_per_run = max(1, round(arguments.run_seconds / arguments.report_seconds))
    async with servers.caller(number, servers.worker_token) as http:
        hello = {"name": f"w{number}", "device": "cpu", "device_name": "none", "lanes": arguments.lanes, "version": "0"}
        worker_id = (await http.post("/workers", json=hello)).json()["worker_id"]
        held: dict[int, tuple[int, int]] = {}  # fence, and reports so far
        await pause(stop, arguments.report_seconds * number / arguments.workers)
        while not stop.is_set():
            due = time.monotonic() + arguments.report_seconds
            free = arguments.lanes - len(held)
            if free:
                claim = {"worker_id": worker_id, "lanes": free}
                granted = (await timings.of("claim", http.post("/leases/claim", json=claim))).json()["leases"]
                for index, lease in enumerate(granted):  # at the start, as if they had begun at different times
                    held[lease["run_id"]] = (lease["fence"], 0 if len(held) < free else index % reports_per_run)
            runs = [news(run_id, fence, done, reports_per_run) for run_id, (fence, done) in held.items()]
            report = {"worker_id": worker_id, "updates_per_second": 100.0, "runs": runs}
            await timings.of("report", http.post("/leases/report", json=report))
            held = {run: (fence, done + 1) for run, (fence, done) in held.items() if done < reports_per_run}
            await pause(stop, due - time.monotonic())


def news(run_id: int, fence: int, done: int, reports_per_run: int) -> dict[str, Any]:
    step = 1000 * done // reports_per_run
    report = {"run_id": run_id, "fence": fence, "step": step, "lane_share": 1.0, "val": [{"step": step, "value": 3.0}]}
    if done == reports_per_run:
        report["outcome"] = {"state": "completed", "value": 3.0}
    return report


async def look(servers: Servers, number: int, timings: Timings, stop: asyncio.Event) -> None:
    """One person's browser: lists sweeps, looks at one and at its trials, at the queue and at the workers."""
    pages = {
        "list sweeps": "/sweeps",
        "one sweep": "/sweeps/1",
        "trials": "/sweeps/2/trials",
        "queue": "/queue",
        "workers": "/workers",
    }
    async with servers.caller(number, servers.token) as http:
        while not stop.is_set():
            for name, path in pages.items():
                await timings.of(name, http.get(path))
                await pause(stop, 0.2)


async def pause(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), max(0.0, seconds))


def show(results: dict[str, Any], arguments: argparse.Namespace) -> None:
    print(f"\n{machine()}")
    print(
        f"{arguments.runs:,} queued runs, {arguments.sweeps:,} sweeps, {arguments.workers} workers x {arguments.lanes} "
        f"lanes reporting every {arguments.report_seconds:g} s, {arguments.callers} lookers-on, "
        f"{arguments.servers} server processes\n"
    )
    print("| request | count | p50 ms | p99 ms | largest ms | goal p99 |\n|---|---|---|---|---|---|")
    for name, taken in results.items():
        if isinstance(taken, float):
            print(f"| {name} | | {taken:.2f} | | | |")
            continue
        goal = GOALS_MS.get(name)
        print(
            f"| {name} | {len(taken)} | {statistics.median(taken):.0f} | {percentile(taken, 0.99):.0f} "
            f"| {max(taken):.0f} | {'' if goal is None else f'{goal:.0f}'} |"
        )


def percentile(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def machine() -> str:
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if "model name" in line
    ]
    processor = names[0] if names else platform.machine()
    return f"{len(os.sched_getaffinity(0))} cores of {processor}, Python {platform.python_version()}"


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1_000_000, help="queued runs")
    parser.add_argument("--sweeps", type=int, default=10_000, help="sweeps in the list")
    parser.add_argument("--workers", type=int, default=200, help="simulated workers")
    parser.add_argument("--lanes", type=int, default=16, help="lanes of each worker, and runs in a claim at most")
    parser.add_argument("--report-seconds", type=float, default=10, help="time between two reports of a worker")
    parser.add_argument("--run-seconds", type=float, default=60, help="how long a run trains")
    parser.add_argument("--callers", type=int, default=8, help="people who list and look")
    parser.add_argument("--servers", type=int, default=2, help="server processes")
    parser.add_argument("--seconds", type=float, default=60, help="how long to measure")
    parser.add_argument("--repeat", type=int, default=5, help="submissions of 10,000 trials")
    parser.add_argument("--json", type=Path, help="write every figure to this file")
    sys.exit(main(parser.parse_args()))
