"""No statement of a working service reads a growing table from end to end, or more of it than it needs.

All that the routes and the background work execute is recorded and explained. On PostgreSQL, which plans by what it
knows of the rows, the tables are well filled, and what a statement reads is counted; SQLite's plans are the same
whatever the tables hold.
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, event

from service.domain import events, fleets, preemption, queue, shares, sweeps
from service.domain import leases as holding
from service.domain.fairness import Policy
from service.mirror import Mirror
from service.store.engine import Store
from service.store.tables import Base
from service.wire.placement import FleetReport
from service.wire.protocol import Claim, Held
from service.wire.shares import ShareSpec
from tests.integration.crowd import ENDED, crowd
from tests.integration.harness import GRID, LEASE_SECONDS, RANDOM, Harness, news
from tests.integration.serving import Serving, finished, hello
from tests.integration.test_roles import doors

# A few rows for each team, one for each fleet, and one in all.
SMALL = {"teams", "team_usage", "fleets", "heartbeats"}
GROWING = set(Base.metadata.tables) - SMALL
# They hold what trains, and what is left to do; not what waits, which may be a million runs.
SHORT = {
    "ix_runs_held",
    "ix_runs_leased",
    "ix_runs_training",
    "ix_runs_to_track",
    "ix_trials_to_tell",
    "ix_sweeps_asking",
    "ix_sweeps_to_track",
    "ix_sweeps_open",
    "ix_attempts_lost",
}
# Rows of a table that one statement may read here; a page shows at most a thousand.
MOST = ENDED // 2
# How many sweeps there are in each state, told to Prometheus every five seconds at most, reads an index alone; of the
# texts, which are few, all are listed; and of a person's tokens, which are few, those that live are counted.
KNOWN = ("SELECT sweeps.state, count(sweeps.id)", "SELECT corpora.digest", "SELECT users.id, users.team_id, users.name")
Statements = dict[str, Any]
BODIES: dict[str, dict[str, Any]] = {
    "POST /api/v1/sweeps": GRID,
    "POST /api/v1/sweeps/preview": GRID,
    "POST /api/v1/leases/claim": {"worker_id": 1, "lanes": 4, "siblings": 4},
    "POST /api/v1/leases/report": {"worker_id": 1, "updates_per_second": 1, "runs": []},
    "POST /api/v1/leases/release": {"worker_id": 1, "runs": [], "leaving": False},
}


@contextmanager
def recorded(store: Store) -> Iterator[Statements]:
    """The statements that are executed meanwhile, with the parameters of their first execution."""
    statements: Statements = {}

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:
        if statement.startswith(("SELECT", "UPDATE", "DELETE")):
            statements.setdefault(statement, parameters[0] if many else parameters)

    event.listen(store.engine, "before_cursor_execute", note)
    yield statements
    event.remove(store.engine, "before_cursor_execute", note)


def too_much(store: Store, statements: Statements) -> dict[str, list[str]]:
    """The statements that read too much, and what they read."""
    read = _scanned if store.is_sqlite else _counted
    found = {}
    for statement, parameters in statements.items():
        if not statement.startswith(KNOWN):
            with store.engine.connect() as connection:
                found[statement] = read(connection, statement, parameters)
    return {statement: lines for statement, lines in found.items() if lines}


def _scanned(connection: Connection, statement: str, parameters: Any) -> list[str]:
    """The lines of a plan of SQLite's that read a whole growing table."""
    plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
    found = []
    for line in plan:
        scan = re.fullmatch(r"SCAN (\w+)(?: USING (?:COVERING )?INDEX (\w+))?", line)
        # Rows in the order of an index, as many as there are to be, end it early.
        ends = "LIMIT" in statement and not any("TEMP B-TREE" in other for other in plan)
        if scan and _table(statement, scan[1]) in GROWING and scan[2] not in SHORT and not ends:
            found.append(line)
    return found


def _table(statement: str, name: str) -> str:
    """The table that a name in a statement stands for."""
    renamed = re.search(rf"(\w+) AS {name}\b", statement)
    return renamed[1] if renamed else name


def _counted(connection: Connection, statement: str, parameters: Any) -> list[str]:
    """The parts of a plan of PostgreSQL's that have read a growing table without an index, or too many of its rows."""
    # So that no plan is chosen because a table is small; one that cannot use an index still reads all.
    connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
    explained = connection.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters).scalar_one()
    connection.rollback()
    found = []
    for node in _nodes((json.loads(explained) if isinstance(explained, str) else explained)[0]["Plan"]):
        rows = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
        read = node["Actual Loops"] * (rows + node.get("Rows Removed by Index Recheck", 0))
        if node.get("Relation Name") in GROWING and (node["Node Type"] == "Seq Scan" or read > MOST):
            found.append(f"{node['Node Type']} of {node['Relation Name']}: {read} rows")
    return found


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", []):
        yield from _nodes(part)


@pytest.fixture
def crowded(harness: Harness) -> Harness:
    """A service with much behind it and much to do."""
    harness.worker()
    crowd(harness.store, harness.submit())
    return harness


