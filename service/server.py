"""The server process: database upgraded, first tokens known, port bound, and only then ready."""

import contextlib
import errno
import fcntl
import gc
import ipaddress
import logging
import os
import signal
import socket
import ssl
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import FrameType

import uvicorn
from fastapi import FastAPI
from prometheus_client import CollectorRegistry, start_http_server
from sqlalchemy import make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from service import logs
from service.api.app import create_app
from service.api.dependencies import Parts
from service.connections import ConnectionLimits, limited
from service.domain import access, audit, keys
from service.errors import StartupError
from service.exposition import FactsCollector
from service.meters import add_up
from service.processes import keep_running
from service.settings import Settings
from service.store import migrate
from service.store.engine import Store
from service.token_key import TokenKey
from service.wire.tokens import Role

log = logging.getLogger(__name__)

_BACKLOG = 2048
_GRACE_SECONDS = 5
# A request gives the interpreter away at each of its twenty statements, and waits this long to have it back from each
# thread that computes; Python's own 5 ms would make that 100.
_SWITCH_SECONDS = 0.0001
# Objects between two collections of garbage, and the oldest are gone through every thousandth time: with Python's own
# 700, 10 and 10 a server at work stands still for 50 ms every three seconds.
_GARBAGE = 10_000, 20, 50
_END_SECONDS = 25.0  # for all that has to end; then the process does, whatever hangs


def serve(settings: Settings, on_bound: Callable[[str], None] | None = None) -> None:
    """Serve until SIGTERM or SIGINT. `on_bound` is called with the address once it is certain that it is ours.

    With `settings.processes` of more than one, as many processes serve on the one port, and this one looks after them.

    Raises:
        StartupError: a directory cannot be written, the database cannot be used (by several processes), a token file or
            the key of the tokens cannot be read or is not the database's, or the port is taken; its message is one line
            that says what to do.
    """
    logs.configure(settings.log_format, settings.log_level)
    scheme = "http" if _tls(settings) is None else "https"
    warn_if_open(settings)
    prepare(settings)
    with _alone(settings), ExitStack() as stack:
        listeners = [stack.enter_context(listener) for listener in _bind(settings)]
        if on_bound is not None:
            on_bound(f"{scheme}://{settings.host}:{listeners[0].getsockname()[1]}")
        if settings.processes == 1:
            serve_on(settings, listeners[0])
            return
        counts = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rampline-metrics-")))
        store = Store(settings.database)
        stack.callback(store.close)
        registry = CollectorRegistry()
        add_up(registry, str(counts))
        registry.register(FactsCollector(store, settings.lease_seconds, tracked=settings.mlflow_url is not None))
        with _showing_metrics(settings, registry):
            keep_running(settings.model_copy(update={"metrics_listen": None}), listeners, counts)


def serve_on(settings: Settings, listener: socket.socket) -> None:
    """Serve in this process on a socket that listens, until SIGTERM or SIGINT; the database is prepared."""
    sys.setswitchinterval(_SWITCH_SECONDS)
    app, context = create_app(settings), _tls(settings)
    gc.collect()
    gc.freeze()  # to go through all that was imported takes a tenth of a second, for which every request waits
    gc.set_threshold(*_GARBAGE)
    config = configuration(app, settings, ConnectionLimits(connections=settings.connections), context)
    parts: Parts = app.state.parts
    server = _Server(config, parts)
    with _showing_metrics(settings, parts.meters.registry), contextlib.suppress(_SignalledError), _signals_raise():
        server.run(sockets=[listener])


def configuration(
    app: FastAPI, settings: Settings, limits: ConnectionLimits, context: ssl.SSLContext | None = None
) -> uvicorn.Config:
    """How an application is served."""
    return uvicorn.Config(
        app,
        http=limited(limits),
        ws="none",
        ssl_context_factory=(lambda _config, _default: context) if context is not None else None,
        # Anybody can send X-Forwarded-For; only a proxy of ours says where a request really comes from.
        proxy_headers=settings.trusted_proxies is not None,
        forwarded_allow_ips=settings.trusted_proxies,
        log_config=None,
        access_log=False,
        log_level=settings.log_level,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        server_header=False,
    )


