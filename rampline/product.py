"""The whole product on one machine: MLflow, the service and the workers, as processes of one data directory."""

import contextlib
import fcntl
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import httpx

from rampline.child import Child
from service.wire.tokens import Role, mint

HOST = "127.0.0.1"
READY_SECONDS = 120.0
RESTARTS = 5
RESTART_WINDOW_SECONDS = 120.0
CPU_WORKERS = 4
MLFLOW_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
}


def find_devices() -> list[str]:
    """One entry for each worker that this machine can feed: its GPUs, or else its CPU cores (see `CPU_WORKERS`).

    A worker on the CPU is single-threaded: two such processes train more than one with two threads.
    """
    nvidia_smi = shutil.which("nvidia-smi")
    if nvidia_smi is not None:
        listed = subprocess.run([nvidia_smi, "--list-gpus"], capture_output=True, text=True, check=False, timeout=30)
        gpus = sum(line.startswith("GPU ") for line in listed.stdout.splitlines())
        if gpus:
            return [f"cuda:{index}" for index in range(gpus)]
    return ["cpu"] * min(CPU_WORKERS, len(os.sched_getaffinity(0)))


class StoppedError(Exception):
    """The product was told to stop before it was ready."""


class ProductError(Exception):
    """The product cannot run; the message is one line that says why and what to do."""


@dataclass(frozen=True, kw_only=True)
class Product:
    """What runs where: one worker for each entry of `devices` (see `find_devices`), with `lanes` lanes if given.

    Whoever sets `stopping` ends a start that is under way.
    """

    data_dir: Path
    port: int = 8000
    mlflow_port: int = 5000
    devices: Sequence[str] = ("cpu",)
    lanes: int | None = None
    extra_environment: Mapping[str, str] = field(default_factory=dict)
    stopping: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        """The service's address."""
        return f"http://{HOST}:{self.port}"

    @property
    def mlflow_url(self) -> str:
        """MLflow's address."""
        return f"http://{HOST}:{self.mlflow_port}"

    @property
    def token_file(self) -> Path:
        """Where the local user's token lies; only that user can read it."""
        return self.data_dir / "tokens" / "local"

    @contextlib.contextmanager
    def running(self) -> Iterator["Processes"]:
        """Start everything, wait until it is ready, and stop everything at the end.

        Raises:
            ProductError: it cannot start.
            StoppedError: `stopping` was set before it was ready.
        """
        with self._locked():
            self._write_tokens()
            self._check_ports()
            processes = Processes(self)
            try:
                processes.start()
                self._write_connection()
                yield processes
            finally:
                (self.data_dir / "connection.json").unlink(missing_ok=True)
                processes.stop()

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        with self._lock_file() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise ProductError(
                    f"another `rampline up` uses {self.data_dir}; stop it or choose another --data-dir"
                ) from error
            yield

    def _lock_file(self) -> IO[str]:
        try:
            for directory in (self.data_dir, self.data_dir / "logs", self.data_dir / "mlflow"):
                directory.mkdir(parents=True, exist_ok=True)
            return (self.data_dir / "lock").open("w")
        except OSError as error:
            raise ProductError(
                f"the data directory {self.data_dir} is not writable ({error.strerror}); "
                "choose another with --data-dir or RAMPLINE_DATA_DIR"
            ) from error

    def _write_tokens(self) -> None:
        self.token_file.parent.mkdir(mode=0o700, exist_ok=True)
        roles: dict[Path, Role] = {self.token_file: "admin", self.token_file.with_name("worker"): "worker"}
        for path, role in roles.items():
            if not path.exists():
                with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                    file.write(mint(role))

    def _write_connection(self) -> None:
        (self.data_dir / "connection.json").write_text(
            json.dumps({"url": self.url, "token_file": str(self.token_file), "mlflow_url": self.mlflow_url})
        )

    def _check_ports(self) -> None:
        for port, option in ((self.port, "--port"), (self.mlflow_port, "--mlflow-port")):
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((HOST, port))
                except OSError as error:
                    raise ProductError(
                        f"port {port} cannot be used ({error.strerror}); free it or choose another with {option}"
                    ) from error


