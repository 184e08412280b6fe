"""What one server process counts and times since it started. What all processes share is read from the database."""

import os
import time
from collections import Counter as Tally
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, PlatformCollector, ProcessCollector
from prometheus_client.multiprocess import MultiProcessCollector
from sqlalchemy import Engine, ExceptionContext, event, inspect
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from service.store.tables import ENDED_RUN_STATES, Run

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 40.0)
_STATEMENTS = frozenset({"select", "insert", "update", "delete"})
_OF_THE_REQUEST = (DataError, IntegrityError)


class Meters:
    """The meters of one server process, in a registry of their own.

    Where several processes serve one port, they count into files (PROMETHEUS_MULTIPROC_DIR), and the registry has what
    all of them have counted: a scrape reaches any of them.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        shared = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
        self._own = self.registry if shared is None else CollectorRegistry()
        if shared is None:
            ProcessCollector(registry=self.registry)
            PlatformCollector(registry=self.registry)
        else:
            add_up(self.registry, shared)
        self.requests = self._histogram(
            "rampline_request_seconds", "Requests by route, until the last byte.", "method", "route", "status"
        )
        self.claims = self._histogram(
            "rampline_claim_seconds", "Looks into the queue for a claim, without its waiting for work.", "result"
        )
        self.reports = self._histogram("rampline_report_seconds", "Taking in a worker's report.")
        self.statements = self._histogram("rampline_database_seconds", "Statements at the database.", "statement")
        self.database_errors = Counter(
            "rampline_database_errors", "Statements and connections that failed (this process).", registry=self._own
        )
        self.runs_ended = Counter(
            "rampline_runs_ended",
            "Runs that ended by a report; not those cancelled with their sweep (this process).",
            ["outcome"],
            registry=self._own,
        )
        self.event_streams = Gauge(
            "rampline_event_streams",
            "Open streams of events (this process).",
            registry=self._own,
            multiprocess_mode="livesum",
        )
        for outcome in ENDED_RUN_STATES:
            self.runs_ended.labels(outcome)
        for result in ("granted", "empty"):
            self.claims.labels(result)

    def _histogram(self, name: str, help_text: str, *labels: str) -> Histogram:
        return Histogram(name, f"{help_text[:-1]} (this process).", labels, registry=self._own, buckets=_SECONDS)

    def watch(self, engine: Engine, sessions: "sessionmaker[Session]") -> None:
        """Time the statements of an engine, and count the runs that end in what its sessions commit."""
        _Statements(self).listen(engine)
        _Endings(self.runs_ended).listen(sessions)


def add_up(registry: CollectorRegistry, directory: str) -> None:
    """Let a registry show the sums of what several processes count into the files of a directory."""
    MultiProcessCollector(registry, directory)  # type: ignore[no-untyped-call]  # as the library has it


class _Statements:
    def __init__(self, meters: Meters) -> None:
        self._meters = meters

    def listen(self, engine: Engine) -> None:
        event.listen(engine, "before_cursor_execute", self._begin)
        event.listen(engine, "after_cursor_execute", self._end)
        event.listen(engine, "handle_error", self._fail)

    @staticmethod
    def _begin(connection: Connection, _cursor: Any, _statement: str, _given: Any, _context: Any, _many: bool) -> None:
        connection.info["rampline_began"] = time.perf_counter()

    def _end(
        self, connection: Connection, _cursor: Any, statement: str, _given: Any, _context: Any, _many: bool
    ) -> None:
        verb = statement.partition(" ")[0].lower()
        seconds = time.perf_counter() - connection.info["rampline_began"]
        self._meters.statements.labels(verb if verb in _STATEMENTS else "other").observe(seconds)

    def _fail(self, context: ExceptionContext) -> None:
        if not isinstance(context.sqlalchemy_exception, _OF_THE_REQUEST):
            self._meters.database_errors.inc()


class _Endings:
    """Counts at the commit, so that what was rolled back counts for nothing."""

    def __init__(self, counter: Counter) -> None:
        self._counter = counter

    def listen(self, sessions: "sessionmaker[Session]") -> None:
        event.listen(sessions, "before_flush", self._note)
        event.listen(sessions, "after_commit", self._count)
        event.listen(sessions, "after_rollback", self._forget)

    @staticmethod
    def _note(session: Session, _context: Any, _instances: Any) -> None:
        ended = session.info.setdefault("rampline_ended", Tally())
        for run in session.dirty:
            if isinstance(run, Run) and run.state in ENDED_RUN_STATES and inspect(run).attrs.state.history.added:
                ended[run.state] += 1

    def _count(self, session: Session) -> None:
        for outcome, runs in session.info.pop("rampline_ended", Tally()).items():
            self._counter.labels(outcome).inc(runs)

    @staticmethod
    def _forget(session: Session) -> None:
        session.info.pop("rampline_ended", None)
