"""The Python client: one method for each call of the service."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from types import TracebackType
from typing import Any, BinaryIO, Literal, Self, TypeVar
from urllib.parse import quote

import httpx
from pydantic import TypeAdapter, ValidationError

from service.following import SILENCE_SECONDS, BrokenError, follow
from service.wire.audit import AuditPage
from service.wire.base import Record
from service.wire.calls import Calls, NoAnswerError
from service.wire.events import Event
from service.wire.lifecycle import Change, Extension
from service.wire.placement import FleetOrders, FleetReport
from service.wire.problem import Problem
from service.wire.protocol import Claim, Granted, Hello, Orders, Release, Report, Welcome
from service.wire.retries import TEXT_SECONDS, asked_wait
from service.wire.shares import ShareSpec, ShareView, UsageKey, UsageView
from service.wire.sweep import SweepSpec
from service.wire.teams import TeamPage, TeamView, UserPage, UserView
from service.wire.tokens import NewToken, Role, TokenPage, TokenView
from service.wire.versions import HEADER, NEWEST, spoken
from service.wire.views import (
    Best,
    CorpusView,
    Family,
    Health,
    QueueView,
    RunDetail,
    SchedulePreview,
    SweepPage,
    SweepPreview,
    SweepView,
    TrialPage,
    TrialView,
    WorkerView,
)

Answer = TypeVar("Answer")
Spec = SweepSpec | Mapping[str, Any]

_SPEAKING = {HEADER: str(NEWEST)}


class ApiError(Exception):
    """The service refused a call; `problem` says why, and `str()` says it to people, a line for each field."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        fields = [f"  {error.field}: {error.problem}; {error.remedy}" for error in problem.errors]
        super().__init__("\n".join([f"{problem.title}: {problem.detail}" if not fields else problem.title, *fields]))


class ServiceUnreachableError(Exception):
    """Nothing answered, or something that is not Rampline."""


