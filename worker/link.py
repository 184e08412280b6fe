"""The worker's line to the service: the calls of `service.wire.protocol` over HTTP."""

from typing import TypeVar

import httpx

from service.wire.base import Record
from service.wire.calls import Calls, NoAnswerError
from service.wire.placement import FleetOrders, FleetReport
from service.wire.problem import Problem
from service.wire.protocol import Claim, Granted, Hello, Orders, Release, Report, Welcome
from service.wire.retries import CALL_SECONDS, TEXT_SECONDS, Deadline, asked_wait
from service.wire.versions import HEADER, NEWEST, spoken, told

Answer = TypeVar("Answer", bound=Record)


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

    It is made in the newest version of the protocol that this worker and the service speak, as far as the last answer
    told; a call that may have been refused for its version is made once more in the right one. So service processes of
    two releases may answer in turn while they are upgraded.

    Raises (every method):
        UnreachableError: no answer in time, a server error, or an answer that means nothing.
        RefusedError: the service refused the call.
    """

    def __init__(self, url: str, token: str | None) -> None:
        super().__init__(url, token)
        self._version = NEWEST

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
        self._call("POST", "/leases/release", release)

    def report_fleet(self, report: FleetReport) -> FleetOrders:
        """Say what a fleet could obtain; learn what the queue needs."""
        return self._post("/fleets", report, FleetOrders)

    def corpus(self, digest: str) -> bytes:
        """The text with this sha256, not yet verified."""
        return self._call("GET", f"/corpora/{digest}/content", seconds=TEXT_SECONDS).content

    def _post(self, path: str, body: Record, answer: type[Answer], *, seconds: float = CALL_SECONDS) -> Answer:
        response = self._call("POST", path, body, seconds=seconds)
        try:
            return answer.model_validate_json(response.content, extra="ignore")
        except ValueError as error:
            raise UnreachableError(f"an answer that means nothing: is {self.url} Rampline? {error}") from error

    def _call(
        self, method: str, path: str, body: Record | None = None, *, seconds: float = CALL_SECONDS
    ) -> httpx.Response:
        version, deadline = self._version, Deadline(seconds)
        response = self._say(version, method, path, body, seconds)
        if response.status_code in _REFUSALS_OF_A_VERSION and self._version != version:
            response = self._say(self._version, method, path, body, deadline.left())
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

    def _say(self, version: int, method: str, path: str, body: Record | None, seconds: float) -> httpx.Response:
        """Call in a version, and note which one the answer asks for."""
        content = None if body is None else spoken(body, version)
        try:
            response = self.send(method, path, content=content, headers={HEADER: str(version)}, seconds=seconds)
        except NoAnswerError as error:
            raise UnreachableError(str(error)) from error
        if HEADER in response.headers or response.is_success or response.status_code in _REFUSALS_OF_A_VERSION:
            self._version = told(response.headers.get(HEADER))
        return response


# By a service that does not know the version of a call (409), or that knows only what it finds in it (422).
_REFUSALS_OF_A_VERSION = (409, 422)
