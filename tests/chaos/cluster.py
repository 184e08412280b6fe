"""The real product as processes of its own, with everything between them in the hands of the harness."""

import time
from collections.abc import Callable
from pathlib import Path

from service.client import ApiError, Client, ServiceUnreachableError
from service.settings import Settings
from service.store.engine import Store
from service.wire.tokens import Role, mint
from tests.acceptance.running import RAMPLINE, environment, free_port, wait_until_gone
from tests.chaos.databases import DatabaseUnderTest
from tests.chaos.disk import SmallDisk
from tests.chaos.part import Part, answers_at
from tests.chaos.proxy import Proxy
from tests.mlflow_server import QUIET, server_command

CORPUS = "file:words.txt"
WAIT_SECONDS = 240.0
WORKERS = 2
LANES = 4
_RESTART_PAUSE_SECONDS = 1.0


class Cluster:
    """A database, MLflow, the service (two of them where the database is a server) and two workers.

    Worker n reaches its service through `proxies[n]` and keeps its files on `disks[n]`. What ends although it ought to
    run is started again, as any supervisor does, and noted in `ended_by_themselves`.
    """

    def __init__(self, directory: Path, database: DatabaseUnderTest, *, lease_seconds: float) -> None:
        self.directory = directory
        self.data_dir = directory / "data"
        self.database = database
        self.lease_seconds = lease_seconds
        self.ended_by_themselves: list[str] = []
        self._restarted: dict[str, float] = {}
        self._clients: dict[str, Client] = {}
        for made in (directory / "logs", directory / "mlflow", self.data_dir / "corpora"):
            made.mkdir(parents=True)
        # Small and always the same, so that values can be compared between clusters.
        (self.data_dir / "corpora" / "words.txt").write_text("".join(f"{n} is {n * n % 97}, " for n in range(8000)))
        mlflow_port = free_port()
        self.mlflow_url = f"http://127.0.0.1:{mlflow_port}"
        self.store = Store(self.settings.database)
        tokens = self._tokens()
        self.mlflow = self._part(
            "mlflow", server_command(directory / "mlflow", mlflow_port), QUIET, answers_at(f"{self.mlflow_url}/health")
        )
        ports = [free_port() for _ in range(2 if database.has_server else 1)]
        self._urls = [f"http://127.0.0.1:{port}" for port in ports]
        self.services = [self._service(number, port, tokens) for number, port in enumerate(ports, start=1)]
        self.proxies = [Proxy(ports[number % len(ports)]) for number in range(WORKERS)]
        self.disks = [SmallDisk(directory / f"disk-{number}") for number in range(1, WORKERS + 1)]
        self.workers = [self._worker(number, tokens) for number in range(WORKERS)]

    @property
    def settings(self) -> Settings:
        """The settings of the services, for reading their databases."""
        return Settings(data_dir=self.data_dir, database_url=self.database.url)

    def start(self) -> None:
        """Start everything, and wait until it answers."""
        self.database.start()
        for part in (self.mlflow, *self.services):
            part.start()
        self.wait_until(self.services[0].answers, "the first service answers")
        for worker in self.workers:
            worker.start()
        self.wait_until_whole()

    def stop(self) -> dict[int, str]:
        """End everything in good order; returns what is left of it."""
        for proxy in self.proxies:
            proxy.heal()
        for group in (self.workers, self.services, [self.mlflow]):
            for part in group:
                part.ask_to_end()
            for part in group:
                part.wait()
        for client in self._clients.values():
            client.close()
        for proxy in self.proxies:
            proxy.close()
        self.store.close()
        self.database.stop()
        return wait_until_gone(self.data_dir)

    @property
    def parts(self) -> list[Part]:
        """Every process but the database's."""
        return [self.mlflow, *self.services, *self.workers]

    def client(self) -> Client:
        """A client of a service that answers."""
        token = (self.directory / "admin").read_text()
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            for url in self._urls:
                client = self._clients.setdefault(url, Client(url, token))
                try:
                    if client.ready().status == "ok":
                        return client
                except (ApiError, ServiceUnreachableError, ValueError):
                    continue
            assert time.monotonic() < deadline, "no service answers"
            self.tend()
            time.sleep(0.05)

    def tend(self) -> None:
        """Start again what has ended by itself."""
        for part in self.parts:
            now = time.monotonic()
            if part.wanted and not part.alive and now > self._restarted.get(part.name, 0) + _RESTART_PAUSE_SECONDS:
                self.ended_by_themselves.append(f"{part.name} ended by itself: {part.last_words()}")
                self._restarted[part.name] = now
                part.start()

    def wait_until(self, condition: Callable[[], bool], what: str, seconds: float = WAIT_SECONDS) -> None:
        """Tend until something is so.

        Raises:
            TimeoutError: it did not become so.
        """
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(f"waited {seconds:.0f} s in vain until {what}")
            self.tend()
            time.sleep(0.02)

    def wait_until_whole(self) -> None:
        """Wait until everything that ought to run does, and answers."""
        self.wait_until(lambda: all(part.alive and part.answers() for part in self.parts), "all parts answer")

    def _tokens(self) -> dict[str, str]:
        roles: tuple[Role, ...] = ("admin", "worker")
        for role in roles:
            (self.directory / role).write_text(mint(role))
        return {f"RAMPLINE_{role.upper()}_TOKEN_FILE": str(self.directory / role) for role in ("admin", "worker")}

    def _part(self, name: str, command: list[str], extra: dict[str, str], answers: Callable[[], bool]) -> Part:
        variables = environment(self.data_dir, **extra)
        return Part(name, command, environment=variables, log=self.directory / "logs" / f"{name}.log", answers=answers)

    def _service(self, number: int, port: int, tokens: dict[str, str]) -> Part:
        variables = {
            **tokens,
            "RAMPLINE_PORT": str(port),
            "RAMPLINE_MLFLOW_URL": self.mlflow_url,
            "RAMPLINE_LEASE_SECONDS": str(self.lease_seconds),
            "RAMPLINE_REPORT_SECONDS": "0.5",
        }
        if self.database.url is not None:
            variables["RAMPLINE_DATABASE_URL"] = self.database.url
        ready = answers_at(f"http://127.0.0.1:{port}/api/v1/health/ready")
        return self._part(f"service-{number}", [*RAMPLINE, "serve"], variables, ready)

    def _worker(self, number: int, tokens: dict[str, str]) -> Part:
        disk = self.disks[number]
        variables = {
            **tokens,
            "RAMPLINE_URL": self.proxies[number].url,
            "RAMPLINE_WORKER_NAME": f"worker-{number + 1}",
            "RAMPLINE_SCRATCH_DIR": str(disk.directory / "scratch"),
            "TMPDIR": str(disk.directory),
            "RAMPLINE_LANES": str(LANES),
            "RAMPLINE_DEVICE": "cpu",
        }
        command = disk.under([*RAMPLINE, "worker"])
        return self._part(f"worker-{number + 1}", command, variables, lambda: True)
