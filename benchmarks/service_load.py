"""What the service bears: a full queue, many workers, many lookers-on, over HTTP against a real PostgreSQL.

    python benchmarks/service_load.py

Starts a PostgreSQL with its durable defaults and the service in front of it (`rampline serve --processes 2`), fills
queue and list, and lets simulated workers claim, report and finish runs while people list and look. Every latency is
that of a whole HTTP request as the caller sees it. Workers, callers, service and database share this machine's cores,
so the figures are upper bounds. Takes about six minutes and 5 GB of disk.
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
from benchmarks.line import Line
from tests.postgres import running as running_postgres

SUBMISSION = "POST /sweeps, a grid of 10,000"
CLAIM, REPORT = "POST /leases/claim, up to 16 runs", "POST /leases/report, 16 lanes"
# A large sweep of the queue, in which some have ended, and one of the many that ended long ago.
PAGES = (
    "/sweeps",
    "/sweeps?state=completed",
    "/sweeps/1",
    "/sweeps/1/trials",
    "/sweeps/1/trials/0",
    "/sweeps/1/best",
    "/sweeps/{old}",
    "/sweeps/{old}/trials",
    "/sweeps/{old}/best",
    "/queue",
    "/workers",
    "/metrics",
)
GOALS_MS = {SUBMISSION: 2000.0, CLAIM: 100.0} | {f"GET {page}": 50.0 for page in PAGES}
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
TRIAL = "params, schedule, optimizer"
RUN = "team_id, replicate, seed, shape, priority, total_steps, created_at"
TRIALS_OF_ENDED = 20
LOOK_SECONDS = 1.0
COPY_ENDED = f"""
    WITH sweep AS (
        INSERT INTO sweeps ({SWEEP}, state, to_track, created_at, finished_at,
                            trials_done, trials_ended, runs_completed, updates_ended)
        SELECT {SWEEP.replace("trials_total, trials_made, updates_total", "{trials}, {trials}, {trials} * 1000")},
               'completed', false, created_at, created_at, {{trials}}, {{trials}}, {{trials}}, {{trials}} * 1000
        FROM sweeps, generate_series(1, {{sweeps}}) WHERE id = 1 RETURNING id
    ), trial AS (
        INSERT INTO trials (sweep_id, number, {TRIAL}, state, value, end_number)
        SELECT sweep.id, number, {TRIAL}, 'completed', 3 + number / 1000.0, number + 1
        FROM sweep, (SELECT * FROM trials WHERE sweep_id = 1 AND number < {{trials}}) one RETURNING id, sweep_id
    ), run AS (
        INSERT INTO runs (sweep_id, trial_id, trunk, {RUN}, state, step, value, attempt, fence, worker_id, ended_at)
        SELECT trial.sweep_id, trial.id, trial.id, {RUN}, 'completed', 1000, 3, 1, 1, 1, created_at
        FROM trial, (SELECT * FROM runs WHERE sweep_id = 1 LIMIT 1) one RETURNING id, created_at
    )
    INSERT INTO attempts (run_id, number, worker_id, fence, step, started_at, ended_at, outcome)
    SELECT id, 1, 1, 1, 1000, created_at, created_at, 'completed' FROM run
"""
COPY_WAITING = f"""
    WITH sweep AS (
        INSERT INTO sweeps ({SWEEP}, state, to_track, created_at, runs_unended)
        SELECT {SWEEP}, 'queued', false, created_at, trials_made FROM sweeps WHERE id = 1 RETURNING id
    ), trial AS (
        INSERT INTO trials (sweep_id, number, {TRIAL}, state)
        SELECT sweep.id, number, {TRIAL}, 'queued'
        FROM (SELECT * FROM trials WHERE sweep_id = 1 ORDER BY number) one, sweep RETURNING id, sweep_id
    )
    INSERT INTO runs (sweep_id, trial_id, trunk, {RUN}, state)
    SELECT trial.sweep_id, trial.id, trial.id, {RUN}, 'queued' FROM trial,
        (SELECT * FROM runs WHERE sweep_id = 1 LIMIT 1) one
"""


@dataclass
class Timings:
    """Milliseconds of requests by what they did."""

    kept: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    async def of(self, name: str, call: Awaitable[Any]) -> Any:
        """Wait for a call, and note how long it took; returns its answer."""
        started = time.perf_counter()
        answer = await call
        self.kept[name].append(1000 * (time.perf_counter() - started))
        return answer


@dataclass(frozen=True)
class Service:
    """A service of several processes on one port."""

    url: str
    token: str
    worker_token: str
    process: "subprocess.Popen[bytes]"

    def line(self, token: str) -> Line:
        """A caller's own connection."""
        return Line(int(self.url.rpartition(":")[2]), token)

    def cpu_seconds(self) -> float:
        """The processor time that all of its processes have used."""
        ticks = 0
        for entry in Path("/proc").iterdir():
            with suppress(OSError):
                if entry.name.isdigit():
                    fields = (entry / "stat").read_text().rpartition(")")[2].split()
                    if self.process.pid in (int(entry.name), int(fields[1])):
                        ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")


