"""No statement of a working service reads a growing table from end to end."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, event

from service.domain import best, events, metrics, queue, sweeps, trials, workers
from service.store.engine import Store
from service.wire.protocol import Held
from tests.integration.harness import GRID, LEASE_SECONDS, RANDOM, Harness

GROWING = ("sweeps", "trials", "runs", "attempts", "val_points", "events", "corpora")


@contextmanager
def recorded(store: Store) -> Iterator[dict[str, Any]]:
    """The statements that are executed meanwhile, with the parameters of their first execution."""
    statements: dict[str, Any] = {}

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:
        if statement.startswith(("SELECT", "UPDATE", "DELETE")):
            statements.setdefault(statement, parameters[0] if many else parameters)

    event.listen(store.engine, "before_cursor_execute", note)
    yield statements
    event.remove(store.engine, "before_cursor_execute", note)


def scans(connection: Connection, statement: str, parameters: Any) -> list[str]:
    """The lines of a statement's plan that read a whole growing table."""
    if connection.dialect.name == "sqlite":
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        # A scan of a partial index reads the rows that match alone.
        partial = ("ix_runs_", "ix_attempts_lost", "ix_trials_to_tell", "ix_sweeps_asking", "ix_sweeps_to_track")
        lines = [row[3] for row in rows]
        found = [line for line in lines if line.startswith("SCAN") and not any(name in line for name in partial)]
        return [line for line in found if line.split()[1] in GROWING]
    lines = [row[0] for row in connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)]
    return [line for line in lines if any(f"Seq Scan on {table}" in line for table in GROWING)]


def test_no_statement_scans_a_growing_table(harness: Harness) -> None:
    with recorded(harness.store) as statements:
        _work(harness)
    with harness.store.engine.connect() as connection:
        if not harness.store.is_sqlite:
            # So small a table is read as a whole unless that is forbidden; what cannot use an index still does.
            connection.exec_driver_sql("SET enable_seqscan = off")
        found = {statement: scans(connection, statement, parameters) for statement, parameters in statements.items()}
    assert {statement: lines for statement, lines in found.items() if lines} == {}
    assert len(statements) > 40


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


def _work(harness: Harness) -> None:
    """Everything that a service does between a submission and the end of a sweep."""
    grid, other = harness.submit(replicates=2), harness.submit(RANDOM)
    worker = harness.worker()
    leases = harness.claim(worker, 4, siblings=8)
    with harness.store.write() as session:
        queue.release(session, worker, [Held(run_id=leases[0].run_id, fence=leases[0].fence)])
        queue.next_expiry(session)
    harness.finish(worker, leases[1:])
    harness.expire()
    harness.train(worker)
    for sweep_id in harness.sampling.untold():
        harness.sampling.tell(sweep_id)
    third = harness.submit(RANDOM)
    harness.claim(worker, 2)
    with harness.store.write() as session:
        sweeps.cancel(session, harness.principal, third)
    poison = GRID["space"] | {"warmup_steps": [2], "peak_lr": [0.001], "schedule": ["linear"]}
    harness.submit(space=poison)
    while harness.claim(harness.worker(), 1):
        harness.expire()
    with harness.store.read() as session:
        shown = sweeps.page(session, harness.principal, None, None, 50, "completed")
        sweeps.page(session, harness.principal, None, other, 50, None)
        sweep = sweeps.find(session, harness.principal, grid)
        trials.page(session, sweep, None, 3, 50)
        best.best(session, sweep, None)
        queue.overview(session, harness.principal)
        workers.listing(session, LEASE_SECONDS)
        metrics.facts(session, LEASE_SECONDS, tracked=True)
        events.look(session, grid)
        events.ends(session, grid, 3, 50)
    assert [sweep.id for sweep in shown.items] == [other, grid]
