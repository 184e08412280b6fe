"""The server as a process: what it says when it cannot start, and how it ends."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.client import Client
from service.domain import access
from service.errors import StartupError
from service.server import prepare, serve
from service.settings import Settings
from service.store.engine import Store
from service.token_key import TokenKey
from service.wire.protocol import Claim
from service.wire.tokens import Role, mint
from tests.integration.serving import hello

_START_SECONDS = 60.0
_SERVE = """
import sys
from service.errors import StartupError
from service.server import serve
from service.settings import Settings
try:
    serve(Settings(), on_bound=lambda url: print(url, flush=True))
except StartupError as error:
    sys.exit(f"error: {error}")
"""


@pytest.fixture
def tokens(tmp_path: Path) -> dict[str, str]:
    """Bootstrap tokens, and the environment that names their files."""
    roles: tuple[Role, ...] = ("admin", "worker")
    for role in roles:
        (tmp_path / role).write_text(mint(role))
    return {f"RAMPLINE_{role.upper()}_TOKEN_FILE": str(tmp_path / role) for role in roles}


@pytest.fixture
def process(tmp_path: Path, tokens: dict[str, str]) -> Iterator["subprocess.Popen[str]"]:
    """A running server."""
    environment = {**os.environ, **tokens, "RAMPLINE_DATA_DIR": str(tmp_path / "data"), "RAMPLINE_PORT": "0"}
    started = subprocess.Popen(
        [sys.executable, "-c", _SERVE], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    yield started
    started.kill()
    started.communicate()


def clients(process: "subprocess.Popen[str]", tokens: dict[str, str]) -> tuple[Client, Client]:
    """An admin's client and a worker's, once the server is ready."""
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    admin, worker = (
        Client(url, Path(tokens[f"RAMPLINE_{role}_TOKEN_FILE"]).read_text()) for role in ("ADMIN", "WORKER")
    )
    deadline = time.monotonic() + _START_SECONDS
    while admin.ready().status != "ok":
        assert time.monotonic() < deadline
    return admin, worker


def test_the_tokens_of_the_files_are_accepted_with_their_roles(process: Any, tokens: dict[str, str]) -> None:
    admin, worker = clients(process, tokens)
    with admin, worker:
        assert "noam" in {family.type for family in admin.schedules()}
        assert worker.register(hello()).report_seconds == 2
        assert admin.ready().checks == {"database": "ok"}


def test_sigterm_ends_the_server_at_once_although_a_claim_waits(process: Any, tokens: dict[str, str]) -> None:
    admin, worker = clients(process, tokens)
    with admin, worker:
        worker_id = worker.register(hello()).worker_id
        answers: list[Any] = []
        claim = Claim(worker_id=worker_id, lanes=1, wait_seconds=30)
        waiting = threading.Thread(target=lambda: answers.append(worker.claim(claim)))
        waiting.start()
        while not admin.workers():
            pass
        process.send_signal(signal.SIGTERM)
        assert process.wait(25) == 0
        waiting.join(5)
    assert [answer.leases for answer in answers] in ([[]], [])


def test_a_server_goes_on_with_the_data_that_it_finds(process: Any, tokens: dict[str, str], tmp_path: Path) -> None:
    admin, worker = clients(process, tokens)
    with admin, worker:
        (tmp_path / "data" / "corpora" / "text.txt").write_text("words " * 1000)
        space = {"schedule": ["constant"], "peak_lr": 0.1}
        spec = {"space": space, "sampler": {"type": "grid"}, "total_steps": 5, "data": {"corpus": "file:text.txt"}}
        sweep = admin.submit(spec)
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    settings = Settings(data_dir=tmp_path / "data")
    prepare(settings)
    store = Store(settings.database)
    with store.read() as session:
        assert access.authenticate(session, TokenKey.of(settings), (tmp_path / "admin").read_text()).role == "admin"
    assert sweep.progress.trials_total == 1
    store.close()


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port on which somebody else listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_a_taken_port_is_said_in_one_line(tmp_path: Path, taken_port: int) -> None:
    with pytest.raises(StartupError, match=f"cannot listen on 127.0.0.1:{taken_port} .*RAMPLINE_PORT") as refused:
        serve(Settings(data_dir=tmp_path, port=taken_port))
    assert "\n" not in str(refused.value)


def test_a_second_service_on_one_sqlite_database_is_refused(
    process: Any, tokens: dict[str, str], tmp_path: Path
) -> None:
    admin, worker = clients(process, tokens)
    with admin, worker, pytest.raises(StartupError, match=r"another service uses .*PostgreSQL"):
        serve(Settings(data_dir=tmp_path / "data", port=0))


def test_a_directory_that_cannot_be_written_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StartupError, match=r"cannot be written .*RAMPLINE_DATA_DIR") as refused:
        prepare(Settings(data_dir=tmp_path / "file"))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(("content", "words"), [(None, "cannot be read"), ("short", "shorter than 32")])
def test_a_bad_token_file_is_said_in_one_line(tmp_path: Path, content: str | None, words: str) -> None:
    if content is not None:
        (tmp_path / "token").write_text(content)
    with pytest.raises(StartupError, match=words):
        prepare(Settings(data_dir=tmp_path / "data", admin_token_file=tmp_path / "token"))


def test_a_service_without_its_schema_is_not_ready(tmp_path: Path, process: Any, tokens: dict[str, str]) -> None:
    admin, worker = clients(process, tokens)
    with admin, worker:
        store = Store(Settings(data_dir=tmp_path / "data").database)
        with store.engine.begin() as connection:
            connection.exec_driver_sql("UPDATE rampline_alembic_version SET version_num = 'older'")
        store.close()
        assert admin.ready().status == "unavailable"
        assert httpx.get(f"{admin.url}/api/v1/health/live").json() == {"status": "ok", "checks": {}}
