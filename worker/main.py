"""A worker process: registers, trains until it is told to stop, drains, leaves."""

import logging
import signal
from importlib.metadata import version
from pathlib import Path

import torch

from service.wire.protocol import Hello, Welcome
from worker.bell import Bell
from worker.calibration import Capacity
from worker.claiming import Claimer
from worker.corpora import Corpora
from worker.lanes.memory import keep_freed_memory
from worker.link import Backoff, Link, RefusedError, UnreachableError
from worker.loop import Loop
from worker.reporting import Reporter
from worker.settings import WorkerSettings
from worker.tracking import Tracker

log = logging.getLogger(__name__)

REGISTER_TRIES = 12
FLUSH_SECONDS = 10.0
FIRST_CLAIM = 2  # before the number of lanes is known; one would not show whether runs share
LANES = {"cpu": 4, "cuda": 32}


class WorkerError(Exception):
    """The worker cannot work; the message says why and what to do."""


def run(settings: WorkerSettings) -> None:
    """Work until SIGTERM or SIGINT, then drain: give the runs back, flush the metrics, say goodbye.

    Raises:
        WorkerError: the service cannot be reached or refuses this worker, or the device does not exist.
    """
    bell = Bell()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: bell.leave())
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
    )
    with Link(settings.url, token) as link:
        welcome = _register(link, hello, settings.url, bell)
        if welcome is not None:
            capacity = Capacity(device, hello.device_name, settings.scratch_dir, given=settings.lanes)
            first_claim = settings.lanes or FIRST_CLAIM
            _work(link, welcome, hello, device, capacity, first_claim, settings.scratch_dir, bell)
    log.info("left")


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
    return models[0] if models else "CPU"


def _register(link: Link, hello: Hello, url: str, bell: Bell) -> Welcome | None:
    backoff = Backoff()
    for remaining in reversed(range(REGISTER_TRIES)):
        try:
            return link.register(hello)
        except RefusedError as error:
            raise WorkerError(f"the service at {url} refuses this worker: {error}") from error
        except UnreachableError as error:
            if not remaining:
                raise WorkerError(
                    f"the service at {url} cannot be reached: {error}; is `rampline serve` up?"
                ) from error
            log.info("waiting for the service at %s: %s", url, error, extra={"action": "service.away"})
        if bell.wait_to_leave(backoff.wait()):
            break
    return None


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
    scratch: Path,
    bell: Bell,
) -> None:
    _name_in_log(welcome.worker_id)
    log.info("registered as worker %d: %s", welcome.worker_id, hello.device_name, extra={"action": "worker.registered"})
    tracker = None
    if welcome.tracking_url is not None:
        tracker = Tracker(welcome.tracking_url, worker=hello.name, device=hello.device_name)
    reporter = Reporter(link, welcome.worker_id, bell, interval_seconds=welcome.report_seconds)
    claimer = Claimer(link, Corpora(scratch, link), welcome.worker_id, reporter, bell)
    Loop(
        device, capacity, first_claim=first_claim, bell=bell, claimer=claimer, reporter=reporter, tracker=tracker
    ).run()
    log.info("draining")
    claimer.stop()
    if tracker is not None:
        left = tracker.close(FLUSH_SECONDS)
        if left:
            log.warning("MLflow did not take the records of %d runs in time; they go back to the queue", left)
    reporter.stop()
    reporter.leave()
    if bell.refusal is not None:
        raise WorkerError(f"the service refuses this worker: {bell.refusal}")
