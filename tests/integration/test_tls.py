"""HTTPS by configuration, a loud warning without it, headers for browsers, and tokens that are compared as digests."""

import hashlib
import logging
import os
import ssl
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from sqlalchemy import event

from service.client import Client
from service.errors import StartupError
from service.server import serve, warn_if_open
from service.settings import Settings
from tests.integration.serving import TOKENS, Serving
from tests.integration.test_serve import _SERVE

CERTIFICATE = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A self-signed certificate for this machine, and its key."""
    directory = tmp_path_factory.mktemp("tls")
    cert, key = directory / "cert.pem", directory / "key.pem"
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    subprocess.run([*CERTIFICATE, *subject, "-keyout", key, "-out", cert], check=True, capture_output=True)
    return cert, key


def test_with_a_certificate_https_alone_is_served(tmp_path: Path, certificate: tuple[Path, Path]) -> None:
    cert, key = certificate
    environment = {**os.environ, "RAMPLINE_DATA_DIR": str(tmp_path), "RAMPLINE_PORT": "0"}
    environment |= {"RAMPLINE_TLS_CERT": str(cert), "RAMPLINE_TLS_KEY": str(key)}
    with subprocess.Popen([sys.executable, "-c", _SERVE], env=environment, stdout=subprocess.PIPE, text=True) as served:
        try:
            assert served.stdout is not None
            url = served.stdout.readline().strip()
            assert url.startswith("https://127.0.0.1:")
            trusted = ssl.create_default_context(cafile=str(cert))
            assert httpx.get(f"{url}/api/v1/health/live", verify=trusted, timeout=60).status_code == 200
            with pytest.raises(httpx.ConnectError, match="certificate"):
                httpx.get(f"{url}/api/v1/health/live")
            with pytest.raises(httpx.TransportError):
                httpx.get(url.replace("https:", "http:"))
        finally:
            served.kill()


def test_a_certificate_that_cannot_be_used_is_said_in_one_line(tmp_path: Path, certificate: tuple[Path, Path]) -> None:
    cert, key = certificate
    with pytest.raises(StartupError, match="needs both"):
        serve(Settings(data_dir=tmp_path, port=0, tls_cert=cert))
    for wrong_cert, wrong_key in ((key, cert), (tmp_path / "missing", key)):
        with pytest.raises(StartupError, match="no certificate and its key in PEM") as refused:
            serve(Settings(data_dir=tmp_path, port=0, tls_cert=wrong_cert, tls_key=wrong_key))
        assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("host", "warned"), [("127.0.0.1", 0), ("localhost", 0), ("::1", 0), ("0.0.0.0", 1), ("::", 1), ("10.0.0.1", 1)]
)
def test_plain_http_beyond_this_machine_is_warned_of_loudly(
    host: str, warned: int, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        warn_if_open(Settings(host=host))
        warn_if_open(Settings(host=host, tls_cert=Path("cert"), tls_key=Path("key")))
    assert [record.message.startswith("INSECURE") for record in caplog.records] == [True] * warned


@pytest.mark.parametrize("backend", ["sqlite"])
def test_browsers_are_told_to_show_and_no_more(serving: Serving) -> None:
    for path, script in (("/docs", "'unsafe-inline'"), ("/api/v1/sweeps", None), ("/openapi.json", None)):
        headers = httpx.get(f"{serving.url}{path}").headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Referrer-Policy"] == "no-referrer"
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "http" not in policy, "nothing is loaded from elsewhere"
        assert ("script-src" in policy) == (script is not None)
    answered = serving.http().post("/sweeps", json={"name": "<script>alert(1)</script>"})
    assert answered.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("backend", ["sqlite"])
def test_the_database_compares_digests_never_tokens(serving: Serving) -> None:
    """How long a comparison takes tells of a digest, from which nobody can guess a token."""
    asked: list[str] = []
    engine = serving.parts.store.engine
    event.listen(engine, "before_cursor_execute", lambda *given: asked.append(f"{given[2]} {given[3]}"))
    wrong = TOKENS["member"][:-1] + "y"
    with Client(serving.url, wrong) as client:
        assert client._request("GET", "/sweeps").status_code == 401
    serving["member"].sweeps()
    assert any(serving.parts.token_key.digest(wrong) in statement for statement in asked)
    assert not [statement for statement in asked if wrong[:20] in statement or TOKENS["member"][:20] in statement]
    plain = hashlib.sha256(wrong.encode()).hexdigest()
    assert serving.parts.token_key.digest(wrong) == serving.parts.token_key.wrap(plain) != plain


@pytest.mark.parametrize("backend", ["sqlite"])
def test_a_token_that_no_header_can_hold_is_refused_as_any_other(serving: Serving) -> None:
    for token in ("x" * 60_000, "é" * 40, "' OR 1=1 --"):
        headers = {b"Authorization": f"Bearer {token}".encode()}
        answered = httpx.get(f"{serving.url}/api/v1/sweeps", headers=headers)
        assert (answered.status_code, token[:10] in answered.text) == (401, False)
