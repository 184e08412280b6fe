"""A real server in a thread of the test's process, spoken to over HTTP."""

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI

from service.api.app import create_app
from service.api.dependencies import Parts
from service.client import Client
from service.connections import ConnectionLimits
from service.domain import access
from service.server import configuration
from service.settings import Settings
from service.store.engine import Store
from service.token_key import TokenKey
from service.wire.protocol import Claim, Hello, Lease, Outcome, Report
from service.wire.tokens import Role
from tests.integration.harness import LEASE_SECONDS, library, news, value_of

USUAL = ConnectionLimits()
UNHURRIED = {"rate": 0, "worker_rate": 0, "stranger_rate": 0}  # a fast machine asks more often than a person
TOKENS = {name: f"{name}-{'x' * 40}" for name in ("admin", "member", "viewer", "worker", "stranger")}


@dataclass(frozen=True)
class Serving:
    """A running server, and clients of every role, made when first used; `stranger` is a member of another team."""

    url: str
    app: FastAPI
    _stack: ExitStack
    _clients: dict[str, Client] = field(default_factory=dict)
    _https: dict[str | None, httpx.Client] = field(default_factory=dict)

    @property
    def parts(self) -> Parts:
        """The parts of the server."""
        parts: Parts = self.app.state.parts
        return parts

    def __getitem__(self, name: str) -> Client:
        """The client of one role."""
        if name not in self._clients:
            self._clients[name] = self._stack.enter_context(Client(self.url, TOKENS[name]))
        return self._clients[name]

    def http(self, name: str | None = "member") -> httpx.Client:
        """A plain HTTP client, for requests that the typed one cannot make."""
        if name not in self._https:
            headers = {"Authorization": f"Bearer {TOKENS[name]}"} if name else {}
            opened = httpx.Client(base_url=f"{self.url}/api/v1", headers=headers, timeout=30)
            self._https[name] = self._stack.enter_context(opened)
        return self._https[name]

    def train(self, *, lanes: int = 4) -> int:
        """Play a worker until the queue is empty; returns how many runs it finished."""
        worker = self["worker"]
        worker_id = worker.register(hello(lanes)).worker_id
        count = 0
        while leases := worker.claim(Claim(worker_id=worker_id, lanes=lanes)).leases:
            worker.report(finished(worker_id, leases))
            count += len(leases)
        return count


@contextmanager
def running(
    database_url: str, optuna_url: str, directory: Path, limits: ConnectionLimits = USUAL, **settings: Any
) -> Iterator[Serving]:
    """A server on a migrated database."""
    library(directory)
    given = Settings(
        data_dir=directory,
        database_url=database_url,
        optuna_url=optuna_url,
        **{"lease_seconds": LEASE_SECONDS, "log_level": "warning", **UNHURRIED, **settings},
    )
    _make_tokens(database_url, TokenKey.of(given))
    app = create_app(given)
    server = uvicorn.Server(configuration(app, given, limits))
    with ExitStack() as stack, socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        try:
            yield Serving(url, app, stack)
        finally:
            app.state.parts.stop_waiting()
            server.should_exit = True
            thread.join(30)
            assert not thread.is_alive()


def hello(lanes: int = 4) -> Hello:
    """A worker's introduction."""
    return Hello(name="host:1", device="cpu", device_name="a CPU", lanes=lanes, version="0")


def finished(worker_id: int, leases: list[Lease]) -> Report:
    """The report that runs have completed."""
    done = [news(lease, Outcome(state="completed", value=value_of(lease))) for lease in leases]
    return Report(worker_id=worker_id, updates_per_second=10.0, runs=done)


def _make_tokens(database_url: str, key: TokenKey) -> None:
    store = Store(database_url)
    roles: dict[str, tuple[str, Role]] = {
        "admin": ("red", "admin"),
        "member": ("red", "member"),
        "viewer": ("red", "viewer"),
        "stranger": ("blue", "member"),
    }
    with store.write() as session:
        for name, (team, role) in roles.items():
            user = access.ensure_user(session, access.ensure_team(session, team), name)
            access.ensure_token(session, key, TOKENS[name], role, name, user)
        access.ensure_token(session, key, TOKENS["worker"], "worker", "worker")
    store.close()
