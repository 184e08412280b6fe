"""The worker's line to the service: the calls of `service.wire.protocol` over HTTP."""

from typing import TypeVar

import httpx

from service.wire.base import Wire
from service.wire.calls import Calls, NoAnswerError
from service.wire.problem import Problem
from service.wire.protocol import Claim, Granted, Hello, Orders, Release, Report, Welcome
from service.wire.retries import CALL_SECONDS, TEXT_SECONDS, asked_wait

Answer = TypeVar("Answer", bound=Wire)


class UnreachableError(Exception):
    """The service did not answer, or not as a healthy service does: try again later, in `wait` seconds at the least."""

    def __init__(self, reason: str, *, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.wait = wait


class RefusedError(Exception):
    """The service understood and said no; the same call would be refused again."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(f"{problem.title}: {problem.detail}")
        self.problem = problem

    @property
    def of_worker(self) -> bool:
        """Whether it is the worker that is refused (its token), and not what it asked for."""
        return self.problem.status in (401, 403)


class Link(Calls):
    """One connection pool to the service. Every call has a deadline, makes one try, and raises what came of it.

    Raises (every method):
        UnreachableError: no answer in time, a server error, or an answer that means nothing.
        RefusedError: the service refused the call.
    """

    def register(self, hello: Hello) -> Welcome:
        """Introduce this worker."""
        return self._post("/workers", hello, Welcome)

    def claim(self, claim: Claim) -> Granted:
        """Ask for runs; the server holds the answer for up to `claim.wait_seconds` when it has none."""
        return self._post("/leases/claim", claim, Granted, seconds=CALL_SECONDS + claim.wait_seconds)

    def report(self, report: Report) -> Orders:
        """Tell all lanes' news and renew their leases."""
        return self._post("/leases/report", report, Orders)

    def release(self, release: Release) -> None:
        """Give runs back."""
        self._call("POST", "/leases/release", content=release.model_dump_json())

    def corpus(self, digest: str) -> bytes:
        """The text with this sha256, not yet verified."""
        return self._call("GET", f"/corpora/{digest}/content", seconds=TEXT_SECONDS).content

    def _post(self, path: str, body: Wire, answer: type[Answer], *, seconds: float = CALL_SECONDS) -> Answer:
        response = self._call("POST", path, content=body.model_dump_json(), seconds=seconds)
        try:
            return answer.model_validate_json(response.content)
        except ValueError as error:
            raise UnreachableError(f"an answer that means nothing: is {self.url} Rampline? {error}") from error

    def _call(
        self, method: str, path: str, *, content: str | None = None, seconds: float = CALL_SECONDS
    ) -> httpx.Response:
        try:
            response = self.send(method, path, content=content, seconds=seconds)
        except NoAnswerError as error:
            raise UnreachableError(str(error)) from error
        if response.is_success:
            return response
        if response.status_code >= 500 or response.status_code == 429:
            wait = asked_wait(response.headers)
            raise UnreachableError(f"the service answered {response.status_code}", wait=wait)
        try:
            problem = Problem.model_validate_json(response.content)
        except ValueError as error:
            raise UnreachableError(f"{response.status_code} without a problem document: is this Rampline?") from error
        raise RefusedError(problem)
