"""The same sweep, from start to its last result: Rampline against Optuna and Ray Tune with a plain PyTorch loop.

    pip install -c constraints.txt -e '.[bench]'
    python -m benchmarks.sweep_vs_peers
    python -m benchmarks.sweep_vs_peers --model 32 64 --trials 24 96 --repeat 5 --json results.json

Every contender trains the same configurations (drawn at random, so that no two begin alike and Rampline has nothing to
share), with the same model, text, batches, updates and evaluations, and tracks every update in a real MLflow. They take
turns; a figure is the median of its turns. Two times are told apart: the start (from an empty directory until the first
trial can begin: imports, servers, clusters), which a long sweep forgets, and the sweep itself (until the last result).
The largest difference of a final validation loss from the first contender's shows that all trained the same.

What each does for its time:
  rampline    survives the death of any process; every run's rates, losses and norms as charts and as an artifact with a
              picture; a queue, teams, REST. Its start includes its own MLflow, the others are given a running one; its
              sweep includes the two seconds in which it finds the number of lanes.
  optuna x 1  one process, `study.optimize`, on the number of threads that is faster. A killed process is not resumed.
  optuna x N  a process for each core on one SQLite storage, one thread each. Trials of a killed one stay RUNNING.
  ray N/M     Ray Tune, actors reused, with 1 or 1/2 core for a trial, one thread each. It would place trials on several
              machines; a trial that dies starts again if asked to; nothing is checkpointed here.
The peers log in batches, one for each tenth of a run (see benchmarks/peers/plain.py); logging call by call costs more.
"""

import argparse
import contextlib
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import httpx
import torch

from benchmarks.peers.outcome import Outcome
from benchmarks.peers.ports import free_port
from benchmarks.peers.sweep import EXPERIMENT, SIZES, Sweep
from rampline.child import Child
from rampline.product import MLFLOW_ENVIRONMENT
from worker.lanes.alone import Alone

ROOT = Path(__file__).parents[1]
CORES = len(os.sched_getaffinity(0))
TURN_SECONDS = 3600.0
MLFLOW_SECONDS = 60.0
CONTENDERS = {
    "rampline": ("rampline_peer", []),
    "optuna x 1": ("optuna_peer", ["1"]),
    f"optuna x {max(2, CORES)}": ("optuna_peer", [str(max(2, CORES))]),
    "ray 1": ("ray_peer", ["1"]),
    "ray 1/2": ("ray_peer", ["0.5"]),
}


@dataclass(frozen=True, kw_only=True)
class Turn:
    """One sweep by one contender: seconds until it could train, seconds of the sweep, and its losses."""

    contender: str
    d_model: int
    trials: int
    start: float
    sweep: float
    losses: Sequence[float]

    @property
    def total(self) -> float:
        return self.start + self.sweep


def main(arguments: argparse.Namespace) -> int:
    about = machine()
    print(json.dumps(about, indent=2))
    turns: list[Turn] = []
    names = [name for name in CONTENDERS if name.split()[0] in arguments.only]
    for d_model in arguments.model:
        threads = _best_threads(d_model)
        print(f"d_model {d_model}: one plain loop is fastest on {threads} thread(s)", file=sys.stderr)
        for trials in arguments.trials:
            for repetition in range(arguments.repeat):
                for name in names[repetition % len(names) :] + names[: repetition % len(names)]:
                    turn = _turn(name, d_model, trials, arguments.updates, threads)
                    turns.append(turn)
                    shown = f"{name}, {trials} trials: start {turn.start:.1f} s, sweep {turn.sweep:.1f} s"
                    print(f"{repetition + 1}/{arguments.repeat} {shown}", file=sys.stderr, flush=True)
            same = [turn for turn in turns if (turn.d_model, turn.trials) == (d_model, trials)]
            _report(d_model, trials, arguments.updates, {name: _of(same, name) for name in names})
    if arguments.json:
        results = {"machine": about, "updates": arguments.updates, "turns": [asdict(turn) for turn in turns]}
        arguments.json.write_text(json.dumps(results, indent=2) + "\n")
    return 0


def _turn(name: str, d_model: int, trials: int, updates: int, threads: int) -> Turn:
    module, options = CONTENDERS[name]
    with tempfile.TemporaryDirectory(prefix="peers-") as directory, contextlib.ExitStack() as stack:
        mlflow_url = "" if name == "rampline" else stack.enter_context(_mlflow(Path(directory)))
        sweep = Sweep(
            d_model=d_model,
            updates=updates,
            trials=trials,
            threads=threads if name == "optuna x 1" else 1,
            cores=CORES,
            mlflow_url=mlflow_url,
            directory=directory,
        )
        began = time.time()
        ended = subprocess.run(
            [sys.executable, "-W", "ignore", "-m", f"benchmarks.peers.{module}", sweep.to_json(), *options],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT), "MLFLOW_DISABLE_TELEMETRY": "true"},
            capture_output=True,
            text=True,
            timeout=TURN_SECONDS,
            check=False,
        )
    outcome = Outcome.heard(ended.stdout)
    if outcome is None:
        raise SystemExit(f"{name} did not finish (status {ended.returncode}):\n{ended.stderr[-4000:]}")
    return Turn(
        contender=name,
        d_model=d_model,
        trials=trials,
        start=outcome.ready - began,
        sweep=outcome.done - outcome.ready,
        losses=outcome.losses,
    )


