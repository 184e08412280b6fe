"""A worker process: registers, trains until it is told to stop, drains, leaves."""

import contextlib
import gc
import logging
import os
import queue
import signal
import threading
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import torch

from service.wire.calls import AddressError, checked
from service.wire.protocol import Hello, Welcome
from service.wire.retries import Backoff, Deadline
from worker.bell import Bell, ThreadDiedError
from worker.calibration import Capacity
from worker.claiming import Claimer
from worker.corpora import Corpora
from worker.energy import counter_of
from worker.lanes.memory import keep_freed_memory
from worker.link import Link, RefusedError, UnreachableError
from worker.loop import Loop
from worker.metering import Meter
from worker.reporting import Reporter
from worker.settings import WorkerSettings
from worker.spool import Backlog
from worker.states import States
from worker.stores import Store, StoreError, store_at
from worker.tracking import Tracker

log = logging.getLogger(__name__)

REGISTER_SECONDS = 60.0
GRACE_SECONDS = 3.0
# The parts of the time for draining after which flushing, writing states, a report under way and the last one are given
# up.
FLUSHED, WRITTEN, JOINED, REPORTED = 0.4, 0.6, 0.7, 0.85
FIRST_CLAIM = 1  # before the number of lanes is known
LANES = {"cpu": 4, "cuda": 32}


class WorkerError(Exception):
    """The worker cannot work; the message says why and what to do."""


def run(settings: WorkerSettings, bell: Bell | None = None) -> None:
    """Work until SIGTERM or SIGINT, then drain: give the runs back, flush the metrics, say goodbye.

    With a bell of the caller's, work until that says to leave: then this may be any thread, and signals are the
    caller's.

    Raises:
        WorkerError: the service cannot be reached or refuses this worker, or the device does not exist.
    """
    alone = bell is None
    bell = bell or Bell(drain_seconds=settings.drain_seconds)
    with _deadline(bell), _signals(bell) if alone else contextlib.nullcontext():
        _run(settings, bell)
    if isinstance(bell.failure, RefusedError):
        raise WorkerError(f"the service refuses this worker: {bell.failure}")
    if bell.failure is not None:
        raise WorkerError(f"the worker cannot go on: {bell.failure}")
    log.info("left", extra={"action": "worker.left"})


@contextlib.contextmanager
def _deadline(bell: Bell) -> Iterator[None]:
    """Three seconds after the deadline for leaving, end whatever still holds up the process."""
    over = threading.Event()

    def end() -> None:
        bell.wait_to_leave(None)
        if not over.wait(bell.left() + GRACE_SECONDS):
            log.error(
                "draining took too long; what is held here expires by itself", extra={"action": "worker.drain_overdue"}
            )
            os._exit(1)

    bell.thread("deadline", end)
    try:
        yield
    finally:
        over.set()
        bell.leave()


