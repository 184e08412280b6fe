"""Lanes against training alone: updates of all runs per second, for sizes of model and numbers of lanes.

    python benchmarks/lanes_vs_alone.py                                    # everything; twelve minutes on two cores
    python benchmarks/lanes_vs_alone.py --d-model 64 --layers 2 --lanes 8 16 --seconds 2 --json lanes.json

The alternatives train one run after another, as anybody would with `torch.nn` and `torch.optim`:
  plain loop     eager mode;
  compiled loop  `torch.compile` (on a GPU with CUDA graphs) and torch's fused Adam;
each in one process and in several that share the device. On a CPU these are two single-threaded processes, which is
also how `rampline up` trains lanes on two cores: compare "lanes 2 x 1 thread" with "plain loop 2 x 1 thread". On a GPU
start NVIDIA's MPS first, if you have it: the first lines of the output say whether it runs.

All take turns, several times over; a figure is the median of its turns.
  ratio  to the best alternative: above 1, lanes are faster; compile time is not counted;
  start  seconds until the second update of a new process has ended, compiling with empty caches included;
  sweep  seconds for 7,200 updates (24 runs of 300) from that start on, and the ratio of the best alternative's to it;
  peak   the share of the device's matrix-product peak, measured just before, that the model's products achieve;
  CPU    milliseconds of processor time for an update of one run: on a machine that others use too, this and its ratio
         say more than the updates per second.
Numbers of lanes whose single update would take longer than four turns are left out.
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
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from pydoc_data.topics import topics
from typing import Any

import torch

import schedules
from worker.lanes.alone import Alone
from worker.lanes.batch import LaneBatch
from worker.lanes.data import Corpus
from worker.lanes.linear import product
from worker.lanes.memory import keep_freed_memory
from worker.lanes.plan import Plan
from worker.lanes.shape import Shape

SIZES = {32: (32, 8), 64: (64, 8), 128: (64, 16), 256: (64, 16)}  # d_model: context, batch
SHARERS = {"cpu": (2,), "cuda": (2, 4, 8)}  # processes that share the device
PEAK_SIDES = {"cpu": (256, 512, 1024), "cuda": (2048, 4096, 8192)}
ENDLESS = 200_000  # a plan holds the rate of every update, and there may be 127 of them
STRETCH_SECONDS = 0.1
SWEEP_UPDATES = 24 * 300
MOST_TURNS = 4  # that a single update may take


@dataclass(frozen=True)
class Contender:
    """A way to train: this many processes of so many threads, with so many lanes in each (0: one run alone)."""

    processes: int
    threads: int
    lanes: int = 0
    compiled: bool = False

    def __str__(self) -> str:
        each = f"{self.processes} x {self.threads} thread{'s' if self.threads > 1 else ''}"
        alone = "compiled loop" if self.compiled else "plain loop"
        return f"lanes K={self.lanes:<7} {each}" if self.lanes else f"{alone:15} {each}"


@dataclass(frozen=True)
class Turn:
    """An order to a trainer: train a shape on a device as a contender does, for so long."""

    shape: Shape
    contender: Contender
    device: str
    seconds: float


@dataclass(frozen=True)
class PeakOrder:
    """An order to a trainer: measure the device's products."""

    device: str
    precision: str
    seconds: float


@dataclass(frozen=True)
class Pace:
    """What a turn achieved: updates of all its runs per second, and milliseconds of processor time for each.

    `start_seconds` is what the first two updates took, in the contender's first turn.
    """

    updates_per_second: float
    cpu_ms: float
    start_seconds: float = 0.0


class Trainer:
    """A process that trains what it is told to."""

    def __init__(self) -> None:
        context = get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
        self._process.start()

    def start(self, order: Turn | PeakOrder) -> None:
        self._pipe.send(order)

    def finish(self) -> Any:
        return self._pipe.recv()

    def close(self) -> None:
        self._pipe.send(None)
        self._process.join(10)
        self._process.terminate()


def main(arguments: argparse.Namespace) -> int:
    device = arguments.device
    sharers = SHARERS[device]
    machine = _machine(device)
    print(json.dumps(machine, indent=2), flush=True)
    results = []
    os.environ["TORCHINDUCTOR_FORCE_DISABLE_CACHES"] = "1"  # or the second to compile would find the first one's work
    with _trainers(max(sharers)) as trainers:
        # on a CPU each process has a core of its own; a GPU is one device however many share it
        measuring = trainers if device == "cpu" else trainers[:1]
        peak = sum(_all(measuring, PeakOrder(device, arguments.precision, arguments.seconds)))
        print(f"matrix-product peak in {arguments.precision}: {peak / 1e9:,.0f} GFLOP/s", flush=True)
        for d_model in arguments.d_model:
            for layers in arguments.layers:
                shape = _shape(d_model, layers, arguments.precision)
                paces = _tournament(trainers, shape, _contenders(arguments), arguments)
                _print(shape, paces, peak)
                turns = [{**asdict(contender), **asdict(pace)} for contender in paces for pace in paces[contender]]
                results.append({"shape": asdict(shape), "turns": turns})
    if arguments.json:
        report = {"machine": machine, "peak_flops_per_second": peak, "results": results}
        arguments.json.write_text(json.dumps(report, indent=2) + "\n")
    return 0


