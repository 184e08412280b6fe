"""Traces of requests, statements and calls by OpenTelemetry; off unless an OTLP endpoint is configured.

FastAPI traces requests and exports by itself. No released instrumentation of SQLAlchemy fits that version of the
interface, so statements are traced here, in two events.
"""

import logging
import os
from importlib import import_module
from typing import Any

from fastapi.telemetry import TelemetryConfig
from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode
from sqlalchemy import Connection, Engine, ExceptionContext, event

log = logging.getLogger(__name__)

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_tracer = trace.get_tracer("rampline")


def install(engine: Engine) -> TelemetryConfig:
    """What FastAPI is told of telemetry; if traces are to be sent, also trace an engine and this process's calls."""
    wanted = any(os.environ.get(name) for name in _ENDPOINTS) and os.environ.get("OTEL_SDK_DISABLED") != "true"
    if wanted:
        try:
            import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
            calls = import_module("opentelemetry.instrumentation.httpx").HTTPXClientInstrumentor()
        except ImportError as error:
            log.warning(
                "no traces are sent (%s); pip install 'rampline[otel]'", error, extra={"action": "traces.not_installed"}
            )
            wanted = False
        else:
            if not calls.is_instrumented_by_opentelemetry:
                calls.instrument()
            event.listen(engine, "before_cursor_execute", _begin)
            event.listen(engine, "after_cursor_execute", _end)
            event.listen(engine, "handle_error", _fail)
    # Our own log tells of exceptions, without what they say of their arguments.
    return {"auto_configure": wanted, "logs": False}


def _begin(connection: Connection, _cursor: Any, statement: str, _given: Any, context: Any, _many: bool) -> None:
    attributes = {"db.system.name": connection.dialect.name, "db.query.text": statement}
    context.span = _tracer.start_span(statement.partition(" ")[0], kind=SpanKind.CLIENT, attributes=attributes)


def _end(_connection: Connection, _cursor: Any, _statement: str, _given: Any, context: Any, _many: bool) -> None:
    context.span.end()


def _fail(failure: ExceptionContext) -> None:
    span = getattr(failure.execution_context, "span", None)
    if span is not None:
        span.set_status(StatusCode.ERROR, type(failure.original_exception).__name__)
        span.end()
