"""What runs cost is charged once, to the right team, and never more than there was time."""

from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from service.client import ApiError
from service.domain import leases as holding
from service.domain import spending, sweeps, usage, workers
from service.domain.access import Principal
from service.domain.fairness import USUAL
from service.store import clock
from service.store.tables import Attempt, TeamUsage, Usage, Worker
from service.wire.protocol import Claim, Held, Lease, Report, RunReport
from service.wire.shares import UsageKey
from tests.integration.harness import GRID, Harness
from tests.integration.serving import Serving, finished, hello

LONG_AGO = timedelta(hours=1)


def cost(lease: Lease, seconds: float, joules: float | None = None, **fields: Any) -> RunReport:
    return RunReport(run_id=lease.run_id, fence=lease.fence, step=1, device_seconds=seconds, joules=joules, **fields)


def working(harness: Harness, lanes: int = 4, *, device: str = "cuda:0") -> int:
    """A worker that registered an hour ago."""
    worker = harness.worker(lanes)
    with harness.store.write() as session:
        values = {"registered_at": clock.now(session) - LONG_AGO, "device": device}
        session.execute(update(Worker).where(Worker.id == worker).values(values))
    return worker


def charged(harness: Harness, sweep: int) -> list[tuple[float, float | None]]:
    return [(run.device_seconds, run.joules) for run in harness.runs(sweep) if run.device_seconds]


def used(harness: Harness, by: UsageKey = "team") -> list[tuple[float, float, float | None]]:
    with harness.store.read() as session:
        found = spending.listing(session, harness.principal, by, None, None)
    assert found.device_seconds == pytest.approx(sum(row.device_seconds for row in found.rows))
    return [(row.device_seconds, row.gpu_seconds, row.joules) for row in found.rows]


def test_a_report_that_comes_twice_or_late_is_charged_once(harness: Harness) -> None:
    sweep, worker = harness.submit(), working(harness)
    first, second = harness.claim(worker, 2)
    for seconds in (10.0, 10.0, 4.0, 25.0):
        harness.report(worker, cost(first, seconds, 2 * seconds), cost(second, 5.0))
        if seconds == 10.0:
            with harness.store.write() as session:  # the answer was lost, and the worker waited a while
                session.execute(update(Worker).values(charged_at=clock.now(session) - LONG_AGO))
    assert charged(harness, sweep) == [(25.0, 50.0), (5.0, None)]
    assert used(harness) == [(30.0, 30.0, 50.0)]
    with harness.store.read() as session:
        (sum_of_parts,) = session.scalars(select(TeamUsage.month_seconds))
        assert sum_of_parts == 30.0
        (shown,) = sweeps.views(session, [sweep], None)
        assert (shown.device_seconds, shown.joules) == (30.0, 50.0)


def test_a_worker_is_charged_at_most_for_the_time_since_its_last_charge(harness: Harness) -> None:
    sweep, worker = harness.submit(), working(harness)
    first, second = harness.claim(worker, 2)
    harness.report(worker, cost(first, 1e9, 4e9), cost(second, 3e9))
    (one, joules), (other, _) = charged(harness, sweep)
    assert one + other == pytest.approx(LONG_AGO.total_seconds(), rel=0.1)
    assert other == pytest.approx(3 * one)
    assert joules == pytest.approx(4 * one)
    harness.report(worker, cost(first, 1e9), cost(second, 3e9))
    assert sum(seconds for seconds, _ in charged(harness, sweep)) < LONG_AGO.total_seconds() + 60


def test_every_attempt_has_its_own_cost_and_the_run_their_sum(harness: Harness) -> None:
    sweep, worker, other = harness.submit(), working(harness), working(harness, device="cpu")
    (lease,) = harness.claim(worker, 1)
    harness.report(worker, cost(lease, 10.0))
    with harness.store.write() as session:
        holding.release(session, worker, [Held(run_id=lease.run_id, fence=lease.fence)])
    (again,) = harness.claim(other, 1)
    assert again.run_id == lease.run_id
    harness.report(other, cost(again, 4.0))
    assert charged(harness, sweep) == [(14.0, None)]
    harness.finish(other, [again])
    with harness.store.read() as session:
        costs = session.scalars(select(Attempt.device_seconds).order_by(Attempt.number)).all()
    assert costs == [10.0, 4.0]
    assert used(harness) == [(14.0, 10.0, None)]


def test_a_stale_fence_is_charged_nothing(harness: Harness) -> None:
    sweep, worker, other = harness.submit(), working(harness), working(harness)
    leases = harness.claim(worker, 8)
    harness.expire()
    harness.claim(other, 8)
    harness.report(worker, cost(leases[0], 10.0))
    assert charged(harness, sweep) == []


def test_a_cancelled_run_pays_until_its_worker_has_heard_of_it(harness: Harness) -> None:
    sweep, worker = harness.submit(), working(harness)
    (lease,) = harness.claim(worker, 1)
    harness.report(worker, cost(lease, 10.0))
    with harness.store.write() as session:
        sweeps.cancel(session, harness.principal, sweep)
        session.execute(update(Worker).values(charged_at=clock.now(session) - LONG_AGO))
    (answer,) = harness.report(worker, cost(lease, 12.0))
    assert answer.command == "stop"
    assert charged(harness, sweep) == [(12.0, None)]
    with harness.store.read() as session:
        assert session.scalars(select(Attempt.device_seconds)).all() == [12.0]