def _contenders(arguments: argparse.Namespace) -> list[Contender]:
    loops = (False, True) if arguments.compile else (False,)
    sharers = SHARERS[arguments.device]
    cpu = arguments.device == "cpu"
    return [
        *(Contender(1, 1, lanes) for lanes in arguments.lanes),
        *(Contender(2, 1, lanes) for lanes in arguments.lanes if cpu),
        *(Contender(1, 1, compiled=compiled) for compiled in loops),
        *(Contender(1, 2, compiled=compiled) for compiled in loops if cpu),
        *(Contender(processes, 1, compiled=compiled) for processes in sharers for compiled in loops),
    ]


def _tournament(
    trainers: list[Trainer], shape: Shape, contenders: list[Contender], arguments: argparse.Namespace
) -> dict[Contender, list[Pace]]:
    paces: dict[Contender, list[Pace]] = {}
    for turn in range(arguments.repetitions):
        for contender in contenders:
            fewer = [c for c in paces if c.lanes and c.processes == contender.processes]
            if turn == 0 and contender.lanes and fewer:
                last = fewer[-1]
                pace = paces[last][0].updates_per_second / last.processes
                if contender.lanes / pace > MOST_TURNS * arguments.seconds:
                    continue
            if turn == 0 or contender in paces:
                label = f"d_model {shape.d_model}, {shape.n_layers} layers: turn {turn + 1} of {arguments.repetitions}"
                _progress(f"{label}, {contender}")
                order = Turn(shape, contender, arguments.device, arguments.seconds)
                shares = _all(trainers[: contender.processes], order)
                rate = sum(share.updates_per_second for share in shares)
                cost = statistics.mean(share.cpu_ms for share in shares)
                start = max(share.start_seconds for share in shares)
                paces.setdefault(contender, []).append(Pace(rate, cost, start))
    _progress("")
    return paces


def _all(trainers: list[Trainer], order: Turn | PeakOrder) -> list[Any]:
    for trainer in trainers:
        trainer.start(order)
    return [trainer.finish() for trainer in trainers]


def _print(shape: Shape, paces: dict[Contender, list[Pace]], peak: float) -> None:
    rates = {contender: [pace.updates_per_second for pace in turns] for contender, turns in paces.items()}
    medians = {contender: statistics.median(values) for contender, values in rates.items()}
    cpu_ms = {contender: statistics.median(pace.cpu_ms for pace in turns) for contender, turns in paces.items()}
    best = max(rate for contender, rate in medians.items() if not contender.lanes)
    least = min(cost for contender, cost in cpu_ms.items() if not contender.lanes)
    starts = {contender: max(pace.start_seconds for pace in turns) for contender, turns in paces.items()}
    sweeps = {contender: starts[contender] + SWEEP_UPDATES / median for contender, median in medians.items()}
    shortest = min(seconds for contender, seconds in sweeps.items() if not contender.lanes)
    print(
        f"\nd_model {shape.d_model}, {shape.n_layers} layers, batch {shape.batch_size} x {shape.context} bytes, "
        f"{shape.n_parameters:,} parameters, {shape.precision}\n"
        f"{'':31} updates/s   range of turns   ratio   peak   CPU ms   ratio   start    sweep  ratio"
    )
    for contender, median in medians.items():
        span = f"{min(rates[contender]):.1f} - {max(rates[contender]):.1f}"
        share = median * product_flops(shape) / peak
        cost = cpu_ms[contender]
        row = f"{median:9.1f}  {span:>15} {median / best:7.2f} {share:6.0%} {cost:8.2f} {least / cost:7.2f}"
        whole = f"{starts[contender]:7.1f} {sweeps[contender]:8.1f} {shortest / sweeps[contender]:6.2f}"
        print(f"{contender!s:31} {row} {whole}", flush=True)


def product_flops(shape: Shape) -> float:
    """Operations of one update's products in floating point: backward twice forward, and attention half a square."""
    d, tokens = shape.d_model, shape.tokens_per_update
    maps = shape.n_layers * (4 * d * d + 2 * d * shape.width_ff) + shape.vocab_size * d
    attention = shape.n_layers * shape.context * d
    return 3.0 * 2 * tokens * (maps + attention)


def _serve(pipe: Connection) -> None:
    keep_freed_memory()
    trained: dict[Contender, LaneBatch[int] | Alone] = {}
    of: Shape | None = None
    while (order := pipe.recv()) is not None:
        if isinstance(order, PeakOrder):
            pipe.send(_peak(order))
            continue
        if of != order.shape:
            trained, of = {}, order.shape
        torch.set_num_threads(order.contender.threads)
        start_seconds = 0.0
        if order.contender not in trained:
            started = time.perf_counter()
            trained[order.contender] = _runs(order)
            trained[order.contender].advance(2)
            start_seconds = time.perf_counter() - started
        pace = _train(trained[order.contender], max(1, order.contender.lanes), order.seconds)
        pipe.send(replace(pace, start_seconds=start_seconds))


