"""The whole over HTTP: a sweep submitted, trained, and looked at, on both databases."""

import threading
from pathlib import Path

import httpx
import pytest
from sqlalchemy import func, select

from service.client import ApiError
from service.settings import Settings
from service.store import migrate
from service.store.tables import Corpus, Event, Run, Sweep, Trial
from service.wire.protocol import Claim, Held, Release, Report, RunReport
from service.wire.sweep import SweepSpec
from tests.integration.harness import GRID, TEXT, TPE
from tests.integration.serving import Serving, finished, hello, running
from tests.postgres import Postgres
from tests.waiting import wait_until


def test_a_sweep_is_submitted_trained_and_answered(serving: Serving) -> None:
    member = serving["member"]
    sweep = member.submit(TPE)
    assert (sweep.state, sweep.team, sweep.user, sweep.progress.trials_total) == ("queued", "red", "member", 12)
    assert sweep.spec == SweepSpec.model_validate(TPE)
    assert serving.train() == 12
    done = member.sweep(sweep.id)
    assert done.state == "completed"
    assert done.progress.model_dump() == {
        "trials_done": 12,
        "trials_total": 12,
        "runs": dict.fromkeys(done.progress.runs, 0) | {"completed": 12},
        "lanes_in_use": 0,
        "updates_done": 240,
        "updates_total": 240,
        "best_value": 3.0,
        "best_trial": 0,
    }
    trials = member.all_trials(sweep.id)
    assert [trial.number for trial in trials] == list(range(12))
    assert member.trial(sweep.id, 7) == trials[7]
    best = member.best(sweep.id)
    assert (best.trial.number, best.ties) == (0, [])
    assert "scheduler(optimizer, schedule)" in best.code


def test_a_worker_reads_the_text_that_was_there_at_submission(serving: Serving) -> None:
    serving["member"].submit(GRID)
    serving.parts.settings.corpora.joinpath("words.txt").write_bytes(b"changed")
    worker = serving["worker"]
    welcome = worker.register(hello())
    assert (welcome.lease_seconds, welcome.report_seconds, welcome.tracking_url) == (60, 2, None)
    lease = worker.claim(Claim(worker_id=welcome.worker_id, lanes=1)).leases[0]
    assert lease.corpus == TEXT.digest
    assert worker.corpus(lease.corpus) == TEXT.content
    listed = {corpus.name: corpus for corpus in serving["viewer"].corpora()}
    assert listed[TEXT.name].digest == TEXT.digest
    assert listed["python-reference"].problem is None
    with pytest.raises(ApiError, match="no corpus"):
        worker.corpus("0" * 64)


def test_a_preview_shows_what_would_be_and_stores_nothing(serving: Serving) -> None:
    preview = serving["viewer"].preview(GRID)
    assert (preview.trials, preview.runs, preview.updates) == (8, 8, 160)
    assert len(preview.curves) == 8
    assert preview.curves[0].schedule["type"] == "linear"
    assert preview.curves[0].lr[1] == pytest.approx(0.001)
    assert {finding.code for finding in preview.findings} == {"warmup-short-for-beta2"}
    with serving.parts.store.read() as session:
        assert {session.scalar(select(func.count()).select_from(table)) for table in (Sweep, Trial, Corpus)} == {0}


def test_nothing_of_a_refused_sweep_is_stored(serving: Serving) -> None:
    with pytest.raises(ApiError) as refused:
        serving["member"].submit(GRID | {"total_steps": 3, "data": {"corpus": "file:missing.txt"}})
    assert {error.field for error in refused.value.problem.errors} == {"space.warmup_steps", "data.corpus"}
    with serving.parts.store.read() as session:
        counts = [
            session.scalar(select(func.count()).select_from(table)) for table in (Sweep, Trial, Run, Corpus, Event)
        ]
    assert counts == [0] * 5
    assert not (serving.parts.settings.artifacts / "corpora").exists()


def test_a_repeated_submission_with_one_key_is_one_sweep(serving: Serving) -> None:
    member = serving["member"]
    first = member.submit(GRID, idempotency_key="again")
    assert member.submit(GRID, idempotency_key="again").id == first.id
    with pytest.raises(ApiError) as refused:
        member.submit(GRID | {"seed": 1}, idempotency_key="again")
    assert (refused.value.problem.status, refused.value.problem.code) == (409, "conflict")
    assert serving["stranger"].submit(GRID, idempotency_key="again").id != first.id
    assert len(member.sweeps().items) == 1


def test_submissions_with_one_key_at_the_same_time_are_one_sweep(serving: Serving) -> None:
    member, ids = serving["member"], []
    threads = [
        threading.Thread(target=lambda: ids.append(member.submit(GRID, idempotency_key="k").id)) for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ids) == 6
    assert len(set(ids)) == 1


