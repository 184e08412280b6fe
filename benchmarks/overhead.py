"""What protocol, tracking and evaluation take from training: a worker's loop against its lanes alone.

    python -m benchmarks.overhead
    python -m benchmarks.overhead --model 64 --updates 300 --json overhead.json

A real service and a real MLflow run as processes. In this process one worker trains a sweep from them as it always
does: its loop in a thread, with the threads that claim, report and track beside it. In turns with that, the same lanes
train the same runs alone, in stretches of the same length, with nothing else to do. Compared are the processor time of
the training thread, that of all threads of the worker (which share a core where there is a worker for each core), and
the clock's time, from the first update to the last; medians of the turns.

  evaluation   the part of the worker's time that it spends on validation losses: eleven in a run, whatever its length,
               so the part falls as runs get longer
  other        what is left of the worker's time beyond that of the lanes alone: claims, reports, records, and waiting
               for Python's lock while other threads hold it
"""

import argparse
import json
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

import worker.loop
from benchmarks.peers.ports import free_port
from benchmarks.peers.sweep import SIZES, Sweep
from benchmarks.sweep_vs_peers import machine
from rampline.connection import Connection
from rampline.display import ENDED
from rampline.product import Product
from service.client import Client
from service.wire.protocol import Hello
from worker.bell import Bell
from worker.calibration import Capacity
from worker.claiming import Claimer
from worker.corpora import Corpora
from worker.lanes.batch import Key
from worker.lanes.log import StepLog
from worker.lanes.memory import keep_freed_memory
from worker.lanes.sharing import SharedLanes
from worker.link import Link
from worker.loop import Loop
from worker.reporting import Reporter
from worker.states import States
from worker.stores import store_at
from worker.tracking import Tracker

GOAL = 0.03
TURN_SECONDS = 1800.0
STRETCH_SECONDS = 0.5


@dataclass
class Watch:
    """Seconds from the first update to the last, by the clock and by the processor of the thread that trains."""

    wall: float = 0.0
    cpu: float = 0.0
    process: float = 0.0
    evaluation_wall: float = 0.0
    evaluation_cpu: float = 0.0
    first: tuple[float, float, float] | None = None

    def begin(self) -> None:
        self.first = self.first or (time.perf_counter(), time.thread_time(), time.process_time())

    def end(self) -> None:
        assert self.first is not None
        wall, cpu, process = self.first
        self.wall, self.cpu = time.perf_counter() - wall, time.thread_time() - cpu
        self.process = time.process_time() - process


class Watched(SharedLanes[Key]):
    """Lanes that note when they train and how long they evaluate."""

    watch = Watch()

    def advance(self, updates: int) -> dict[Key, StepLog]:
        self.watch.begin()
        logs = super().advance(updates)
        self.watch.end()
        return logs

    def evaluate(self, keys: Iterable[Key]) -> dict[Key, float]:
        wall, cpu = time.perf_counter(), time.thread_time()
        losses = super().evaluate(keys)
        if self.watch.first is not None:  # the losses before the first update come before the time that is measured
            self.watch.evaluation_wall += time.perf_counter() - wall
            self.watch.evaluation_cpu += time.thread_time() - cpu
        return losses


def main(arguments: argparse.Namespace) -> int:
    torch.set_num_threads(1)
    keep_freed_memory()
    about = machine()
    print(json.dumps(about, indent=2))
    results = []
    with tempfile.TemporaryDirectory(prefix="overhead-") as directory:
        product = Product(data_dir=Path(directory), port=free_port(), mlflow_port=free_port(), devices=())
        with product.running():
            client = Connection.find(None, None, product.data_dir).client()
            for d_model in arguments.model:
                results += [_measured(product, client, d_model, updates, arguments) for updates in arguments.updates]
    if arguments.json:
        arguments.json.write_text(json.dumps({"machine": about, "results": results}, indent=2) + "\n")
    return 0


def _measured(
    product: Product, client: Client, d_model: int, updates: int, arguments: argparse.Namespace
) -> dict[str, Any]:
    sweep = Sweep(
        d_model=d_model, updates=updates, trials=arguments.runs, threads=1, cores=1, mlflow_url="", directory=""
    )
    turns: dict[str, list[Watch]] = {"worker": [], "alone": []}
    for repetition in range(arguments.repeat):
        # Other seeds, or the worker would go on from the states that it kept in the turn before.
        fresh = replace(sweep, seed=repetition)
        order: list[tuple[str, Callable[[], None]]] = [
            ("alone", partial(_alone, fresh, arguments.lanes)),
            ("worker", partial(_worker, product, client, fresh, arguments.lanes)),
        ]
        for name, turn in order[:: -1 if repetition % 2 else 1]:
            Watched.watch = Watch()
            with ThreadPoolExecutor(1) as training:
                training.submit(turn).result(TURN_SECONDS)
            turns[name].append(Watched.watch)
            shown = f"{name}: {Watched.watch.wall:.1f} s, processor {Watched.watch.cpu:.1f} s"
            print(f"{repetition + 1}/{arguments.repeat} {shown}", file=sys.stderr, flush=True)
    return _report(sweep, arguments, turns)