class Processes:
    """The running processes of a product."""

    def __init__(self, product: Product) -> None:
        self._product = product
        data, logs = product.data_dir.absolute(), product.data_dir.absolute() / "logs"
        # On this machine's own addresses, where HTTPS protects nothing.
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("RAMPLINE_TLS_")}
        environment = {
            **inherited,
            **MLFLOW_ENVIRONMENT,
            "RAMPLINE_DATA_DIR": str(data),
            "RAMPLINE_HOST": HOST,
            "RAMPLINE_PORT": str(product.port),
            "RAMPLINE_URL": product.url,
            "RAMPLINE_MLFLOW_URL": product.mlflow_url,
            "RAMPLINE_ADMIN_TOKEN_FILE": str(product.token_file.absolute()),
            "RAMPLINE_WORKER_TOKEN_FILE": str(product.token_file.absolute().with_name("worker")),
            "RAMPLINE_SCRATCH_DIR": str(data / "scratch"),
            "RAMPLINE_STATES": str(data / "states"),
            **product.extra_environment,
        }
        if product.lanes is not None:
            environment["RAMPLINE_LANES"] = str(product.lanes)
        mlflow = [
            sys.executable,
            "-m",
            "mlflow",
            "server",
            "--host",
            HOST,
            "--port",
            str(product.mlflow_port),
            "-w",
            "1",
        ]
        mlflow += ["--backend-store-uri", f"sqlite:///{data / 'mlflow' / 'mlflow.db'}"]
        mlflow += ["--artifacts-destination", str(data / "mlflow" / "artifacts")]
        rampline = [sys.executable, "-m", "rampline"]
        self.mlflow = Child("mlflow", mlflow, environment=environment, log=logs / "mlflow.log")
        self.service = Child("service", [*rampline, "serve"], environment=environment, log=logs / "service.log")
        self.workers = [
            Child(
                f"worker-{number}",
                [*rampline, "worker", "--device", device],
                environment=environment,
                log=logs / f"worker-{number}.log",
            )
            for number, device in enumerate(product.devices, start=1)
        ]
        self._restarts: list[float] = []

    @property
    def all(self) -> list[Child]:
        """Every process, in the order in which they are started."""
        return [self.mlflow, self.service, *self.workers]

    def start(self) -> None:
        """Start all of them and wait until MLflow and the service answer.

        The workers, which need the service first of all, start once it is there: their imports would hold it up.
        """
        deadline = time.monotonic() + READY_SECONDS
        self.mlflow.start()
        self.service.start()
        self._wait_for(self.service, f"{self._product.url}/api/v1/health/ready", deadline)
        for worker in self.workers:
            worker.start()
        self._wait_for(self.mlflow, f"{self._product.mlflow_url}/health", deadline)

    def _wait_for(self, child: Child, url: str, deadline: float) -> None:
        while not _answers(url):
            for one in self.all:
                if one.exit_status is not None:
                    raise ProductError(f"{one.name} did not start: {one.last_words()} (see {one.log})")
            if self._product.stopping.wait(0.1):
                raise StoppedError("stopped before it was ready")
            if time.monotonic() > deadline:
                raise ProductError(f"{child.name} did not answer in {READY_SECONDS:.0f} s; see {child.log}")

    def watch(self) -> list[str]:
        """Start again what has ended by itself; returns a line about each.

        Raises:
            ProductError: something ends again and again.
        """
        lines = []
        now = time.monotonic()
        for child in self.all:
            if child.exit_status is not None:
                self._restarts = [then for then in self._restarts if now - then < RESTART_WINDOW_SECONDS] + [now]
                if len(self._restarts) > RESTARTS:
                    raise ProductError(f"{child.name} ends again and again: {child.last_words()} (see {child.log})")
                lines.append(
                    f"{child.name} ended with status {child.exit_status} and is started again; see {child.log}"
                )
                child.start()
        return lines

    def stop(self) -> None:
        """Let the workers give their runs back, then stop the service, then MLflow."""
        for group in (self.workers, [self.service], [self.mlflow]):
            for child in group:
                child.ask_to_end()
            for child in group:
                child.wait()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).is_success
    except httpx.TransportError:
        return False