def test_usage_counts_half_after_a_half_life_and_a_month_by_itself(harness: Harness) -> None:
    harness.submit()
    worker = working(harness)
    (lease,) = harness.claim(worker, 1)
    harness.report(worker, cost(lease, 100.0))
    with harness.store.read() as session:
        now = clock.now(session)
        later = now + USUAL.half_life
        after = usage.of_teams(session, later, USUAL.half_life)[harness.principal.team_id or 0]
        assert after.decayed == pytest.approx(50, rel=1e-3)
        next_year = usage.of_teams(session, now + timedelta(days=366), USUAL.half_life)
        assert next_year[harness.principal.team_id or 0].month_seconds == 0
    with harness.store.write() as session:
        session.execute(update(TeamUsage).values(at=now - USUAL.half_life, month=TeamUsage.month - 1))
        session.execute(update(Worker).values(charged_at=now - LONG_AGO))
    harness.report(worker, cost(lease, 110.0))
    with harness.store.read() as session:
        found = usage.of_teams(session, clock.now(session), USUAL.half_life)[harness.principal.team_id or 0]
    assert found.decayed == pytest.approx(60, rel=1e-3)
    assert found.month_seconds == pytest.approx(10)


def test_usage_is_told_by_team_user_and_sweep_and_day(harness: Harness) -> None:
    first, second = harness.submit(), harness.submit()
    worker = working(harness, 16)
    leases = harness.claim(worker, 9)
    harness.report(worker, *(cost(lease, 3.0) for lease in leases))
    with harness.store.write() as session:
        today = clock.now(session).date()
        session.execute(update(Usage).where(Usage.sweep_id == second).values(day=date(2020, 2, 29)))
        everyone = Principal(0, "admin", "root", 1, None)
        stranger = Principal(0, "member", "eve", 1, 999)
        at_all = spending.listing(session, everyone, "sweep", date(2020, 1, 1), None)
        then = spending.listing(session, everyone, "user", date(2020, 2, 29), date(2020, 2, 29))
        assert spending.listing(session, stranger, "team", date(2020, 1, 1), None).rows == []
    assert at_all.last == today
    assert [(row.sweep_id, row.sweep, row.device_seconds) for row in at_all.rows] == [
        (first, "grid", 24.0),
        (second, "grid", 3.0),
    ]
    assert [(row.team, row.user, row.sweep_id, row.device_seconds) for row in then.rows] == [("red", "ada", None, 3.0)]
    assert used(harness, "sweep") == [(24.0, 24.0, None)]


def test_a_worker_shows_how_much_of_its_time_its_device_trained(harness: Harness) -> None:
    harness.submit()
    worker = working(harness)
    (lease,) = harness.claim(worker, 1)
    harness.report(worker, cost(lease, 900.0))
    with harness.store.write() as session:
        workers.seen(session, worker)
        (shown,) = workers.listing(session, 60)
    assert shown.utilisation == pytest.approx(0.25, rel=0.05)


def test_costs_are_shown_over_http_to_the_team_alone(serving: Serving) -> None:
    sweep = serving["member"].submit(GRID).id
    worker = serving["worker"]
    worker_id = worker.register(hello()).worker_id
    with serving.parts.store.write() as session:
        session.execute(update(Worker).values(registered_at=clock.now(session) - LONG_AGO))
    leases = worker.claim(Claim(worker_id=worker_id, lanes=2)).leases
    report = finished(worker_id, leases)
    runs = [run.model_copy(update={"device_seconds": 6.0, "joules": 18.0}) for run in report.runs]
    worker.report(Report(worker_id=worker_id, updates_per_second=1, runs=runs))
    view = serving["viewer"].sweep(sweep)
    assert (view.device_seconds, view.joules) == (12.0, 36.0)
    trial = serving["viewer"].trial(sweep, leases[0].trial)
    assert trial.device_seconds == 6.0
    assert trial.runs[0].attempts[0].device_seconds == 6.0
    (row,) = serving["viewer"].usage(by="user").rows
    assert (row.team, row.user, row.device_seconds, row.joules) == ("red", "member", 12.0, 36.0)
    assert serving["stranger"].usage().rows == []
    with pytest.raises(ApiError, match="give an earlier day"):
        serving["viewer"].usage(first=date(2026, 2, 1), last=date(2026, 1, 1))


@pytest.mark.parametrize("backend", ["sqlite"])
@pytest.mark.parametrize(("path", "field"), [("/usage", "from"), ("/usage", "to"), ("/audit", "since")])
@pytest.mark.parametrize("given", ["0", "-1.1e-13", "1767225600", "yesterday"])
def test_a_number_is_no_date(serving: Serving, path: str, field: str, given: str) -> None:
    answer = serving.http().get(path, params={field: given})
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert (error["field"].endswith(field), error["remedy"]) == (True, "write it as 2026-01-31")
    assert serving.http().get(path, params={field: "2026-01-31"}).is_success
