"""The server process: database upgraded, first tokens known, port bound, and only then ready."""

import contextlib
import errno
import fcntl
import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

import uvicorn
from prometheus_client import start_http_server
from sqlalchemy import make_url
from sqlalchemy.exc import SQLAlchemyError

from service import logs
from service.api.app import create_app
from service.api.dependencies import Parts
from service.domain import access
from service.domain.access import Role
from service.errors import StartupError
from service.settings import Settings
from service.store import migrate
from service.store.engine import Store

_GRACE_SECONDS = 5


def serve(settings: Settings, on_bound: Callable[[str], None] | None = None) -> None:
    """Serve until SIGTERM or SIGINT. `on_bound` is called with the address once it is certain that it is ours.

    Raises:
        StartupError: a directory cannot be written, the database cannot be used, a token file cannot be read, or the
            port is taken; its message is one line that says what to do.
    """
    logs.configure(settings.log_format, settings.log_level)
    prepare(settings)
    with _alone(settings), _bind(settings.host, settings.port) as listener:
        app = create_app(settings)
        if on_bound is not None:
            on_bound(f"http://{settings.host}:{listener.getsockname()[1]}")
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            log_level=settings.log_level,
            timeout_graceful_shutdown=_GRACE_SECONDS,
            server_header=False,
        )
        server = _Server(config, app.state.parts)
        with _showing_metrics(settings, app.state.parts), contextlib.suppress(_SignalledError), _signals_raise():
            server.run(sockets=[listener])


def prepare(settings: Settings) -> None:
    """Make the directories, bring the database to this version's schema, and make the bootstrap tokens known.

    Raises:
        StartupError: as `serve`.
    """
    try:
        for directory in (settings.data_dir, settings.artifacts, settings.corpora):
            directory.mkdir(parents=True, exist_ok=True)
            if not os.access(directory, os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(directory))
    except OSError as error:
        raise StartupError(
            f"the directory {error.filename} cannot be written ({error.strerror}); set RAMPLINE_DATA_DIR to another"
        ) from error
    migrate.upgrade(settings.database)
    tokens: list[tuple[Path | None, Role]] = [
        (settings.admin_token_file, "admin"),
        (settings.worker_token_file, "worker"),
    ]
    store = Store(settings.database)
    try:
        with store.exclusive("bootstrap"), store.write() as session:
            team = access.ensure_team(session, access.DEFAULT_TEAM)
            admin = access.ensure_user(session, team, "admin")
            for path, role in tokens:
                if path is not None:
                    user = admin if role == "admin" else None
                    access.ensure_token(session, _read_token(path), role, f"{role} of {path.name}", user)
    except SQLAlchemyError as error:
        raise StartupError(f"the database cannot be written: {str(error).splitlines()[0]}") from error
    finally:
        store.close()


class _SignalledError(BaseException):
    pass


@contextlib.contextmanager
def _signals_raise() -> Iterator[None]:
    """Let SIGTERM and SIGINT raise an exception.

    Uvicorn raises the signal that ended it once more when it has ended; without this, that would kill the process.
    """

    def handle(_signal: int, _frame: FrameType | None) -> None:
        raise _SignalledError

    earlier = {name: signal.signal(name, handle) for name in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for name, handler in earlier.items():
            signal.signal(name, handler)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, parts: Parts) -> None:
        super().__init__(config)
        self._parts = parts

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Let go first of what would hold up the end for as long as it waits."""
        self._parts.stop_waiting()
        super().handle_exit(sig, frame)


@contextlib.contextmanager
def _showing_metrics(settings: Settings, parts: Parts) -> Iterator[None]:
    """Listen for scrapes at an address of their own, if one was given."""
    if settings.metrics_listen is None:
        yield
        return
    host, _, port = settings.metrics_listen.rpartition(":")
    try:
        server, thread = start_http_server(int(port), host.strip("[]"), parts.meters.registry)
    except (OSError, OverflowError) as error:
        raise StartupError(
            f"cannot show metrics at {settings.metrics_listen} ({error}); set RAMPLINE_METRICS_LISTEN to a free "
            "address:port, or unset it and scrape /api/v1/metrics with a token"
        ) from error
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextlib.contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """Refuse to be the second process on one SQLite database: what they keep in memory would disagree."""
    url = make_url(settings.database)
    if url.get_backend_name() != "sqlite" or url.database is None:
        yield
        return
    with Path(f"{url.database}.serve-lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StartupError(
                f"another service uses {url.database}; stop it, or set RAMPLINE_DATABASE_URL to a PostgreSQL database, "
                "which several can share"
            ) from error
        yield


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        remedy = "stop what listens there, or set RAMPLINE_PORT to another port"
        raise StartupError(f"cannot listen on {host}:{port} ({error.strerror}); {remedy}") from error


def _read_token(path: Path) -> str:
    try:
        token = path.read_text().strip()
    except OSError as error:
        raise StartupError(f"the token file {path} cannot be read ({error.strerror})") from error
    if len(token) < access.LEAST_TOKEN_LENGTH:
        least = access.LEAST_TOKEN_LENGTH
        raise StartupError(
            f"the token in {path} is shorter than {least} characters; use for example: openssl rand -hex 32"
        )
    return token