def test_sweeps_are_listed_newest_first_in_pages(serving: Serving) -> None:
    member = serving["member"]
    ids = [member.submit(GRID).id for _ in range(3)]
    member.cancel(ids[1])
    first = member.sweeps(limit=2)
    assert [sweep.id for sweep in first.items] == ids[:0:-1]
    assert first.next_cursor is not None
    rest = member.sweeps(limit=2, cursor=first.next_cursor)
    assert ([sweep.id for sweep in rest.items], rest.next_cursor) == ([ids[0]], None)
    assert [sweep.id for sweep in member.sweeps(state="cancelled").items] == [ids[1]]


def test_another_teams_sweep_does_not_exist(serving: Serving) -> None:
    sweep = serving["member"].submit(GRID).id
    stranger = serving["stranger"]
    for call in (stranger.sweep, stranger.cancel, stranger.best, stranger.trials):
        with pytest.raises(ApiError) as refused:
            call(sweep)
        assert refused.value.problem.status == 404
    assert stranger.sweeps().items == []
    assert serving["admin"].sweep(sweep).id == sweep


def test_cancel_over_http_is_idempotent(serving: Serving) -> None:
    sweep = serving["member"].submit(GRID)
    first, second = serving["member"].cancel(sweep.id), serving["member"].cancel(sweep.id)
    assert first == second
    assert (first.state, first.progress.runs["cancelled"]) == ("cancelled", 8)


def test_a_waiting_claim_is_answered_as_soon_as_a_sweep_is_queued(serving: Serving) -> None:
    worker = serving["worker"]
    worker_id = worker.register(hello()).worker_id
    answers = []

    def wait() -> None:
        answers.append(worker.claim(Claim(worker_id=worker_id, lanes=2, wait_seconds=20)))

    thread = threading.Thread(target=wait)
    thread.start()
    serving["member"].submit(GRID)
    thread.join(15)
    assert [len(answer.leases) for answer in answers] == [2]


def test_a_waiting_claim_gets_a_run_whose_lease_expires(serving: Serving) -> None:
    serving["member"].submit(GRID | {"space": {"schedule": ["linear"], "peak_lr": [0.1]}})
    worker = serving["worker"]
    dead, alive = (worker.register(hello()).worker_id for _ in range(2))
    lost = worker.claim(Claim(worker_id=dead, lanes=1)).leases[0]
    with serving.parts.store.write() as session:
        run = session.get_one(Run, lost.run_id)
        assert run.started_at is not None
        run.lease_expires_at = run.started_at
    taken = worker.claim(Claim(worker_id=alive, lanes=1, wait_seconds=20)).leases
    assert [(lease.run_id, lease.fence) for lease in taken] == [(lost.run_id, lost.fence + 1)]


def test_workers_and_the_queue_are_shown(serving: Serving) -> None:
    sweep = serving["member"].submit(GRID)
    worker = serving["worker"]
    worker_id = worker.register(hello(lanes=3)).worker_id
    leases = worker.claim(Claim(worker_id=worker_id, lanes=3)).leases
    shown = serving["viewer"].workers()[0]
    held_runs = [lease.run_id for lease in leases]
    assert (shown.state, shown.lanes, shown.lanes_in_use, shown.runs) == ("active", 3, 3, held_runs)
    news = [
        RunReport(run_id=lease.run_id, fence=lease.fence, step=1, lane_share=share)
        for lease, share in zip(leases, (0.5, 0.5, 1.0), strict=True)
    ]
    worker.report(Report(worker_id=worker_id, lanes=4, updates_per_second=9, runs=news))
    shown = serving["viewer"].workers()[0]
    assert (shown.state, shown.lanes, shown.lanes_in_use, shown.runs) == ("active", 4, 2, held_runs)
    assert serving["viewer"].sweep(sweep.id).progress.lanes_in_use == 2
    queue = serving["viewer"].queue()
    assert (queue.queued_runs, queue.running_runs, queue.sweeps[0].sweep_id) == (5, 3, sweep.id)
    held = [Held(run_id=lease.run_id, fence=lease.fence) for lease in leases]
    worker.release(Release(worker_id=worker_id, runs=held, leaving=True))
    assert serving["viewer"].workers()[0].state == "left"
    assert serving["viewer"].queue().queued_runs == 8
    with pytest.raises(ApiError, match="register"):
        worker.claim(Claim(worker_id=worker_id, lanes=1))


def test_results_reach_optuna_without_anybody_asking(serving: Serving) -> None:
    sweep = serving["member"].submit(GRID)
    serving.train()

    def told() -> bool:
        with serving.parts.store.read() as session:
            untold = session.scalars(select(Trial.to_tell).where(Trial.sweep_id == sweep.id)).all()
        return len(untold) == 8 and not any(untold)

    wait_until(told)
    with serving.parts.store.read() as session:
        asked = session.scalars(select(Trial.optuna_number).where(Trial.sweep_id == sweep.id)).all()
    assert sorted(number for number in asked if number is not None) == list(range(8))