@contextlib.contextmanager
def _mlflow(directory: Path) -> Iterator[str]:
    """A running MLflow server with an empty store, as the product starts its own."""
    url = f"http://127.0.0.1:{(port := free_port())}"
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "-w", "1"]
    command += ["--backend-store-uri", f"sqlite:///{directory / 'mlflow.db'}"]
    command += ["--artifacts-destination", str(directory / "artifacts")]
    environment = os.environ | MLFLOW_ENVIRONMENT
    child = Child("mlflow", command, environment=environment, log=directory / "mlflow.log")
    child.start()
    try:
        deadline = time.monotonic() + MLFLOW_SECONDS
        while not _answers(f"{url}/health"):
            if child.exit_status is not None or time.monotonic() > deadline:
                raise SystemExit(f"MLflow did not start: {child.last_words()}")
            time.sleep(0.1)
        httpx.post(f"{url}/api/2.0/mlflow/experiments/create", json={"name": EXPERIMENT}).raise_for_status()
        yield url
    finally:
        child.ask_to_end()
        child.wait()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).is_success
    except httpx.TransportError:
        return False


def _best_threads(d_model: int) -> int:
    """The number of threads, 1 or one for each core, on which one plain loop is faster."""
    sweep = Sweep(d_model=d_model, updates=2000, trials=1, threads=1, cores=CORES, mlflow_url="", directory="")
    paces: dict[int, list[float]] = {threads: [] for threads in sorted({1, CORES})}
    alone = Alone(sweep.shape, sweep.plan(0))
    for _ in range(5):
        for threads, seconds in paces.items():
            torch.set_num_threads(threads)
            alone.advance(5)
            started = time.perf_counter()
            alone.advance(30)
            seconds.append(time.perf_counter() - started)
    return min(paces, key=lambda threads: statistics.median(paces[threads]))


def _of(turns: Sequence[Turn], name: str) -> list[Turn]:
    return [turn for turn in turns if turn.contender == name]


def _report(d_model: int, trials: int, updates: int, turns: dict[str, list[Turn]]) -> None:
    context, batch_size = SIZES[d_model]
    sweeps = {name: statistics.median(turn.sweep for turn in of) for name, of in turns.items()}
    totals = {name: statistics.median(turn.total for turn in of) for name, of in turns.items()}
    first = next(iter(turns))
    print(f"\nd_model {d_model}, batch {batch_size} x {context} bytes, {trials} trials of {updates} updates")
    print(f"{'':12}{'start s':>9}{'sweep s':>9}{'range':>16}{'updates/s':>11}{'total s':>9}{'largest loss diff.':>20}")
    for name, of in turns.items():
        span = f"{min(turn.sweep for turn in of):.1f} - {max(turn.sweep for turn in of):.1f}"
        start = statistics.median(turn.start for turn in of)
        difference = max(abs(loss - other) for loss, other in zip(of[0].losses, turns[first][0].losses, strict=True))
        print(
            f"{name:12}{start:>9.1f}{sweeps[name]:>9.1f}{span:>16}{trials * updates / sweeps[name]:>11.1f}"
            f"{totals[name]:>9.1f}{difference:>20.1e}"
        )
    others = [name for name in turns if name != "rampline"]
    if "rampline" in turns and others:
        for what, times in (("sweep", sweeps), ("start and sweep", totals)):
            best = min(others, key=times.__getitem__)
            ratio = times[best] / times["rampline"]
            print(f"{what}: Rampline is {ratio:.2f}x as fast as the best of the others ({best})")
    sys.stdout.flush()


def machine() -> dict[str, object]:
    cpu = Path("/proc/cpuinfo")
    names = [line.split(":")[1].strip() for line in cpu.read_text().splitlines() if line.startswith("model name")]
    return {
        "processor": names[0] if names else platform.processor(),
        "cores": CORES,
        "system": platform.platform(),
        "python": platform.python_version(),
        **{name: version(name) for name in ("torch", "mlflow", "optuna", "ray")},
        "load_before": [round(load, 2) for load in os.getloadavg()],
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--model", type=int, nargs="+", choices=sorted(SIZES), default=[32], help="d_model (default 32)"
    )
    parser.add_argument("--trials", type=int, nargs="+", default=[24, 96], help="trials of a sweep (default 24 96)")
    parser.add_argument("--updates", type=int, default=200, help="updates of a trial (default 200)")
    parser.add_argument("--repeat", type=int, default=3, help="turns of each contender (default 3)")
    kinds = sorted({name.split()[0] for name in CONTENDERS})
    parser.add_argument("--only", nargs="+", choices=kinds, default=kinds, help="some of the contenders")
    parser.add_argument("--json", type=Path, help="also write every turn to this file")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main(_arguments()))