def main(arguments: argparse.Namespace) -> int:
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        postgres = stack.enter_context(running_postgres(durable=True))
        database = postgres.fresh()
        service = stack.enter_context(serving(database, arguments.processes, directory))
        say(f"{arguments.processes} server processes on PostgreSQL are up")
        register(service)
        results: dict[str, Any] = {SUBMISSION: submissions(service, arguments.repeat)}
        fill(database, arguments.runs, arguments.sweeps)
        results |= asyncio.run(load(service, arguments))
    met = show(results, arguments)
    if arguments.json:
        arguments.json.write_text(
            json.dumps({"machine": machine(), "load": vars(arguments), "ms": results}, default=str)
        )
    return 0 if met else 1


@contextmanager
def serving(database: str, count: int, directory: Path) -> Iterator[Service]:
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
    port = free_port()
    command = [sys.executable, "-m", "rampline", "serve", "--port", str(port), "--processes", str(count)]
    process = subprocess.Popen(command, env=environment)
    try:
        url = f"http://127.0.0.1:{port}"
        wait_for(f"{url}/api/v1/health/ready")
        yield Service(url, tokens["admin"], tokens["worker"], process)
    finally:
        process.terminate()
        process.wait(60)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(url: str) -> None:
    deadline = time.monotonic() + 180
    while True:
        try:
            if httpx.get(url, timeout=5).is_success:
                return
        except httpx.TransportError:
            pass
        if time.monotonic() > deadline:
            raise SystemExit(f"{url} did not answer in three minutes")
        time.sleep(0.1)


def register(service: Service) -> None:
    """Introduce the worker that has trained what ended long ago."""
    headers = {"Authorization": f"Bearer {service.worker_token}"}
    httpx.post(f"{service.url}/api/v1/workers", json=hello(0, 16), headers=headers).raise_for_status()


def hello(number: int, lanes: int) -> dict[str, Any]:
    return {"name": f"w{number}", "device": "cpu", "device_name": "none", "lanes": lanes, "version": "0"}


def submissions(service: Service, repeat: int) -> list[float]:
    """Submit grids of 10,000 trials over REST; milliseconds of each."""
    headers = {"Authorization": f"Bearer {service.token}"}
    taken = []
    for _ in range(repeat):
        started = time.perf_counter()
        answer = httpx.post(f"{service.url}/api/v1/sweeps", json=GRID, headers=headers, timeout=120)
        taken.append(1000 * (time.perf_counter() - started))
        answer.raise_for_status()
        assert answer.json()["progress"]["trials_total"] == 10_000
        say(f"a grid of 10,000 trials was accepted in {taken[-1]:.0f} ms")
    return taken


