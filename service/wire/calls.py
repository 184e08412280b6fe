"""One call over HTTP, as worker and client make it: one try, with a deadline for all of it.

Only a refusal for asking too often (429) is no try: nothing was done, and the answer says when it will be.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, BinaryIO, Self

import httpx

from service.wire.retries import CALL_SECONDS, Deadline, asked_wait


class AddressError(ValueError):
    """An address that is none; the message says what one looks like."""


class NoAnswerError(Exception):
    """No complete answer before the deadline."""


class Calls:
    """A connection pool to one service. Safe to share between threads.

    `httpx` bounds each wait for bytes, which a server that drips them never exceeds; so the body is read in parts and
    the whole call has the deadline.

    Raises AddressError: `url` is not an HTTP address.
    """

    def __init__(self, url: str, token: str | None, *, seconds: float = CALL_SECONDS) -> None:
        self.url = checked(url)
        self._token = token
        self._seconds = seconds
        self._end: Deadline | None = None
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = httpx.Client(base_url=f"{self.url}/api/v1", headers=headers, timeout=seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def token_for(self, url: str) -> str | None:
        """The token for an address of this same service; no other is to see it."""
        ours, theirs = httpx.URL(self.url), httpx.URL(checked(url))
        same = (ours.scheme, ours.host, ours.port) == (theirs.scheme, theirs.host, theirs.port)
        return self._token if same else None

    def end_by(self, deadline: Deadline) -> None:
        """Let no call that begins from now on last beyond this moment."""
        self._end = deadline

    def send(
        self,
        method: str,
        path: str,
        *,
        content: str | bytes | BinaryIO | None = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        seconds: float | None = None,
    ) -> httpx.Response:
        """Call, and return the answer whatever its status; `seconds` is the deadline, if it is not the usual one.

        Raises NoAnswerError.
        """
        seconds = self._seconds if seconds is None else seconds
        if self._end is not None:
            seconds = min(seconds, self._end.left())
        deadline = Deadline(seconds)
        given = {**({"Content-Type": "application/json"} if content is not None else {}), **(headers or {})}
        request = self._http.build_request(
            method, path, content=content, params=params, headers=given, timeout=max(seconds, 0.001)
        )
        try:
            response = self._http.send(request, stream=True)
            try:
                body = self._read(response, deadline)
            finally:
                response.close()
        except (httpx.RequestError, httpx.InvalidURL) as error:
            raise NoAnswerError(str(error) or type(error).__name__) from error
        kept = {name: value for name, value in response.headers.items() if name not in _ENCODING}
        return httpx.Response(response.status_code, headers=kept, content=body, request=request)

    def patient(self, method: str, path: str, *, seconds: float | None = None, **given: Any) -> httpx.Response:
        """As `send`; while the answer is 429, wait as it asks and call again, if that is before the deadline.

        A body that is read from a file is sent once: it could not be sent again.
        """
        seconds = self._seconds if seconds is None else seconds
        deadline = Deadline(seconds)
        response = self.send(method, path, seconds=seconds, **given)
        while response.status_code == 429 and isinstance(given.get("content"), str | bytes | None):
            wait = max(asked_wait(response.headers), _LEAST_WAIT)
            if wait >= deadline.left():
                break
            time.sleep(wait)
            response = self.send(method, path, seconds=deadline.left(), **given)
        return response

    @contextmanager
    def stream(self, path: str, *, headers: Mapping[str, str], silence: float) -> Iterator[httpx.Response]:
        """Call for an answer that goes on; it may be silent for so many seconds between two parts of it.

        Raises NoAnswerError, also while it is read.
        """
        try:
            timeout = httpx.Timeout(self._seconds, read=silence)
            with self._http.stream("GET", path, headers=dict(headers), timeout=timeout) as response:
                yield response
        except (httpx.RequestError, httpx.InvalidURL) as error:
            raise NoAnswerError(str(error) or type(error).__name__) from error

    @staticmethod
    def _read(response: httpx.Response, deadline: Deadline) -> bytes:
        parts = []
        for part in response.iter_bytes():
            parts.append(part)
            if not deadline.left():
                raise httpx.ReadTimeout("the answer takes too long")
        return b"".join(parts)


_LEAST_WAIT = 0.1
_ENCODING = ("content-encoding", "content-length", "transfer-encoding")  # of bytes that have been decoded


def checked(url: str) -> str:
    """An address without its trailing slash.

    Raises AddressError: it is not an HTTP address.
    """
    try:
        parsed = httpx.URL(url.rstrip("/"))
    except httpx.InvalidURL as error:
        raise AddressError(f"{url!r} is not an address ({error}); give one such as http://127.0.0.1:8000") from error
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise AddressError(f"{url!r} is not an HTTP address; give one such as http://127.0.0.1:8000")
    return url.rstrip("/")