@contextlib.contextmanager
def _signals(bell: Bell) -> Iterator[None]:
    """Leave at SIGTERM or SIGINT.

    The handler only puts something into a queue, which is safe wherever the signal interrupts the main thread.
    """
    orders: queue.SimpleQueue[bool] = queue.SimpleQueue()

    def wait_for_order() -> None:
        if orders.get():
            bell.leave()

    bell.thread("signals", wait_for_order)
    earlier = {number: signal.signal(number, lambda *_: orders.put(True)) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        orders.put(False)
        for number, handler in earlier.items():
            signal.signal(number, handler)


def _run(settings: WorkerSettings, bell: Bell) -> None:
    device = find_device(settings.device)
    if device.type == "cpu":
        torch.set_num_threads(1)
        keep_freed_memory()
    try:
        token = settings.token()
    except ValueError as error:
        raise WorkerError(str(error)) from error
    hello = Hello(
        name=settings.worker_name,
        device=str(device),
        device_name=device_name(device),
        lanes=settings.lanes or LANES[device.type],
        version=version("rampline"),
        memory_gib=device_memory(device),
        labels=settings.labels,
        slot=settings.slot,
    )
    try:
        link = Link(settings.url, token)
    except AddressError as error:
        raise WorkerError(f"the service's address (--url, RAMPLINE_URL): {error}") from error
    with link:
        welcome = _register(link, hello, settings.url, bell)
        if welcome is not None:
            capacity = Capacity(device, hello.device_name, settings.scratch_dir, given=settings.lanes)
            first_claim = settings.lanes or FIRST_CLAIM
            states = _states(welcome, settings, token, device, hello.device_name, bell)
            _work(link, welcome, hello, device, capacity, first_claim, settings, token, bell, states)


def find_device(wanted: str) -> torch.device:
    """The device by its name; `auto` is the GPU if there is one.

    Raises:
        WorkerError: there is no such device.
    """
    if wanted == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(wanted)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise WorkerError(f"device {wanted!r} cannot be used: {error}; try auto, cpu or cuda:0") from error
    return device


def device_name(device: torch.device) -> str:
    """The device's name for people."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return next(filter(None, models), "CPU")


def device_memory(device: torch.device) -> float:
    """The device's memory in GiB; for the CPU, the machine's."""
    if device.type == "cuda":
        return float(torch.cuda.get_device_properties(device).total_memory) / 2**30
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30


def _register(link: Link, hello: Hello, url: str, bell: Bell) -> Welcome | None:
    backoff = Backoff(budget=REGISTER_SECONDS)
    while True:
        try:
            return link.register(hello)
        except RefusedError as error:
            raise WorkerError(f"the service at {url} refuses this worker: {error}") from error
        except UnreachableError as error:
            if backoff.spent:
                raise WorkerError(
                    f"the service at {url} cannot be reached: {error}; is `rampline serve` up?"
                ) from error
            log.info("waiting for the service at %s: %s", url, error, extra={"action": "service.away"})
            wait = backoff.wait(error.wait)
        if bell.wait_to_leave(wait):
            return None


def _states(
    welcome: Welcome, settings: WorkerSettings, token: str, device: torch.device, device_name: str, bell: Bell
) -> States | None:
    try:
        store: Store = store_at(welcome.states_url, service=settings.url, token=token)
    except StoreError as error:
        log.warning(
            "states cannot be kept at %s; runs that are interrupted begin anew: %s",
            welcome.states_url,
            error,
            extra={"action": "states.away"},
        )
        return None
    return States(
        store, device, bell=bell, device_name=device_name, seconds=settings.state_seconds, limit=welcome.states_bytes
    )


def _name_in_log(worker_id: int) -> None:
    """Let every line of this process's log say which worker writes it."""

    def name(record: logging.LogRecord) -> bool:
        record.worker_id = worker_id
        return True

    for handler in logging.getLogger().handlers:
        handler.addFilter(name)


def _work(
    link: Link,
    welcome: Welcome,
    hello: Hello,
    device: torch.device,
    capacity: Capacity,
    first_claim: int,
    settings: WorkerSettings,
    token: str,
    bell: Bell,
    states: States | None,
) -> None:
    _name_in_log(welcome.worker_id)
    log.info("registered as worker %d: %s", welcome.worker_id, hello.device_name, extra={"action": "worker.registered"})
    tracker = _tracker(welcome, hello, settings, token, bell)
    reporter = Reporter(
        link,
        welcome.worker_id,
        bell,
        interval_seconds=welcome.report_seconds,
        backlog=Backlog if tracker is None else tracker.backlog,
    )
    claimer = Claimer(
        link,
        Corpora(settings.scratch_dir, link),
        welcome.worker_id,
        reporter,
        bell,
        states=states,
        backlogged=lambda: tracker is not None and tracker.full,
    )
    gc.collect()
    gc.freeze()  # or what torch and MLflow have made would be gone through again and again, while nothing trains
    loop = Loop(
        device,
        capacity,
        first_claim=first_claim,
        bell=bell,
        claimer=claimer,
        reporter=reporter,
        tracker=tracker,
        states=states,
        meter=Meter(counter_of(device)),
    )
    try:
        with contextlib.ExitStack() as drain:  # from the last to the first, each whatever becomes of the others
            drain.callback(_leave, link, reporter, bell)
            drain.callback(_report, link, reporter, bell)
            # Before the runs are given back: who takes them looks for their states then.
            drain.callback(_write, states, bell)
            drain.callback(_flush, tracker, bell)
            drain.callback(claimer.stop)
            drain.callback(bell.leave)
            loop.run()
            log.info("draining", extra={"action": "worker.draining"})
    except Exception as error:
        log.exception(
            "the main thread failed; the worker has drained as far as it could", extra={"action": "worker.failed"}
        )
        bell.leave(ThreadDiedError("main", error))


def _tracker(welcome: Welcome, hello: Hello, settings: WorkerSettings, token: str, bell: Bell) -> Tracker | None:
    if welcome.tracking_url is None:
        return None
    ours = welcome.tracking_url.startswith("/")  # nobody but the service is shown our token
    try:
        url = checked(f"{settings.url.rstrip('/')}{welcome.tracking_url}" if ours else welcome.tracking_url)
    except AddressError as error:
        raise WorkerError(f"MLflow's address (RAMPLINE_MLFLOW_URL of the service): {error}") from error
    return Tracker(
        url,
        token=token if ours else None,
        worker=hello.name,
        device=hello.device_name,
        bell=bell,
        directory=settings.scratch_dir / "spool",
        limit=settings.spool_bytes,
    )


def _flush(tracker: Tracker | None, bell: Bell) -> None:
    left = 0 if tracker is None else tracker.close(bell.left(until=FLUSHED))
    if left:
        log.warning(
            "MLflow did not take the records of %d runs in time; they go back to the queue",
            left,
            extra={"action": "mlflow.overdue"},
        )


def _write(states: States | None, bell: Bell) -> None:
    if states is not None and not states.close(bell.left(until=WRITTEN)):
        log.warning(
            "the states were not all written in time; some runs lose what they did since their last one",
            extra={"action": "states.overdue"},
        )


def _report(link: Link, reporter: Reporter, bell: Bell) -> None:
    link.end_by(Deadline(bell.left(until=REPORTED)))
    reporter.stop(bell.left(until=JOINED))


def _leave(link: Link, reporter: Reporter, bell: Bell) -> None:
    link.end_by(Deadline(bell.left()))
    reporter.leave()