def fill(database: str, runs: int, sweeps: int) -> None:
    """Copy the first sweep: as small sweeps that have ended, then whole, until as many runs are queued."""
    with psycopg.connect(database, autocommit=True, options="-csearch_path=rampline") as connection:
        waiting = -(-runs // 10_000) - count(connection, "SELECT count(*) FROM sweeps")
        ended = max(1, sweeps - runs // 10_000)
        connection.execute(COPY_ENDED.format(sweeps=ended, trials=TRIALS_OF_ENDED).encode())
        for _ in range(waiting):
            connection.execute(COPY_WAITING.encode())
        for late in ("VACUUM ANALYZE", "CHECKPOINT"):  # would have been done by itself, had this taken days
            connection.execute(late.encode())
        queued = count(connection, "SELECT count(*) FROM runs WHERE state = 'queued'")
        say(f"{queued:,} runs are queued, {count(connection, 'SELECT count(*) FROM sweeps'):,} sweeps are there")


def count(connection: "psycopg.Connection[tuple[int]]", query: str) -> int:
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


async def load(service: Service, arguments: argparse.Namespace) -> dict[str, Any]:
    """Let the workers work and the callers look for the measured time, after a warm-up."""
    timings = Timings()
    stop = asyncio.Event()
    workers = [
        asyncio.create_task(work(service, number, arguments, timings, stop)) for number in range(arguments.workers)
    ]
    await asyncio.sleep(2 * arguments.report_seconds)
    callers = [asyncio.create_task(look(service, number, timings, stop)) for number in range(arguments.callers)]
    await asyncio.sleep(5)
    say(f"{arguments.workers} workers hold {arguments.lanes} lanes each; measuring for {arguments.seconds:.0f} s")
    timings.kept.clear()
    before, started = service.cpu_seconds(), time.monotonic()
    await asyncio.sleep(arguments.seconds)
    cores = (service.cpu_seconds() - before) / (time.monotonic() - started)
    measured = {name: list(taken) for name, taken in sorted(timings.kept.items(), reverse=True)}
    stop.set()
    await asyncio.gather(*workers, *callers)
    return measured | {"cores used by the server processes": cores}


async def work(
    service: Service, number: int, arguments: argparse.Namespace, timings: Timings, stop: asyncio.Event
) -> None:
    """One worker: claims for its free lanes, reports all lanes at the interval, ends runs at their time."""
    reports_per_run = max(1, round(arguments.run_seconds / arguments.report_seconds))
    line = service.line(service.worker_token)
    worker_id = (await line.post("/workers", hello(number, arguments.lanes)))["worker_id"]
    held: dict[int, tuple[int, int]] = {}  # fence, and reports so far
    age = number % reports_per_run  # of the first runs, as if the workers had not begun at once
    await pause(stop, arguments.report_seconds * number / arguments.workers)
    while not stop.is_set():
        due = time.monotonic() + arguments.report_seconds
        free = arguments.lanes - len(held)
        if free > 0:
            claim = {"worker_id": worker_id, "lanes": free}
            granted = (await timings.of(CLAIM, line.post("/leases/claim", claim)))["leases"]
            held |= {lease["run_id"]: (lease["fence"], age) for lease in granted}
            age = 0
        runs = [news(run_id, fence, done, reports_per_run) for run_id, (fence, done) in held.items()]
        report = {"worker_id": worker_id, "updates_per_second": 100.0, "runs": runs}
        await timings.of(REPORT, line.post("/leases/report", report))
        held = {run: (fence, done + 1) for run, (fence, done) in held.items() if done < reports_per_run}
        await pause(stop, due - time.monotonic())
    line.close()


def news(run_id: int, fence: int, done: int, reports_per_run: int) -> dict[str, Any]:
    step = 1000 * done // reports_per_run
    report = {"run_id": run_id, "fence": fence, "step": step, "lane_share": 1.0, "val": [{"step": step, "value": 3.0}]}
    if done == reports_per_run:
        report["outcome"] = {"state": "completed", "value": 3.0 + run_id / 1e9}  # or all of a sweep would tie
    return report


async def look(service: Service, number: int, timings: Timings, stop: asyncio.Event) -> None:
    """One person's browser: one page after another, a second apart; people are not all on the same page."""
    line = service.line(service.token)
    old = json.loads(await line.get("/sweeps?state=completed&limit=1"))["items"][0]["id"]
    first = number % len(PAGES)
    await pause(stop, number / 16)
    while not stop.is_set():
        for page in PAGES[first:] + PAGES[:first]:
            await timings.of(f"GET {page}", line.get(page.format(old=old)))
            await pause(stop, LOOK_SECONDS)
    line.close()


async def pause(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), max(0.0, seconds))


def show(results: dict[str, Any], arguments: argparse.Namespace) -> bool:
    """Print the table; returns whether every goal was met."""
    met = True
    print(f"\n{machine()}")
    print(
        f"{arguments.runs:,} queued runs, {arguments.sweeps:,} sweeps, {arguments.workers} workers x {arguments.lanes} "
        f"lanes reporting every {arguments.report_seconds:g} s, {arguments.callers} lookers-on, "
        f"{arguments.processes} server processes\n"
    )
    print("| request | count | p50 ms | p99 ms | largest ms | goal p99 |\n|---|---|---|---|---|---|")
    for name, taken in results.items():
        if isinstance(taken, float):
            print(f"| {name} | | {taken:.2f} | | | |")
            continue
        goal = GOALS_MS.get(name)
        met = met and (goal is None or percentile(taken, 0.99) <= goal)
        print(
            f"| {name} | {len(taken)} | {statistics.median(taken):.0f} | {percentile(taken, 0.99):.0f} "
            f"| {max(taken):.0f} | {'' if goal is None else f'{goal:.0f}'} |"
        )
    return met


def percentile(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def machine() -> str:
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if "model name" in line
    ]
    processor = names[0] if names else platform.machine()
    cores = len(os.sched_getaffinity(0))
    return f"{cores} cores of {processor}, Python {platform.python_version()}, load {os.getloadavg()[2]:.1f}"


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
    parser.add_argument("--callers", type=int, default=16, help="people who look at a page a second")
    parser.add_argument("--processes", type=int, default=2, help="server processes")
    parser.add_argument("--seconds", type=float, default=120, help="how long to measure")
    parser.add_argument("--repeat", type=int, default=5, help="submissions of 10,000 trials")
    parser.add_argument("--json", type=Path, help="write every figure to this file")
    sys.exit(main(parser.parse_args()))