def _alone(sweep: Sweep, capacity: int) -> None:
    lanes = Watched[int](sweep.shape, capacity)
    waiting = list(range(sweep.trials))
    done = dict.fromkeys(waiting, 0)
    pace = 10
    while waiting or lanes.keys:
        while waiting and lanes.room > 0:
            number = waiting.pop(0)
            lanes.admit(number, sweep.plan(number), eval_every=sweep.eval_every)
        lanes.seat()
        started = time.perf_counter()
        stretch = min(pace, lanes.remaining, *(sweep.eval_every - done[key] % sweep.eval_every for key in lanes.seated))
        for key, log in lanes.advance(stretch).items():
            done[key] += len(log.lr)
            if done[key] == sweep.updates:
                lanes.remove(key)
        pace = max(1, round(STRETCH_SECONDS * stretch / (time.perf_counter() - started)))


def _worker(product: Product, client: Client, sweep: Sweep, lanes: int) -> None:
    device, bell = torch.device("cpu"), Bell()
    token = product.token_file.with_name("worker").read_text()
    with Link(product.url, token) as link:
        hello = Hello(name="overhead", device="cpu", device_name="CPU", lanes=lanes, version="0")
        welcome = link.register(hello)
        assert welcome.tracking_url is not None
        scratch = product.data_dir / "scratch"
        tracker = Tracker(welcome.tracking_url, worker="overhead", device="CPU", bell=bell, directory=scratch / "spool")
        store = store_at(welcome.states_url, service=product.url, token=token)
        states = States(store, device, bell=bell, device_name="CPU", seconds=60, limit=welcome.states_bytes)
        reporter = Reporter(link, welcome.worker_id, bell, interval_seconds=welcome.report_seconds)
        claimer = Claimer(link, Corpora(scratch, link), welcome.worker_id, reporter, bell, states=states)
        capacity = Capacity(device, "CPU", product.data_dir, given=lanes)
        sweep_id = client.submit(sweep.spec()).id
        ended = threading.Thread(target=_leave_at_the_end, args=(client, sweep_id, bell))
        ended.start()
        Loop(
            device,
            capacity,
            first_claim=lanes,
            bell=bell,
            claimer=claimer,
            reporter=reporter,
            tracker=tracker,
            states=states,
        ).run()
        ended.join()
        claimer.stop()
        tracker.close(60)
        states.close(60)
        reporter.stop()
        reporter.leave()
    assert client.sweep(sweep_id).state == "completed"


def _leave_at_the_end(client: Client, sweep_id: int, bell: Bell) -> None:
    while client.sweep(sweep_id).state not in ENDED:
        time.sleep(1.0)
    bell.leave()


def _report(sweep: Sweep, arguments: argparse.Namespace, turns: dict[str, list[Watch]]) -> dict[str, Any]:
    context, batch_size = SIZES[sweep.d_model]
    print(
        f"\nd_model {sweep.d_model}, batch {batch_size} x {context} bytes, {sweep.trials} runs of {sweep.updates} "
        f"updates on {arguments.lanes} lanes: {len(turns['worker'])} turns each"
    )
    print(f"{'':22}{'alone s':>9}{'worker s':>10}{'evaluation':>12}{'other':>8}{'together':>10}")
    shares = {}
    for name, clock in (("processor, training", "cpu"), ("processor, all", "process"), ("clock", "wall")):
        alone, worker = _median(turns["alone"], clock), _median(turns["worker"], clock)
        evaluation = _median(turns["worker"], f"evaluation_{'wall' if clock == 'wall' else 'cpu'}") / worker
        together = 1 - alone / worker
        shares[clock] = {"evaluation": evaluation, "other": together - evaluation, "together": together}
        verdict = "" if together <= GOAL else f"  above the goal of {GOAL:.0%}"
        print(
            f"{name:22}{alone:>9.2f}{worker:>10.2f}{evaluation:>12.1%}{together - evaluation:>8.1%}"
            f"{together:>10.1%}{verdict}",
            flush=True,
        )
    watches = {name: [asdict(watch) for watch in of] for name, of in turns.items()}
    return {"d_model": sweep.d_model, "updates": sweep.updates, "shares": shares, "turns": watches}


def _median(watches: Sequence[Watch], name: str) -> float:
    values: list[float] = [getattr(watch, name) for watch in watches]
    return statistics.median(values)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=int, nargs="+", choices=sorted(SIZES), default=[32, 64], help="d_model")
    parser.add_argument("--updates", type=int, nargs="+", default=[300, 2000], help="updates of a run")
    parser.add_argument("--runs", type=int, default=4, help="runs of a sweep (default 4)")
    parser.add_argument("--lanes", type=int, default=2, help="lanes of the worker (default 2)")
    parser.add_argument("--repeat", type=int, default=3, help="turns of each (default 3)")
    parser.add_argument("--json", type=Path, help="also write every turn to this file")
    return parser.parse_args()


if __name__ == "__main__":
    setattr(worker.loop, "SharedLanes", Watched)  # noqa: B010 - what the loop makes its lanes of
    sys.exit(main(_arguments()))
