"""What a scrape shows: facts of the database, the same everywhere, and what one process has counted."""

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy.exc import OperationalError

from service.exposition import FactsCollector
from service.meters import Meters
from service.wire.protocol import Claim, Outcome, Report, RunReport
from tests.integration.harness import GRID, LEASE_SECONDS, Harness, news
from tests.integration.serving import Serving, finished, hello

# What is asked of HTTP, and not of the database, is asked on one.
on_one_database = pytest.mark.parametrize("backend", ["sqlite"])

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def samples(text: str) -> Samples:
    """Every sample of an exposition, by its name and labels; parsed by the client library of Prometheus."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def scrape(serving: Serving) -> Samples:
    """What a viewer's token gets."""
    response = serving.http("viewer").get("/metrics")
    assert response.status_code == 200, response.text
    assert response.headers["content-type"].startswith("text/plain")
    return samples(response.text)


def value(found: Samples, name: str, **labels: str) -> float:
    """One sample."""
    return found[name, frozenset(labels.items())]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every scrape reads the database, unless a test says otherwise."""
    monkeypatch.setattr("service.exposition.FRESH_SECONDS", 0.0)


@on_one_database
def test_the_queue_the_lanes_and_the_workers_are_shown(serving: Serving) -> None:
    worker, member = serving["worker"], serving["member"]
    worker_id = worker.register(hello(lanes=4)).worker_id
    sweep = member.submit(GRID)
    leases = worker.claim(Claim(worker_id=worker_id, lanes=3)).leases
    shares = [
        RunReport(run_id=lease.run_id, fence=lease.fence, step=1, lane_share=share)
        for lease, share in zip(leases, (1.0, 0.5, 0.5), strict=True)
    ]
    worker.report(Report(worker_id=worker_id, lanes=6, updates_per_second=12.5, runs=shares))
    found = scrape(serving)
    assert value(found, "rampline_runs", team="red", state="queued") == 5
    assert value(found, "rampline_runs", team="red", state="running") == 3
    assert value(found, "rampline_runs", team="blue", state="queued") == 0
    assert value(found, "rampline_lanes_used", team="red") == 2
    assert value(found, "rampline_lanes_known") == 6
    assert value(found, "rampline_updates_per_second") == 12.5
    assert value(found, "rampline_workers", state="active") == 1
    assert value(found, "rampline_sweeps", state="running") == 1
    assert value(found, "rampline_claim_seconds_count", result="granted") == 1
    assert value(found, "rampline_report_seconds_count") == 1
    assert value(found, "rampline_database_up") == 1
    worker.report(finished(worker_id, leases))
    found = scrape(serving)
    assert value(found, "rampline_runs_ended_total", outcome="completed") == 3
    assert value(found, "rampline_lanes_used", team="red") == 0
    member.pause(sweep.id)
    found = scrape(serving)
    assert value(found, "rampline_runs", team="red", state="paused") == 5
    assert value(found, "rampline_runs", team="red", state="queued") == 0
    member.cancel(sweep.id)
    assert value(scrape(serving), "rampline_sweeps", state="cancelled") == 1


@on_one_database
def test_a_request_is_counted_under_the_template_of_its_route(serving: Serving) -> None:
    for number in (1, 2, 3):
        serving.http().get(f"/sweeps/{number}")
    serving.http().get("/no/such/thing")
    found = scrape(serving)
    route = "/sweeps/{sweep_id}"
    assert value(found, "rampline_request_seconds_count", method="GET", route=route, status="404") == 3
    assert value(found, "rampline_request_seconds_count", method="GET", route="unknown", status="404") == 1
    assert value(found, "rampline_database_seconds_count", statement="select") > 0


@on_one_database
def test_metrics_need_a_token_that_may_look(serving: Serving) -> None:
    assert serving.http(None).get("/metrics").status_code == 401
    assert serving.http("worker").get("/metrics").status_code == 403


def test_a_lease_that_expires_is_shown_and_counted_when_its_run_is_taken(harness: Harness) -> None:
    first, second = harness.worker(), harness.worker()
    harness.submit()
    harness.claim(first, 2)
    harness.expire()
    assert shown(harness)["rampline_leases_expired"] == 2
    assert shown(harness)["rampline_lease_expiries_total"] == 0
    harness.claim(second, 8)
    assert shown(harness)["rampline_leases_expired"] == 0
    assert shown(harness)["rampline_lease_expiries_total"] == 2


def test_what_optuna_and_mlflow_have_yet_to_hear_is_shown(harness: Harness) -> None:
    harness.submit()
    harness.train(harness.worker())
    found = shown(harness)
    assert found["rampline_untold_trials"] == 8
    assert found["rampline_unrecorded_run"] == 8
    assert found["rampline_unrecorded_sweep"] == 1
    assert 0 <= found["rampline_unrecorded_seconds"] < LEASE_SECONDS
    for sweep_id in harness.sampling.untold():
        harness.sampling.tell(sweep_id)
    assert shown(harness, tracked=False)["rampline_unrecorded_run"] == 0, "without MLflow there is nothing to record"
    assert shown(harness)["rampline_untold_trials"] == 0


def test_a_run_counts_when_it_is_committed_and_only_when_it_ends(harness: Harness) -> None:
    meters = Meters()
    meters.watch(harness.store.engine, harness.store.sessions)
    worker = harness.worker()
    harness.submit()
    first, second = harness.claim(worker, 2)
    failed = Outcome(state="failed", error="no")
    harness.report(worker, news(first, failed), news(second, Outcome(state="completed", value=2.0)))
    harness.report(worker, news(second, Outcome(state="completed", value=2.0)))
    ended = {sample.labels["outcome"]: sample.value for sample in next(iter(meters.runs_ended.collect())).samples[::2]}
    assert ended["completed"] == 1
    assert ended["failed"] == 0, "it goes back to the queue"


@on_one_database
def test_without_the_database_a_scrape_still_answers(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise OperationalError("SELECT 1", None, Exception("gone"))

    monkeypatch.setattr(harness.store, "read", away)
    assert shown(harness) == {"rampline_database_up": 0}


@on_one_database
def test_scrapes_that_follow_each_other_share_one_reading(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.exposition.FRESH_SECONDS", 60.0)
    collector = FactsCollector(harness.store, LEASE_SECONDS, tracked=True)
    first = list(collector.collect())
    harness.submit()
    assert [family.samples for family in collector.collect()] == [family.samples for family in first]
    monkeypatch.setattr("service.exposition.FRESH_SECONDS", 0.0)
    assert [family.samples for family in collector.collect()] != [family.samples for family in first]


def shown(harness: Harness, *, tracked: bool = True) -> dict[str, float]:
    """The facts of a database; a label follows its name."""
    collector = FactsCollector(harness.store, LEASE_SECONDS, tracked=tracked)
    return {
        "_".join([sample.name, *sample.labels.values()]): sample.value
        for family in collector.collect()
        for sample in family.samples
    }
