"""What is done to sweeps reads no growing table from end to end; and old databases learn the new words."""

import pytest
from alembic import command
from sqlalchemy import text

from service.domain import warm_start
from service.domain.plan import plan
from service.mirror import Mirror
from service.store import migrate
from service.store.engine import Store, engine_for
from service.studies import Studies
from service.wire.sweep import SweepSpec
from tests.integration.harness import LEASE_SECONDS, RANDOM, TPE
from tests.integration.living import Living
from tests.integration.test_plans import recorded, too_much


def test_no_statement_of_a_sweeps_life_scans_a_growing_table(store: Store, studies: Studies) -> None:
    living = Living(store, studies)
    mirror = Mirror(store, "http://127.0.0.1:9", LEASE_SECONDS)
    with recorded(store) as statements:
        grid, learning = living.submit(), living.submit(RANDOM, trials=3)
        worker = living.worker()
        living.fail(worker, *living.claim(worker, 2))
        leases = living.claim(worker, 2)
        living.pause(grid)
        living.release(worker, *leases)
        living.resume(grid)
        living.prioritise(grid, 3)
        living.extend(grid, total_steps=40)
        living.retry(grid)
        living.train(worker)
        living.extend(learning, trials=7, total_steps=40, space={"schedule": ["rex"]})
        heir = plan(SweepSpec.model_validate(TPE | {"warm_start": {"sweep": learning}}))
        with store.read() as session:
            warm_start.resolve(session, living.principal, heir)
        living.train(worker)
        living.sampling.tell_all()
        mirror.show_states()
    assert too_much(store, statements) == {}
    assert len(statements) > 60


def test_the_rows_of_an_older_database_may_be_paused(empty_database: str) -> None:
    """What was there stays, indexes included; the constraints take the new words and still no others."""
    engine = engine_for(empty_database)
    with migrate._alone(engine) as connection:
        configuration = migrate.config()
        configuration.attributes["connection"] = connection
        command.upgrade(configuration, "0001")
        _fill(connection.exec_driver_sql)
    migrate.upgrade(empty_database)
    store = Store(empty_database)
    with store.write() as session:
        session.execute(text("UPDATE runs SET state = 'paused', paused = true"))
        session.execute(text("UPDATE attempts SET outcome = 'paused'"))
        assert session.execute(text("SELECT state, paused, forgiven FROM runs")).all() == [("paused", True, 0)]
        assert session.execute(text("SELECT study, warm, shown_state FROM sweeps")).all() == [(0, None, None)]
    for change in ("runs SET state = 'asleep'", "attempts SET outcome = 'asleep'", "trials SET state = 'paused'"):
        with pytest.raises(Exception, match=r"(?i)check constraint"), store.write() as session:
            session.execute(text(f"UPDATE {change}"))
    if store.is_sqlite:
        with store.read() as session:
            assert session.scalar(text("PRAGMA integrity_check")) == "ok"
            indexes = session.scalars(text("SELECT name FROM sqlite_master WHERE tbl_name = 'runs'")).all()
        assert "ix_runs_queued_shape" in indexes
    store.close()
    engine.dispose()


def _fill(execute: object) -> None:
    """A run of a sweep, as version 0.1 wrote it."""
    moment = "'2026-01-01 00:00:00+00:00'"
    assert callable(execute)
    for statement in (
        f"INSERT INTO teams VALUES (1, 'red', {moment})",
        f"INSERT INTO users VALUES (1, 1, 'ada', {moment})",
        f"INSERT INTO corpora VALUES ('d', 'text', 9, {moment})",
        "INSERT INTO sweeps (id, team_id, user_id, name, spec, findings, shape, corpus, priority, state, trials_total,"
        f" trials_made, updates_total, created_at) VALUES (1, 1, 1, 's', '{{}}', '[]', 'x', 'd', 0, 'running', 1, 1, 9,"
        f" {moment})",
        "INSERT INTO trials (id, sweep_id, number, params, schedule, optimizer, state)"
        " VALUES (1, 1, 0, '{}', '{}', '{}', 'queued')",
        "INSERT INTO workers (id, name, device, device_name, lanes, version, updates_per_second, registered_at,"
        f" last_seen_at) VALUES (1, 'w', 'cpu', 'cpu', 1, '0', 0, {moment}, {moment})",
        "INSERT INTO runs (id, sweep_id, trial_id, trunk, replicate, seed, shape, priority, state, total_steps,"
        f" created_at) VALUES (1, 1, 1, 't', 0, 0, 'x', 0, 'queued', 9, {moment})",
        f"INSERT INTO attempts (run_id, number, worker_id, fence, started_at) VALUES (1, 1, 1, 1, {moment})",
    ):
        execute(statement)