class Client:
    """A connection to a service, for example `Client("http://127.0.0.1:8000", token)`; also a context manager.

    Every call makes one try and has a deadline, `timeout` seconds for all of it; one that is refused because there were
    too many is made again when the service says, if that is before the deadline.

    Raises AddressError: `url` is not an HTTP address. Raises (every method):
        ApiError: the service refused the call.
        ServiceUnreachableError: it did not answer in time.
    """

    def __init__(self, url: str, token: str | None, *, timeout: float = 30.0) -> None:
        self._calls = Calls(url, token, seconds=timeout)
        self.url = self._calls.url
        self._timeout = timeout

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._calls.close()

    def token_for(self, url: str) -> str | None:
        """The token for an address of this same service; no other is to see it."""
        return self._calls.token_for(url)

    def submit(self, spec: Spec, *, idempotency_key: str | None = None) -> SweepView:
        """Queue a sweep; repeated with the same key, the same sweep is returned."""
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key is not None else {}
        return self._post("/sweeps", _body(spec), SweepView, headers=headers)

    def preview(self, spec: Spec) -> SweepPreview:
        """What a sweep would be; queues nothing."""
        return self._post("/sweeps/preview", _body(spec), SweepPreview)

    def sweep(self, sweep_id: int) -> SweepView:
        """One sweep with its progress."""
        return self._get(f"/sweeps/{sweep_id}", SweepView)

    def sweeps(self, *, cursor: int | None = None, limit: int = 50, state: str | None = None) -> SweepPage:
        """Sweeps, newest first."""
        return self._get("/sweeps", SweepPage, cursor=cursor, limit=limit, state=state)

    def trials(self, sweep_id: int, *, cursor: int | None = None, limit: int = 200) -> TrialPage:
        """Trials of a sweep in the order of their numbers."""
        return self._get(f"/sweeps/{sweep_id}/trials", TrialPage, cursor=cursor, limit=limit)

    def all_trials(self, sweep_id: int) -> list[TrialView]:
        """Every trial of a sweep, page by page."""
        page = self.trials(sweep_id, limit=1000)
        found = page.items
        while page.next_cursor is not None:
            page = self.trials(sweep_id, cursor=page.next_cursor, limit=1000)
            found = [*found, *page.items]
        return found

    def trial(self, sweep_id: int, number: int) -> TrialView:
        """One trial."""
        return self._get(f"/sweeps/{sweep_id}/trials/{number}", TrialView)

    def run(self, run_id: int) -> RunDetail:
        """One run and what it trains."""
        return self._get(f"/runs/{run_id}", RunDetail)

    def best(self, sweep_id: int) -> Best:
        """The best trial, its ties, and the code that reproduces it."""
        return self._get(f"/sweeps/{sweep_id}/best", Best)

    def cancel(self, sweep_id: int) -> SweepView:
        """End a sweep now."""
        return self._post(f"/sweeps/{sweep_id}/cancel", None, SweepView)

    def pause(self, sweep_id: int) -> SweepView:
        """Let nothing of a sweep be trained until it is resumed."""
        return self._post(f"/sweeps/{sweep_id}/pause", None, SweepView)

    def resume(self, sweep_id: int) -> SweepView:
        """Let a paused sweep go on where it was."""
        return self._post(f"/sweeps/{sweep_id}/resume", None, SweepView)

    def retry(self, sweep_id: int) -> SweepView:
        """Try a sweep's failed runs again."""
        return self._post(f"/sweeps/{sweep_id}/retry", None, SweepView)

    def extend(self, sweep_id: int, extension: Extension | Mapping[str, Any]) -> SweepView:
        """Have more of a sweep: `{"trials": 48}`, `{"total_steps": 600}`, `{"space": {"peak_lr": [0.1]}}`."""
        return self._post(f"/sweeps/{sweep_id}/extend", _body(extension), SweepView)

    def prioritise(self, sweep_id: int, priority: int) -> SweepView:
        """Give a sweep another priority."""
        body = Change(priority=priority).model_dump_json()
        return self._understood(SweepView, self._send("PATCH", f"/sweeps/{sweep_id}", content=body).content)

    def clone(
        self, sweep_id: int, changes: Mapping[str, Any] | None = None, *, idempotency_key: str | None = None
    ) -> SweepView:
        """Queue a copy of a sweep with some fields changed: `{"trials": 48, "space.peak_lr": [0.001, 0.01]}`."""
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key is not None else {}
        body = TypeAdapter(dict[str, Any]).dump_json({"set": dict(changes or {})}).decode()
        return self._post(f"/sweeps/{sweep_id}/clone", body, SweepView, headers=headers)

    def events(self, sweep_id: int, *, last_event_id: str | None = None) -> Iterator[Event]:
        """What happens to a sweep until it ends; with the id of an event, what came after it.

        When the connection breaks it is made again, and nothing is missed or told twice but the latest progress.
        """

        @contextmanager
        def opened(after: str | None) -> Iterator[httpx.Response]:
            headers = {"Last-Event-ID": after} if after is not None else {}
            path = f"/sweeps/{sweep_id}/events"
            try:
                with self._calls.stream(path, headers=headers, silence=SILENCE_SECONDS) as response:
                    if not response.is_success:
                        response.read()
                        refusal = self._refusal(response)
                        wait = asked_wait(response.headers)
                        if not response.is_server_error and not wait:
                            raise refusal
                        raise BrokenError(str(refusal), wait=wait) from refusal
                    yield response
            except NoAnswerError as error:
                raise BrokenError(str(error)) from error

        try:
            yield from follow(opened, last_event_id)
        except BrokenError as error:
            if isinstance(error.__cause__, ApiError):
                raise error.__cause__ from None
            raise ServiceUnreachableError(f"no answer from {self.url} ({error}); is the service running?") from error

    def schedules(self) -> list[Family]:
        """The schedule families."""
        return self._get("/schedules", list[Family])

    def preview_schedule(self, schedule: Mapping[str, Any]) -> SchedulePreview:
        """One schedule's curve, peak and findings."""
        return self._post("/schedules/preview", json.dumps(dict(schedule)), SchedulePreview)

    def draw_schedule(self, schedule: Mapping[str, Any], file_format: Literal["png", "svg"]) -> bytes:
        """One schedule's curve as a picture."""
        return self._send(
            "POST", f"/schedules/preview?format={file_format}", content=json.dumps(dict(schedule))
        ).content

    def corpora(self) -> list[CorpusView]:
        """The texts that sweeps may train on."""
        return self._get("/corpora", list[CorpusView])

    def upload_corpus(self, name: str, text: bytes | BinaryIO) -> CorpusView:
        """Upload a text in UTF-8; sweeps of your team then name it `upload:NAME`. Repeating it changes nothing."""
        headers = {"Content-Type": "text/plain"}
        answered = self._send(
            "POST", "/corpora", params={"name": name}, content=text, headers=headers, seconds=TEXT_SECONDS
        )
        return self._understood(CorpusView, answered.content)

    def workers(self) -> list[WorkerView]:
        """Workers of the last hour."""
        return self._get("/workers", list[WorkerView])

    def queue(self) -> QueueView:
        """What waits."""
        return self._get("/queue", QueueView)

    def usage(self, *, by: UsageKey = "team", first: date | None = None, last: date | None = None) -> UsageView:
        """What was used from one day to another; in this month, if they are left out."""
        return self._get("/usage", UsageView, by=by, to=last, **{"from": first})

    def shares(self) -> list[ShareView]:
        """What teams may, have and wait for."""
        return self._get("/shares", list[ShareView])

    def grant(self, team: str, share: ShareSpec) -> None:
        """Set a team's weight and quotas."""
        self._send("PUT", f"/teams/{quote(team, safe='')}/share", content=share.model_dump_json())

    def whoami(self) -> TokenView:
        """The token of this client."""
        return self._get("/whoami", TokenView)

    def teams(self, *, name: str | None = None, cursor: int | None = None) -> TeamPage:
        """Teams in the order in which they were made, or the one of a name. For admins."""
        return self._get("/teams", TeamPage, name=name, cursor=cursor)

    def create_team(self, name: str) -> TeamView:
        """Make a team. For admins."""
        return self._post("/teams", json.dumps({"name": name}), TeamView)

    def change_team(self, team_id: int, *, disabled: bool) -> TeamView:
        """Disable or enable a team. For admins."""
        return self._post(f"/teams/{team_id}", json.dumps({"disabled": disabled}), TeamView, method="PATCH")

    def users(self, *, team: str | None = None, name: str | None = None, cursor: int | None = None) -> UserPage:
        """Users in the order in which they were made, of a team or of a name. For admins."""
        return self._get("/users", UserPage, team=team, name=name, cursor=cursor)

    def create_user(self, team: str, name: str) -> UserView:
        """Make a user of a team. For admins."""
        return self._post("/users", json.dumps({"team": team, "name": name}), UserView)

    def change_user(self, user_id: int, *, name: str | None = None, disabled: bool | None = None) -> UserView:
        """Rename, disable or enable a user. For admins."""
        change = json.dumps({"name": name, "disabled": disabled})
        return self._post(f"/users/{user_id}", change, UserView, method="PATCH")

    def tokens(
        self,
        *,
        team: str | None = None,
        user: str | None = None,
        everything: bool = False,
        cursor: int | None = None,
    ) -> TokenPage:
        """Your tokens, newest first; an admin's are all. `everything`: also those that are revoked or expired."""
        return self._get("/tokens", TokenPage, team=team, user=user, everything=everything, cursor=cursor)

    def create_token(
        self,
        role: Role,
        name: str,
        *,
        team: str | None = None,
        user: str | None = None,
        lifetime_seconds: int | None = None,
    ) -> NewToken:
        """Make a token, which is answered this once: a worker's, or one of a team's user. For admins."""
        order = {"role": role, "name": name, "team": team, "user": user, "lifetime_seconds": lifetime_seconds}
        return self._post("/tokens", json.dumps(order), NewToken)

    def revoke_token(self, token_id: int) -> TokenView:
        """Have a token refused from now on."""
        return self._post(f"/tokens/{token_id}/revoke", None, TokenView)

    def rotate_token(self, token_id: int, *, grace_seconds: int = 0, lifetime_seconds: int | None = None) -> NewToken:
        """Replace a token by a new one, which is answered this once; the old one is accepted for the grace only."""
        order = {"grace_seconds": grace_seconds, "lifetime_seconds": lifetime_seconds}
        return self._post(f"/tokens/{token_id}/rotate", json.dumps(order), NewToken)

    def audit(
        self,
        *,
        team: str | None = None,
        user: str | None = None,
        sweep: int | None = None,
        kind: str | None = None,
        since: str | None = None,
        until: str | None = None,
        cursor: int | None = None,
        limit: int = 100,
    ) -> AuditPage:
        """Who changed what, newest first; times are of ISO 8601."""
        wanted = {"team": team, "user": user, "sweep": sweep, "kind": kind, "since": since, "until": until}
        return self._get("/audit", AuditPage, cursor=cursor, limit=limit, **wanted)

    def ready(self) -> Health:
        """Whether the service can do its work; an unready one is an answer here, no error."""
        return self._understood(Health, self._request("GET", "/health/ready").content)

    def register(self, hello: Hello) -> Welcome:
        """Introduce a worker."""
        return self._post("/workers", spoken(hello, NEWEST), Welcome, headers=_SPEAKING)

    def report_fleet(self, report: FleetReport) -> FleetOrders:
        """Say what a fleet could obtain; learn what the queue needs."""
        return self._post("/fleets", report.model_dump_json(), FleetOrders)

    def claim(self, claim: Claim) -> Granted:
        """Take runs."""
        seconds = self._timeout + claim.wait_seconds
        return self._post("/leases/claim", spoken(claim, NEWEST), Granted, headers=_SPEAKING, seconds=seconds)

    def report(self, report: Report) -> Orders:
        """Report on runs."""
        return self._post("/leases/report", spoken(report, NEWEST), Orders, headers=_SPEAKING)

    def release(self, release: Release) -> None:
        """Give runs back."""
        self._send("POST", "/leases/release", content=spoken(release, NEWEST), headers=_SPEAKING)

    def corpus(self, digest: str) -> bytes:
        """The bytes of a text."""
        return self._send("GET", f"/corpora/{digest}/content", seconds=TEXT_SECONDS).content

    def _get(self, path: str, answer: type[Answer], **query: object) -> Answer:
        given = {name: str(value) for name, value in query.items() if value is not None}
        return self._understood(answer, self._send("GET", path, params=given).content)

    def _post(
        self, path: str, body: str | None, answer: type[Answer], *, method: str = "POST", **options: Any
    ) -> Answer:
        return self._understood(answer, self._send(method, path, content=body, **options).content)

    def _understood(self, answer: type[Answer], content: bytes) -> Answer:
        try:
            return TypeAdapter(answer).validate_json(content, extra="ignore")
        except ValidationError as error:
            reason = f"{self.url} answered something else; is this Rampline, of this version? {error}"
            raise ServiceUnreachableError(reason) from error

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        response = self._request(method, path, **options)
        if response.is_success:
            return response
        raise self._refusal(response)

    def _refusal(self, response: httpx.Response) -> ApiError | ServiceUnreachableError:
        try:
            return ApiError(Problem.model_validate_json(response.content))
        except ValueError:
            reason = f"{self.url} answered {response.status_code} without a problem document; is this Rampline?"
            return ServiceUnreachableError(reason)

    def _request(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            return self._calls.patient(method, path, **options)
        except NoAnswerError as error:
            raise ServiceUnreachableError(f"no answer from {self.url} ({error}); is the service running?") from error


def _body(spec: Spec | Extension) -> str:
    if isinstance(spec, Record):
        return spec.model_dump_json(by_alias=True)
    return TypeAdapter(dict[str, Any]).dump_json(dict(spec)).decode()