def test_no_work_of_the_service_reads_more_than_it_needs(crowded: Harness) -> None:
    with recorded(crowded.store) as statements:
        _work(crowded)
    assert too_much(crowded.store, statements) == {}
    assert len(statements) > 50


def test_no_route_reads_more_than_it_shows(crowded: Harness, serving: Serving) -> None:
    worker = serving["worker"].register(hello()).worker_id
    serving["worker"].report(finished(worker, serving["worker"].claim(Claim(worker_id=worker, lanes=4)).leases[:2]))
    serving.parts.dispatcher.close()  # claims with nothing to grant answer at once
    with recorded(serving.parts.store) as statements:
        answers = {
            f"{door} as {name}": door.knock(serving.http(name), json=BODIES.get(str(door))).status_code
            for door in doors(serving.app)
            for name in ("member", "admin", "worker")
        }
        for name in ("member", "admin"):
            for path in ("/sweeps?state=completed", "/sweeps?state=failed&cursor=1000", "/sweeps/1/trials?cursor=1"):
                answers[f"{path} as {name}"] = serving.http(name).get(path).status_code
        serving.parts.reconciler.round()
    assert too_much(serving.parts.store, statements) == {}
    assert max(answers.values()) < 500
    assert sum(status < 300 for status in answers.values()) > 40


def test_the_claim_reads_the_queue_in_the_order_of_its_index(harness: Harness) -> None:
    harness.submit()
    with recorded(harness.store) as statements:
        harness.claim(harness.worker(), 4)
    claims = {text: given for text, given in statements.items() if "FROM runs" in text and "'queued'" in text}
    with harness.store.engine.connect() as connection:
        if not harness.store.is_sqlite:
            connection.exec_driver_sql("SET enable_seqscan = off")
        explain = "EXPLAIN QUERY PLAN" if harness.store.is_sqlite else "EXPLAIN"
        plans = [str(connection.exec_driver_sql(f"{explain} {text}", given).all()) for text, given in claims.items()]
    in_order = [plan for plan in plans if "ix_runs_queued" in plan and "SORT" not in plan and "TEMP B-TREE" not in plan]
    assert len([text for text in claims if "ORDER BY" in text]) >= 2
    assert len(in_order) == len(plans)


def test_a_statement_that_reads_too_much_is_found(crowded: Harness) -> None:
    waiting = "SELECT count(*) FROM runs WHERE state = 'queued'"
    whole = "SELECT sum(step) FROM runs"
    few = "SELECT id FROM sweeps ORDER BY id DESC LIMIT 10"
    assert set(too_much(crowded.store, dict.fromkeys((waiting, whole, few), ()))) == {waiting, whole}


class _NoTracker:
    """An MLflow that takes everything and says nothing."""

    def experiment(self, *_: Any) -> str:
        return "1"

    def start_summary(self, *_: Any, **__: Any) -> str:
        return "a run"

    def show_state(self, *_: Any, **__: Any) -> None:
        pass

    def end_summary(self, *_: Any, **__: Any) -> None:
        pass

    def open_runs(self, *_: Any) -> dict[int, list[str]]:
        return {}


def _work(harness: Harness) -> None:
    """Everything that a service does between a submission and the end of a sweep, and beside it."""
    grid = harness.submit(replicates=2, priority=9)
    harness.submit(RANDOM, priority=9)
    worker = harness.worker()
    leases = harness.claim(worker, 4, siblings=8)
    with harness.store.write() as session:
        holding.release(session, worker, [Held(run_id=leases[0].run_id, fence=leases[0].fence)])
        queue.outlook(session, worker)
    spent = news(leases[1], step=1).model_copy(update={"device_seconds": 1.0, "joules": 1.0})
    harness.report(worker, spent)
    other_team = harness.joined_by("blue")
    other_team.submit()
    with harness.store.write() as session:
        shares.grant(session, harness.principal, "red", ShareSpec(lanes=1000, hours=1e6))
        preemption.give_way(session, Policy(least=timedelta(0)), LEASE_SECONDS)
    harness.finish(worker, leases[1:])
    harness.expire()
    for _ in range(12):
        harness.finish(worker, harness.claim(worker, 4))
    for sweep_id in harness.sampling.untold():
        harness.sampling.tell(sweep_id)
    third = harness.submit(RANDOM, priority=9)
    harness.claim(worker, 2)
    with harness.store.write() as session:
        sweeps.cancel(session, harness.principal, third)
    poison = GRID["space"] | {"warmup_steps": [2], "peak_lr": [0.001], "schedule": ["linear"]}
    harness.submit(space=poison, priority=99)
    for _ in range(3):
        harness.claim(harness.worker(), 1)
        harness.expire()
    harness.claim(harness.worker(), 1)
    harness.submit(GRID | {"resources": {"gpu": "any"}})
    with harness.store.write() as session:
        fleets.take(session, FleetReport(name="fleet", most=1, supplies=[], lost=[worker]))
    with harness.store.read() as session:
        events.look(session, grid)
        events.ends(session, grid, 3, 50)
    mirror = Mirror(harness.store, "http://127.0.0.1:1", lease_seconds=0)
    mirror.__dict__["_tracker"] = _NoTracker()
    for step in mirror.steps().values():
        step()
