"""The service, a fleet and the machines of a Ray cluster, all in the hands of the harness."""

import json
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from service.client import Client
from service.settings import Settings
from service.store.engine import Store
from service.wire.tokens import Role, mint
from tests.acceptance.running import RAMPLINE, environment, free_port, wait_until_gone
from tests.chaos.part import Part, answers_at
from tests.chaos.ray_machines import Machine, answer, autoscaling

CORPUS = "file:words.txt"
NAME = "gym"
WAIT_SECONDS = 240.0
IDLE_SECONDS = 6.0
LEASE_SECONDS = 60.0  # the service's default: what is faster is not owed to it
LANES = 4


class RayCluster:
    """A service on SQLite, a Ray cluster whose head has no GPU, and a fleet of at most two workers.

    With `autoscaled`, Ray adds and removes machines as it is asked to.

    What ends although it ought to run is started again, as a supervisor does.
    """

    def __init__(self, directory: Path, *, autoscaled: bool = False) -> None:
        self.directory = directory
        data = directory / "data"
        for made in (directory / "logs", data / "corpora"):
            made.mkdir(parents=True)
        (data / "corpora" / "words.txt").write_text("".join(f"{n} is {n * n % 97}, " for n in range(8000)))
        roles: tuple[Role, ...] = ("admin", "worker")
        for role in roles:
            (directory / role).write_text(mint(role))
        (directory / "ray-token").write_text(secrets.token_hex(32))
        service, self._ray = free_port(), free_port()
        url = f"http://127.0.0.1:{service}"
        self.environment = environment(
            data,
            RAMPLINE_URL=url,
            RAMPLINE_WORKER_TOKEN_FILE=str(directory / "worker"),
            RAMPLINE_ADMIN_TOKEN_FILE=str(directory / "admin"),
            RAMPLINE_PORT=str(service),
            RAMPLINE_LEASE_SECONDS=str(LEASE_SECONDS),
            RAMPLINE_STATE_SECONDS="1",
            RAMPLINE_SCRATCH_DIR=str(directory / "scratch"),
            RAY_AUTH_MODE="token",
            RAY_AUTH_TOKEN_PATH=str(directory / "ray-token"),
        )
        # Nodes get the address and the token of the service from the fleet, and from nowhere else.
        self._on_nodes = {
            name: value
            for name, value in self.environment.items()
            if not name.startswith("RAMPLINE_") or name in ("RAMPLINE_STATE_SECONDS", "RAMPLINE_SCRATCH_DIR")
        }
        self._on_nodes["RAMPLINE_DATA_DIR"] = str(data)
        ready = answers_at(f"{url}/api/v1/health/ready")
        logs = directory / "logs"
        self.service = Part(
            "service", [*RAMPLINE, "serve"], environment=self.environment, log=logs / "service.log", answers=ready
        )
        fleet = [*RAMPLINE, "fleet", *self._where, "--max-workers", "2", "--runs-per-worker", "6"]
        configuration = directory / "autoscaling.yaml" if autoscaled else None
        if configuration is not None:
            configuration.write_text(yaml.safe_dump(autoscaling(self._ray)))
            fleet += ["--node-types", str(configuration)]
        fleet += ["--idle-seconds", str(IDLE_SECONDS), "--look-seconds", "1", "--device", "cpu", "--lanes", str(LANES)]
        self.fleet = Part("fleet", fleet, environment=self.environment, log=logs / "fleet.log")
        self.machines: dict[str, Machine] = {}
        self.head = self._machine("head", gpus=0, configuration=configuration)
        self.store = Store(Settings(data_dir=data).database)
        self.client = Client(url, (directory / "admin").read_text())
        self._data = data

    @property
    def _where(self) -> list[str]:
        return ["--address", f"127.0.0.1:{self._ray}", "--name", NAME]

    def start(self, *names: str) -> None:
        """Start the service, the head, machines with one GPU each, and the fleet."""
        self.service.start()
        self.head.start()
        self.wait_until(self.service.answers, "the service answers")
        self.wait_until(lambda: "Ray runtime started" in self.head.part.log.read_text(), "the head is there")
        for name in names:
            self.add(name)
        self.fleet.start()

    def add(self, name: str) -> Machine:
        """Switch on a machine with one GPU."""
        machine = self._machine(name, gpus=1)
        machine.start()
        return machine

    def stop(self) -> dict[int, str]:
        """End everything; returns what is left of it."""
        self.fleet.ask_to_end()
        self.fleet.wait()
        for machine in self.machines.values():
            machine.kill()
        self.service.ask_to_end()
        self.service.wait()
        self.client.close()
        self.store.close()
        return wait_until_gone(self._data)

    def wait_until(self, condition: Callable[[], object], what: str, seconds: float = WAIT_SECONDS) -> float:
        """Wait, starting again what has ended by itself; returns how many seconds it took.

        Raises:
            TimeoutError: it did not become so.
        """
        began = time.monotonic()
        while not condition():
            if time.monotonic() > began + seconds:
                raise TimeoutError(f"waited {seconds:.0f} s in vain until {what}")
            for part in (self.service, self.fleet, *(machine.part for machine in self.machines.values())):
                if part.wanted and not part.alive:
                    part.start()
            time.sleep(0.05)
        return time.monotonic() - began

    def command(self, *arguments: str) -> str:
        """What `rampline fleet ...` prints."""
        return answer([*RAMPLINE, "fleet", arguments[0], *self._where, *arguments[1:]], self.environment)

    def status(self) -> dict[str, Any]:
        """What `rampline fleet status --json` says."""
        found: dict[str, Any] = json.loads(self.command("status", "--json"))
        return found

    @property
    def workers(self) -> list[int]:
        """The processes of all workers on all machines."""
        return [pid for machine in self.machines.values() for pid in machine.workers]

    def _machine(self, name: str, *, gpus: int, configuration: Path | None = None) -> Machine:
        machine = Machine(
            name,
            self.directory,
            port=self._ray,
            gpus=gpus,
            head=name == "head",
            environment=self._on_nodes,
            autoscaling=configuration,
        )
        self.machines[name] = machine
        return machine
