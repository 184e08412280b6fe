"""The worker's line to the service: the calls of `service.wire.protocol` over HTTP."""

import random
from types import TracebackType
from typing import Self, TypeVar

import httpx

from service.wire.base import Wire
from service.wire.problem import Problem
from service.wire.protocol import Claim, Granted, Hello, Orders, Release, Report, Welcome

Answer = TypeVar("Answer", bound=Wire)


class UnreachableError(Exception):
    """The service did not answer, or not as a healthy service does: try again later."""


class RefusedError(Exception):
    """The service understood and said no; the same call would be refused again."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(f"{problem.title}: {problem.detail}")
        self.problem = problem


class Backoff:
    """Waiting times in seconds that double up to a ceiling, each drawn from its upper half so that workers spread."""

    def __init__(self, first: float = 0.5, ceiling: float = 10.0) -> None:
        self._first = first
        self._ceiling = ceiling
        self._next = first

    def reset(self) -> None:
        """Start over, after a success."""
        self._next = self._first

    def wait(self) -> float:
        """How long to wait before the next try."""
        seconds = self._next
        self._next = min(self._ceiling, 2 * seconds)
        return random.uniform(seconds / 2, seconds)  # noqa: S311 - spreads retries, guards nothing


class Link:
    """One connection pool to the service. Every call has a deadline, makes one try, and raises what came of it.

    Raises (every method):
        UnreachableError: no answer in time, or a server error.
        RefusedError: the service refused the call.
    """

    def __init__(self, url: str, token: str, *, timeout: float = 20.0) -> None:
        self._timeout = timeout
        self._http = httpx.Client(
            base_url=f"{url.rstrip('/')}/api/v1", headers={"Authorization": f"Bearer {token}"}, timeout=timeout
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def register(self, hello: Hello) -> Welcome:
        """Introduce this worker."""
        return self._post("/workers", hello, Welcome)

    def claim(self, claim: Claim) -> Granted:
        """Ask for runs; the server holds the answer for up to `claim.wait_seconds` when it has none."""
        return self._post("/leases/claim", claim, Granted, extra_seconds=claim.wait_seconds)

    def report(self, report: Report) -> Orders:
        """Tell all lanes' news and renew their leases."""
        return self._post("/leases/report", report, Orders)

    def release(self, release: Release) -> None:
        """Give runs back."""
        self._send("POST", "/leases/release", content=release.model_dump_json())

    def corpus(self, digest: str) -> bytes:
        """The text with this sha256, not yet verified."""
        return self._send("GET", f"/corpora/{digest}/content", extra_seconds=60).content

    def _post(self, path: str, body: Wire, answer: type[Answer], *, extra_seconds: float = 0) -> Answer:
        response = self._send("POST", path, content=body.model_dump_json(), extra_seconds=extra_seconds)
        return answer.model_validate_json(response.content)

    def _send(self, method: str, path: str, *, content: str | None = None, extra_seconds: float = 0) -> httpx.Response:
        try:
            response = self._http.request(
                method,
                path,
                content=content,
                headers={"Content-Type": "application/json"} if content is not None else None,
                timeout=self._timeout + extra_seconds,
            )
        except httpx.TransportError as error:
            raise UnreachableError(f"{type(error).__name__}: {error}") from error
        if response.is_success:
            return response
        if response.status_code >= 500 or response.status_code == 429:
            raise UnreachableError(f"the service answered {response.status_code}")
        try:
            problem = Problem.model_validate_json(response.content)
        except ValueError as error:
            raise UnreachableError(f"{response.status_code} without a problem document: is this Rampline?") from error
        raise RefusedError(problem)