def _train(runs: LaneBatch[int] | Alone, lanes: int, seconds: float) -> Pace:
    """Train in stretches, since a device is waited for after each."""
    started, cpu_started = time.perf_counter(), time.process_time()
    updates, stretch = 0, 1
    while (elapsed := time.perf_counter() - started) < seconds:
        if updates:
            stretch = max(1, min(100, round(STRETCH_SECONDS * updates / elapsed)))
        runs.advance(stretch)
        updates += stretch
    cpu = time.process_time() - cpu_started
    return Pace(updates * lanes / elapsed, 1e3 * cpu / (updates * lanes))


def _peak(order: PeakOrder) -> float:
    """The fastest product of square matrices, in floating-point operations per second."""
    torch.set_num_threads(1)
    dtype = torch.bfloat16 if order.precision == "bf16" else torch.float32
    best = 0.0
    for side in PEAK_SIDES[order.device]:
        a, b = (torch.randn(side, side, device=order.device, dtype=dtype) for _ in range(2))
        for multiply in (torch.mm, _lanes_product) if order.device == "cpu" else (torch.mm,):
            multiply(a, b)
            deadline = time.perf_counter() + order.seconds / 4
            while time.perf_counter() < deadline:
                _wait(order.device)
                started = time.perf_counter()
                multiply(a, b)
                _wait(order.device)
                best = max(best, 2 * side**3 / (time.perf_counter() - started))
    return best


def _lanes_product(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return product(a[None], b.mT[None])[0]


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def _runs(order: Turn) -> LaneBatch[int] | Alone:
    corpus = Corpus("\n".join(topics.values()).encode(), context=order.shape.context)
    plans = [
        Plan(
            schedule=schedules.build({"type": "constant", "total_steps": ENDLESS, "peak_lr": 1e-3 / (1 + lane)}),
            corpus=corpus,
            seed=lane,
            grad_clip=1.0,
        )
        for lane in range(max(1, order.contender.lanes))
    ]
    if not order.contender.lanes:
        alone = Alone(order.shape, plans[0], order.device)
        if order.contender.compiled:
            mode = "reduce-overhead" if order.device == "cuda" else "default"
            alone.loss = torch.compile(alone.loss, mode=mode)
            for group in alone.optimizer.param_groups:
                group.update(fused=True, foreach=False)
        return alone
    batch = LaneBatch[int](order.shape, order.contender.lanes, order.device)
    for lane, plan in enumerate(plans):
        batch.admit(lane, plan)
    return batch


def _shape(d_model: int, layers: int, precision: str) -> Shape:
    context, batch_size = SIZES[d_model]
    fields: dict[str, Any] = {"precision": precision}
    return Shape(d_model=d_model, n_layers=layers, n_heads=4, context=context, batch_size=batch_size, **fields)


@contextmanager
def _trainers(count: int) -> Iterator[list[Trainer]]:
    trainers = [Trainer() for _ in range(count)]
    try:
        yield trainers
    finally:
        for trainer in trainers:
            trainer.close()


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}")
    elif text:
        sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _machine(device: str) -> dict[str, object]:
    cpu = Path("/proc/cpuinfo")
    lines = cpu.read_text().splitlines() if cpu.is_file() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    machine: dict[str, object] = {
        "processor": names[0] if names else platform.processor(),
        "cores": os.cpu_count(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "load_before": [round(load, 2) for load in os.getloadavg()],
    }
    if device == "cuda":
        pipes = Path(os.environ.get("CUDA_MPS_PIPE_DIRECTORY", "/tmp/nvidia-mps"))
        machine |= {
            "gpu": torch.cuda.get_device_name(),
            "cuda": torch.version.cuda,
            "mps": (pipes / "control").exists(),
        }
    return machine


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sizes = sorted(SIZES)
    parser.add_argument("--d-model", type=int, nargs="+", choices=sizes, default=sizes, help="widths of the model")
    parser.add_argument("--layers", type=int, nargs="+", default=[2, 4], help="numbers of layers")
    parser.add_argument("--lanes", type=int, nargs="+", default=[1, 2, 4, 8, 16, 32, 64], help="numbers of lanes K")
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32", help="precision of products")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--repetitions", type=int, default=3, help="turns of each contender")
    parser.add_argument("--seconds", type=float, default=0.7, help="length of a turn")
    parser.add_argument("--no-compile", dest="compile", action="store_false", help="leave the compiled loops out")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every turn to this file")
    arguments = parser.parse_args()
    arguments.lanes = sorted(set(arguments.lanes))
    return arguments


if __name__ == "__main__":
    sys.exit(main(_arguments()))