def test_a_text_that_the_disk_does_not_take_is_told_and_nothing_is_queued(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("service.wire.files.os.fsync", full)
    with pytest.raises(ApiError, match="No space left on device; see to the service's disk"):
        serving["member"].submit(GRID)
    assert serving["viewer"].sweeps().items == []
    assert list((serving.parts.settings.artifacts / "corpora").iterdir()) == []


def test_the_audit_trail_says_who_submitted_and_who_cancelled(serving: Serving) -> None:
    sweep = serving["member"].submit(GRID)
    serving["admin"].cancel(sweep.id)
    with serving.parts.store.read() as session:
        events = session.scalars(select(Event).order_by(Event.id)).all()
    assert [(event.kind, event.sweep_id) for event in events] == [
        ("sweep.submitted", sweep.id),
        ("sweep.cancelled", sweep.id),
    ]
    assert events[0].user_id != events[1].user_id


def test_the_openapi_page_describes_every_route_and_its_problems(serving: Serving) -> None:
    document = httpx.get(f"{serving.url}/openapi.json").json()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert operation["summary"], (path, method)
            assert operation["tags"], (path, method)
            if "/health/" not in path:
                problem = operation["responses"]["401"]["content"]["application/problem+json"]["schema"]
                assert problem == {"$ref": "#/components/schemas/Problem"}
    assert "code" in document["components"]["schemas"]["Problem"]["properties"]
    assert httpx.get(f"{serving.url}/docs").status_code == 200


def test_finished_reports_survive_a_lost_answer(serving: Serving) -> None:
    sweep = serving["member"].submit(GRID)
    worker = serving["worker"]
    worker_id = worker.register(hello()).worker_id
    leases = worker.claim(Claim(worker_id=worker_id, lanes=8)).leases
    first, again = worker.report(finished(worker_id, leases)), worker.report(finished(worker_id, leases))
    assert first == again
    assert serving["member"].sweep(sweep.id).progress.trials_done == 8


def test_while_the_database_is_away_every_call_says_so_and_the_process_lives(
    postgres: Postgres, tmp_path: Path
) -> None:
    url = postgres.fresh()
    migrate.upgrade(url)
    with running(url, Settings(database_url=url).optuna, tmp_path) as serving:
        serving["member"].submit(GRID)
        postgres.drop(url)
        with pytest.raises(ApiError) as refused:
            serving["member"].sweeps()
        assert (refused.value.problem.status, refused.value.problem.code) == (503, "unavailable")
        assert serving["member"].ready().status == "unavailable"
        assert serving.http(None).get("/health/live").status_code == 200


def test_a_worker_that_leaves_gives_back_what_it_never_heard_of(serving: Serving) -> None:
    serving["member"].submit(GRID)
    worker = serving["worker"]
    leaving, other = (worker.register(hello()).worker_id for _ in range(2))
    lost = worker.claim(Claim(worker_id=leaving, lanes=3)).leases  # suppose that this answer never arrived
    worker.release(Release(worker_id=leaving, runs=[], leaving=True))
    taken = worker.claim(Claim(worker_id=other, lanes=8)).leases
    assert {lease.run_id for lease in lost} <= {lease.run_id for lease in taken}
    with pytest.raises(ApiError, match="no worker"):
        worker.claim(Claim(worker_id=leaving, lanes=1))


def test_a_run_tells_a_team_what_it_trains_and_nobody_else(serving: Serving) -> None:
    sweep = serving["member"].submit(GRID)
    worker = serving["worker"]
    (lease,) = worker.claim(Claim(worker_id=worker.register(hello()).worker_id, lanes=1)).leases
    for name in ("viewer", "admin"):
        detail = serving[name].run(lease.run_id)
        assert dict(detail.description) == {key: getattr(lease, key) for key in dict(detail.description)}
        assert (detail.run.state, detail.run.attempt, detail.description.sweep_id) == ("running", 1, sweep.id)
        assert not {"fence", "attempt"} & set(dict(detail.description)), "no right to report on it is given away"
        assert serving[name].corpus(lease.corpus) == TEXT.content
    for name, run_id in (("stranger", lease.run_id), ("viewer", 999)):
        with pytest.raises(ApiError, match=f"there is no run {run_id}; GET"):
            serving[name].run(run_id)


def test_a_text_is_read_by_the_teams_that_train_on_it(serving: Serving) -> None:
    serving["member"].submit(GRID)
    assert serving["viewer"].corpus(TEXT.digest) == serving["worker"].corpus(TEXT.digest) == TEXT.content
    with pytest.raises(ApiError, match="no sweep of your team trains on a corpus"):
        serving["stranger"].corpus(TEXT.digest)
    serving["stranger"].submit(GRID)
    assert serving["stranger"].corpus(TEXT.digest) == TEXT.content