def warn_if_open(settings: Settings) -> None:
    """Say loudly that tokens travel in clear, if they do so beyond this machine."""
    if settings.tls_cert is None and not _is_loopback(settings.host):
        log.warning(
            "INSECURE: %s can be reached from other machines and serves plain HTTP, so whoever sees the network's "
            "traffic reads every token. Set RAMPLINE_TLS_CERT and RAMPLINE_TLS_KEY, or listen on 127.0.0.1 behind a "
            "proxy that speaks TLS.",
            settings.host,
            extra={"action": "service.insecure"},
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _tls(settings: Settings) -> ssl.SSLContext | None:
    """What HTTPS is served with, if a certificate is configured."""
    if settings.tls_cert is None and settings.tls_key is None:
        return None
    if settings.tls_cert is None or settings.tls_key is None:
        raise StartupError("TLS needs both RAMPLINE_TLS_CERT and RAMPLINE_TLS_KEY; one of them is missing")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(settings.tls_cert, settings.tls_key, password="")
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        files = f"{settings.tls_cert} and {settings.tls_key}"
        raise StartupError(f"{files} are no certificate and its key in PEM, without password ({error})") from error
    return context


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
    key = TokenKey.of(settings)
    tokens: list[tuple[Path | None, Role]] = [
        (settings.admin_token_file, "admin"),
        (settings.worker_token_file, "worker"),
    ]
    store = Store(settings.database)
    try:
        with store.exclusive("bootstrap"), store.write() as session:
            keys.wrap_plain(session, key)
            demand_own_key(session, key, settings)
            team = access.ensure_team(session, access.DEFAULT_TEAM)
            admin = access.ensure_user(session, team, "admin")
            for path, role in tokens:
                if path is not None:
                    user = admin if role == "admin" else None
                    new = access.ensure_token(session, key, _read_token(path), role, f"{role} of {path.name}", user)
                    if new is not None:
                        audit.record(session, "token.created", token=new.id, role=role, name=new.name)
    except SQLAlchemyError as error:
        raise StartupError(f"the database cannot be written: {str(error).splitlines()[0]}") from error
    finally:
        store.close()


def demand_own_key(session: Session, key: TokenKey, settings: Settings) -> None:
    """Raise StartupError if tokens are in use that this key cannot verify: half of the requests would be refused."""
    foreign = keys.count_foreign(session, key)
    if foreign:
        raise StartupError(
            f"{foreign} tokens in the database were made with another key than that in {settings.token_key}; copy the "
            "file from the host that made them (RAMPLINE_TOKEN_KEY_FILE), or if it is lost, run "
            "`rampline db forget-tokens`, which revokes them, and make new ones"
        )


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
        last = threading.Timer(_END_SECONDS, os._exit, [1])
        last.daemon = True
        last.start()
        self._parts.stop_waiting()
        super().handle_exit(sig, frame)


@contextlib.contextmanager
def _showing_metrics(settings: Settings, registry: CollectorRegistry) -> Iterator[None]:
    """Listen for scrapes at an address of their own, if one was given."""
    if settings.metrics_listen is None:
        yield
        return
    host, _, port = settings.metrics_listen.rpartition(":")
    try:
        server, thread = start_http_server(int(port), host.strip("[]"), registry)
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
    if settings.processes > 1:
        raise StartupError(
            f"{settings.processes} server processes cannot share {url.database}; set RAMPLINE_DATABASE_URL to a "
            "PostgreSQL database, or RAMPLINE_PROCESSES to 1"
        )
    with Path(f"{url.database}.serve-lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StartupError(
                f"another service uses {url.database}; stop it, or set RAMPLINE_DATABASE_URL to a PostgreSQL database, "
                "which several can share"
            ) from error
        yield


def _bind(settings: Settings) -> list[socket.socket]:
    """A listening socket for each server process, all on one port."""
    host, port = settings.host, settings.port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        alone = socket.create_server((host, port), family=family, backlog=_BACKLOG)
        if settings.processes == 1:
            return [alone]
        # Sockets that share a port would share it with another service too, and nobody would be told.
        port = alone.getsockname()[1]
        alone.close()
        return [
            socket.create_server((host, port), family=family, backlog=_BACKLOG, reuse_port=True)
            for _ in range(settings.processes)
        ]
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
