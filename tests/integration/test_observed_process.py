"""A server process as an operator watches it: its log in JSON, its metrics at an address of their own, its traces."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from service.errors import StartupError
from service.server import serve
from service.settings import Settings
from service.wire.tokens import mint
from tests.acceptance.running import free_port

_SERVE = """
from service.server import serve
from service.settings import Settings
serve(Settings(), on_bound=lambda url: print(url, flush=True))
"""


@contextmanager
def collecting() -> Iterator[tuple[str, list[Span]]]:
    """A collector of traces: its address and what it has received."""
    spans: list[Span] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path == "/v1/traces" and self.headers.get("Content-Encoding") is None:
                request = ExportTraceServiceRequest.FromString(body)
                spans.extend(
                    span for one in request.resource_spans for scope in one.scope_spans for span in scope.spans
                )
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", spans
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_process_tells_what_it_does(tmp_path: Path) -> None:
    token, port = mint("admin"), free_port()
    (tmp_path / "admin").write_text(token)
    environment = os.environ | {
        "RAMPLINE_DATA_DIR": str(tmp_path / "data"),
        "RAMPLINE_PORT": "0",
        "RAMPLINE_ADMIN_TOKEN_FILE": str(tmp_path / "admin"),
        "RAMPLINE_LOG_FORMAT": "json",
        "RAMPLINE_METRICS_LISTEN": f"127.0.0.1:{port}",
        "OTEL_SERVICE_NAME": "rampline",
    }
    with collecting() as (collector, spans):
        process = subprocess.Popen(
            [sys.executable, "-c", _SERVE],
            env=environment | {"OTEL_EXPORTER_OTLP_ENDPOINT": collector},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            headers = {"Authorization": f"Bearer {token}", "X-Request-ID": "look-1"}
            assert httpx.get(f"{url}/api/v1/queue", headers=headers, timeout=60).status_code == 200
            shown = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=30).text
        finally:
            process.send_signal(signal.SIGTERM)
            _, errors = process.communicate(timeout=60)
    assert process.returncode == 0
    assert 'rampline_request_seconds_count{method="GET",route="/queue",status="200"} 1.0' in shown
    lines = [json.loads(line) for line in errors.splitlines()]
    assert all(line["action"] for line in lines)
    (served,) = [line for line in lines if line.get("request_id") == "look-1"]
    assert (served["action"], served["route"], served["status"]) == ("request.served", "/queue", 200)
    (request,) = [span for span in spans if span.name == "GET /api/v1/queue"]
    statements = [span for span in spans if span.trace_id == request.trace_id and span.name in ("SELECT", "WITH")]
    assert len(statements) >= 3
    assert token not in errors + shown + str(spans)


def test_an_address_that_is_taken_is_said_in_one_line(tmp_path: Path) -> None:
    with collecting() as (collector, _):
        taken = collector.removeprefix("http://")
        settings = Settings(data_dir=tmp_path, port=0, metrics_listen=taken)
        with pytest.raises(StartupError, match=r"cannot show metrics at .*RAMPLINE_METRICS_LISTEN") as refused:
            serve(settings)
    assert "\n" not in str(refused.value)
