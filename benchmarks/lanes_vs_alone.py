"""Lanes against training alone, on the CPU: updates per second of all runs together.

    python benchmarks/lanes_vs_alone.py

Lanes train in one single-threaded process, and in two of them. The alternatives train one run after another with
`torch.nn` and `torch.optim` in a plain loop: on one thread, on two threads, and in two single-threaded processes.
All take turns, several times over; a figure is the median of its turns. Ratios are to the best alternative. On a
machine that others use too, the processor time of an update says more than the updates per second.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from pydoc_data.topics import topics

import torch

import schedules
from worker.lanes.alone import Alone
from worker.lanes.batch import LaneBatch
from worker.lanes.data import Corpus
from worker.lanes.memory import keep_freed_memory
from worker.lanes.plan import Plan
from worker.lanes.shape import Shape

LAYERS = 2
SIZES = {32: (32, 8), 64: (64, 8), 128: (64, 16)}  # d_model: context, batch
ENDLESS = 10_000_000


@dataclass(frozen=True)
class Contender:
    """A way to train: this many processes of so many threads, with so many lanes in each (0: the plain loop)."""

    processes: int
    threads: int
    lanes: int

    def __str__(self) -> str:
        each = f"{self.processes} x {self.threads} thread{'s' if self.threads > 1 else ''}"
        return f"lanes K={self.lanes:<3} {each}" if self.lanes else f"plain loop  {each}"


@dataclass(frozen=True)
class Turn:
    """An order to a trainer: train with so many lanes (0: the plain loop) for so long."""

    d_model: int
    threads: int
    lanes: int
    seconds: float


@dataclass(frozen=True)
class Pace:
    """What a turn achieved: updates of all its runs per second, and milliseconds of processor time for each."""

    updates_per_second: float
    cpu_ms: float


class Trainer:
    """A process that trains what it is told to."""

    def __init__(self) -> None:
        context = get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
        self._process.start()

    def start(self, turn: Turn) -> None:
        self._pipe.send(turn)

    def finish(self) -> Pace:
        pace: Pace = self._pipe.recv()
        return pace

    def close(self) -> None:
        self._pipe.send(None)
        self._process.join(10)
        self._process.terminate()


def main(arguments: argparse.Namespace) -> int:
    contenders = [
        *(Contender(1, 1, lanes) for lanes in arguments.lanes),
        *(Contender(2, 1, lanes) for lanes in arguments.lanes),
        Contender(1, 1, 0),
        Contender(1, 2, 0),
        Contender(2, 1, 0),
    ]
    machine = _machine()
    print(json.dumps(machine, indent=2))
    results = []
    with _trainers(2) as trainers:
        for d_model in arguments.sizes:
            paces: dict[Contender, list[Pace]] = {contender: [] for contender in contenders}
            for _ in range(arguments.repetitions):
                for contender in contenders:
                    paces[contender].append(_measure(trainers, contender, d_model, arguments.seconds))
            results.append(_report(d_model, paces))
    if arguments.json:
        arguments.json.write_text(json.dumps({"machine": machine, "results": results}, indent=2) + "\n")
    return 0


def _measure(trainers: list[Trainer], contender: Contender, d_model: int, seconds: float) -> Pace:
    turn = Turn(d_model, contender.threads, contender.lanes, seconds)
    busy = trainers[: contender.processes]
    for trainer in busy:
        trainer.start(turn)
    paces = [trainer.finish() for trainer in busy]
    return Pace(sum(pace.updates_per_second for pace in paces), statistics.mean(pace.cpu_ms for pace in paces))


def _report(d_model: int, paces: dict[Contender, list[Pace]]) -> dict[str, object]:
    rates = {contender: [pace.updates_per_second for pace in turns] for contender, turns in paces.items()}
    medians = {contender: statistics.median(values) for contender, values in rates.items()}
    cpu_ms = {contender: statistics.median(pace.cpu_ms for pace in turns) for contender, turns in paces.items()}
    best = max(rate for contender, rate in medians.items() if not contender.lanes)
    least = min(cost for contender, cost in cpu_ms.items() if not contender.lanes)
    shape = _shape(d_model)
    print(
        f"\nd_model {d_model}, {LAYERS} layers, batch {shape.batch_size} x {shape.context} bytes, "
        f"{shape.n_parameters:,} parameters\n"
        f"{'':28} updates/s   range of turns   ratio   CPU ms/update   ratio"
    )
    for contender, median in medians.items():
        span = f"{min(rates[contender]):.1f} - {max(rates[contender]):.1f}"
        cost = cpu_ms[contender]
        print(f"{contender!s:28} {median:9.1f}  {span:>15} {median / best:7.2f} {cost:15.2f} {least / cost:7.2f}")
    return {
        "shape": asdict(shape),
        "turns": [{**asdict(contender), **asdict(pace)} for contender, turns in paces.items() for pace in turns],
    }


def _serve(pipe: Connection) -> None:
    keep_freed_memory()
    trained: dict[tuple[int, int], LaneBatch[int] | Alone] = {}
    while (turn := pipe.recv()) is not None:
        torch.set_num_threads(turn.threads)
        runs = trained.get((turn.d_model, turn.lanes))
        if runs is None:
            runs = trained[turn.d_model, turn.lanes] = _runs(turn.d_model, turn.lanes)
            runs.advance(2)
        pipe.send(_train(runs, max(1, turn.lanes), turn.seconds))


def _train(runs: LaneBatch[int] | Alone, lanes: int, seconds: float) -> Pace:
    started, cpu_started = time.perf_counter(), time.process_time()
    updates = 0
    while (elapsed := time.perf_counter() - started) < seconds:
        runs.advance(2)
        updates += 2
    cpu = time.process_time() - cpu_started
    return Pace(updates * lanes / elapsed, 1e3 * cpu / (updates * lanes))


def _runs(d_model: int, lanes: int) -> LaneBatch[int] | Alone:
    shape = _shape(d_model)
    corpus = Corpus("\n".join(topics.values()).encode(), context=shape.context)
    plans = [
        Plan(
            schedule=schedules.build({"type": "constant", "total_steps": ENDLESS, "peak_lr": 1e-3 / (1 + lane)}),
            corpus=corpus,
            seed=lane,
            grad_clip=1.0,
        )
        for lane in range(max(1, lanes))
    ]
    if not lanes:
        return Alone(shape, plans[0])
    batch = LaneBatch[int](shape, lanes)
    for lane, plan in enumerate(plans):
        batch.admit(lane, plan)
    return batch


def _shape(d_model: int) -> Shape:
    context, batch_size = SIZES[d_model]
    return Shape(d_model=d_model, n_layers=LAYERS, n_heads=4, context=context, batch_size=batch_size)


@contextmanager
def _trainers(count: int) -> Iterator[list[Trainer]]:
    trainers = [Trainer() for _ in range(count)]
    try:
        yield trainers
    finally:
        for trainer in trainers:
            trainer.close()


def _machine() -> dict[str, object]:
    cpu = Path("/proc/cpuinfo")
    names = [line.split(":")[1].strip() for line in cpu.read_text().splitlines() if line.startswith("model name")]
    return {
        "processor": names[0] if names else platform.processor(),
        "cores": os.cpu_count(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "load_before": [round(load, 2) for load in os.getloadavg()],
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", choices=sorted(SIZES), default=sorted(SIZES), help="d_model")
    parser.add_argument("--lanes", type=int, nargs="+", default=[1, 2, 4, 8, 16], help="numbers of lanes K")
    parser.add_argument("--repetitions", type=int, default=5, help="turns of each contender")
    parser.add_argument("--seconds", type=float, default=1.0, help="length of a turn")
    parser.add_argument("--json", type=Path, help="also write every turn to this file")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main(_arguments()))
