"""Teams share the lanes: who is next at a claim, who gives way, and what quotas stop."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, select, update

from service.client import ApiError
from service.domain import leases as holding
from service.domain import overview, preemption, queue, shares, sweeps, usage
from service.domain.fairness import Policy
from service.preemption import Preemption
from service.store import clock
from service.store.tables import Attempt, Event, Run, TeamUsage
from service.wire.protocol import Claim, Held, Lease, RunReport
from service.wire.shares import ShareSpec
from tests.integration.harness import GRID, LEASE_SECONDS, RANDOM, Harness
from tests.integration.serving import Serving

BIG: dict[str, Any] = GRID | {"space": GRID["space"] | {"peak_lr": [index / 1000 for index in range(1, 21)]}}
WIDE = {"model": {"d_model": 128}}


def grant(harness: Harness, team: str, **spec: Any) -> None:
    with harness.store.write() as session:
        shares.grant(session, harness.principal, team, ShareSpec(**spec))


def spend(harness: Harness, team: Harness, seconds: float) -> None:
    """Let a team have used so many device-seconds."""
    with harness.store.write() as session:
        now = clock.now(session)
        month = usage.month_of(now)
        given = {"decayed": seconds, "at": now, "month": month, "month_seconds": seconds}
        session.merge(TeamUsage(team_id=team.principal.team_id, part=0, **given))


def teams_of(leases: list[Lease]) -> Counter[str]:
    return Counter(lease.team for lease in leases)


def seat(harness: Harness, worker: int, leases: list[Lease]) -> list[str]:
    """Report that each of them has a lane; returns the answers."""
    reports = [RunReport(run_id=one.run_id, fence=one.fence, step=1, lane_share=1.0) for one in leases]
    return [answer.command for answer in harness.report(worker, *reports)]


def give_way(harness: Harness, *, after: timedelta = timedelta(0)) -> list[int]:
    with harness.store.write() as session:
        return preemption.give_way(session, Policy(least=after), LEASE_SECONDS)


def test_free_lanes_go_to_teams_by_their_weights(harness: Harness) -> None:
    blue = harness.joined_by("blue")
    grant(harness, "blue", weight=3)
    harness.submit(BIG)
    blue.submit(BIG)
    worker = harness.worker(16)
    assert teams_of(harness.claim(worker, 16)) == {"red": 4, "blue": 12}
    assert [lease.team for _ in range(4) for lease in harness.claim(harness.worker(), 1)].count("red") == 1


def test_priorities_count_within_a_team_only(harness: Harness) -> None:
    blue = harness.joined_by("blue")
    harness.submit(BIG, priority=1000)
    first, urgent = blue.submit(BIG), blue.submit(BIG, priority=1)
    leases = harness.claim(harness.worker(), 8)
    assert teams_of(leases) == {"red": 4, "blue": 4}
    assert {lease.sweep_id for lease in leases if lease.team == "blue"} == {urgent}
    assert first not in {lease.sweep_id for lease in leases}


def test_who_has_used_less_is_next_and_what_a_team_lacks_goes_to_others(harness: Harness) -> None:
    blue = harness.joined_by("blue")
    spend(harness, harness, 1e6)
    harness.submit(BIG)
    blue.submit()
    assert teams_of(harness.claim(harness.worker(), 1)) == {"blue": 1}
    assert teams_of(harness.claim(harness.worker(), 30)) == {"red": 23, "blue": 7}


def test_one_claim_gives_runs_of_one_shape_whoever_they_belong_to(harness: Harness) -> None:
    blue, green = harness.joined_by("blue"), harness.joined_by("green")
    harness.submit(BIG)
    blue.submit(**WIDE)
    green.submit()
    spend(harness, blue, 1e5)
    worker = harness.worker()
    first = harness.claim(worker, 6)
    assert teams_of(first) == {"red": 3, "green": 3}
    assert teams_of(harness.claim(worker, 6, shape=first[0].shape)) == {"red": 3, "green": 3}
    assert teams_of(harness.claim(harness.worker(), 6)) == {"blue": 6}


def test_claimers_at_the_same_time_share_the_queues_of_several_teams_and_no_run(harness: Harness) -> None:
    for name in ("red", "blue", "green"):
        harness.joined_by(name).submit()
    workers = [harness.worker() for _ in range(4)]

    def claim_all(worker: int) -> list[Lease]:
        return [lease for _ in range(8) for lease in harness.claim(worker, 4)]

    with ThreadPoolExecutor(4) as threads:
        leases = [lease for taken in threads.map(claim_all, workers) for lease in taken]
    assert len(leases) == len({lease.run_id for lease in leases}) == 24
    assert {lease.fence for lease in leases} == {1}


def test_a_claim_is_as_many_statements_whether_two_teams_wait_or_six(harness: Harness) -> None:
    counts = []
    for names in (("blue",), ("green", "grey", "pink", "black")):
        for name in names:
            harness.joined_by(name).submit()
        harness.submit()
        statements: list[str] = []
        worker = harness.worker(6)
        event.listen(harness.store.engine, "before_cursor_execute", lambda *given, to=statements: to.append(given[2]))
        with harness.store.write() as session:
            assert len(queue.claim(session, Claim(worker_id=worker, lanes=6), LEASE_SECONDS).leases) == 6
        counts.append(len(statements))
    assert counts[1] <= counts[0], statements


def test_samplers_are_asked_for_the_teams_that_are_next(harness: Harness) -> None:
    blue = harness.joined_by("blue")
    learning = harness.submit(RANDOM, trials=30)
    blue.submit(BIG)
    assert teams_of(harness.claim(harness.worker(), 8)) == {"red": 4, "blue": 4}
    assert harness.sweep(learning).trials_made == 4


def test_a_lane_quota_is_never_passed_by_siblings_either(harness: Harness) -> None:
    blue = harness.joined_by("blue")
    grant(harness, "red", lanes=3)
    sweep = harness.submit(BIG)
    blue.submit()
    first, second = harness.worker(), harness.worker()
    theirs = teams_of(harness.claim(first, 2, siblings=64))
    assert theirs["red"] == 1
    assert teams_of(harness.claim(second, 20, siblings=64)) == {"red": 2, "blue": 8 - theirs["blue"]}
    assert harness.claim(second, 4) == []
    with harness.store.read() as session:
        (waiting, *_) = overview.of_queue(session, harness.principal, 50).sweeps
        (view,) = sweeps.views(session, [sweep], None)
    assert waiting.waits_for == view.waits_for == "team red has all of its 3 lanes"


def test_a_team_without_hours_waits_for_the_next_month_and_says_so(harness: Harness) -> None:
    blue = harness.joined_by("blue")
    grant(harness, "red", hours=2)
    sweep, other = harness.submit(BIG), blue.submit(BIG)
    worker = harness.worker()
    mine = [lease for lease in harness.claim(worker, 4) if lease.team == "red"]
    spend(harness, harness, 7200)
    assert teams_of(harness.claim(worker, 4)) == {"blue": 4}
    with harness.store.read() as session:
        now = clock.now(session)
        view, free = sweeps.views(session, [sweep, other], None)
    assert free.waits_for is None
    assert view.waits_for is not None
    assert view.waits_for.startswith(f"team red has used its 2 device-hours of {now:%B}; they are counted anew from ")
    assert view.waits_for.endswith("-01 on")
    assert give_way(harness) == [lease.run_id for lease in mine]
    assert set(seat(harness, worker, mine)) == {"park"}
    with harness.store.write() as session:
        session.execute(update(TeamUsage).values(month=TeamUsage.month - 1))
    assert teams_of(harness.claim(harness.worker(), 1)) == {"red": 1}


def test_a_waiting_team_gets_its_part_by_parking_and_nothing_is_lost(harness: Harness) -> None:
    blue = harness.joined_by("blue")
    sweep = harness.submit(BIG)
    worker = harness.worker(8)
    mine = harness.claim(worker, 8)
    seat(harness, worker, mine)
    assert give_way(harness) == []
    blue.submit()
    assert give_way(harness, after=timedelta(hours=1)) == []
    parked = give_way(harness)
    assert len(parked) == 4
    assert give_way(harness) == [], "four lanes are on their way"
    answers = dict(zip([lease.run_id for lease in mine], seat(harness, worker, mine), strict=True))
    assert {run_id for run_id, answer in answers.items() if answer == "park"} == set(parked)
    with harness.store.write() as session:
        holding.release(
            session, worker, [Held(run_id=one.run_id, fence=one.fence) for one in mine if one.run_id in parked]
        )
    theirs = harness.claim(worker, 4, shape=mine[0].shape)
    assert teams_of(theirs) == {"blue": 4}
    seat(harness, worker, theirs)
    assert give_way(harness) == []
    with harness.store.read() as session:
        ends = session.scalars(select(Attempt.outcome).where(Attempt.ended_at.is_not(None))).all()
    assert ends == ["released"] * 4
    assert not any(run.gives_way for run in harness.runs(sweep) if run.state == "queued")


def test_a_run_that_ends_before_it_could_be_parked_has_ended(harness: Harness) -> None:
    blue = harness.joined_by("blue")
    sweep = harness.submit()
    worker = harness.worker(4)
    mine = harness.claim(worker, 4)
    seat(harness, worker, mine)
    blue.submit()
    (first, _) = give_way(harness)
    (lease,) = (one for one in mine if one.run_id == first)
    assert [answer.command for answer in harness.finish(worker, [lease])] == ["continue"]
    (run,) = (run for run in harness.runs(sweep) if run.id == first)
    assert (run.state, run.gives_way) == ("completed", False)


def test_a_worker_that_is_to_train_another_shape_gets_no_more_of_its_own(harness: Harness) -> None:
    blue = harness.joined_by("blue")
    harness.submit(BIG)
    worker = harness.worker(4)
    mine = harness.claim(worker, 4)
    seat(harness, worker, mine)
    blue.submit(**WIDE)
    assert sorted(give_way(harness)) == sorted(lease.run_id for lease in mine)
    assert harness.claim(worker, 4, shape=mine[0].shape) == []
    with harness.store.write() as session:
        holding.release(session, worker, [Held(run_id=one.run_id, fence=one.fence) for one in mine])
    assert teams_of(harness.claim(worker, 4)) == {"blue": 4}


def test_of_several_server_processes_each_looks_now_and_then(harness: Harness) -> None:
    blue, now = harness.joined_by("blue"), [0.0]
    harness.submit(BIG)
    worker = harness.worker(4)
    seat(harness, worker, harness.claim(worker, 4))
    looking = Preemption(harness.store, Policy(least=timedelta(0)), LEASE_SECONDS, monotonic=lambda: now[0])
    looking.step()
    blue.submit()
    looking.step()
    assert _parked(harness) == 0
    now[0] += 60
    looking.step()
    assert _parked(harness) == 2


def test_shares_are_granted_by_an_admin_and_seen_by_the_team(serving: Serving) -> None:
    serving["member"].submit(GRID)
    serving["admin"].grant("red", ShareSpec(weight=2, lanes=0, hours=1.5))
    (share,) = serving["viewer"].shares()
    assert (share.team, share.weight, share.lanes, share.hours, share.queued_runs) == ("red", 2, 0, 1.5, 8)
    assert share.waits_for == "team red has all of its 0 lanes"
    assert {one.team for one in serving["admin"].shares()} == {"blue", "red"}
    assert serving.train() == 0
    for wrong in ({"weight": 0}, {"weight": 1, "lanes": -1}, {"weight": 1, "hour": 3}):
        assert serving.http("admin").put("/teams/red/share", json=wrong).status_code == 422
    with pytest.raises(ApiError, match="there is no team grey"):
        serving["admin"].grant("grey", ShareSpec())
    with serving.parts.store.read() as session:
        (granted,) = session.scalars(select(Event).where(Event.kind == "team.share"))
    assert granted.detail == {"team": "red", "weight": 2.0, "lanes": 0, "hours": 1.5}
    serving["admin"].grant("red", ShareSpec())
    assert serving.train() == 8


def _parked(harness: Harness) -> int:
    with harness.store.read() as session:
        return len(session.scalars(select(Run.id).where(Run.gives_way)).all())
