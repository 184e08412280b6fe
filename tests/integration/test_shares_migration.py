"""A database from before teams had shares: its runs are queued for the team of their sweep."""

from alembic import command
from sqlalchemy import select, text

from service.domain import fairness, queue, shares
from service.domain.fairness import USUAL
from service.domain.placement import Fit
from service.store import clock, migrate
from service.store.engine import SCHEMA, Store
from service.store.tables import Run, Team

ROWS = """
INSERT INTO teams (id, name, created_at) VALUES (1, 'red', :now), (2, 'blue', :now);
INSERT INTO users (id, team_id, name, created_at) VALUES (1, 1, 'ada', :now), (2, 2, 'bob', :now);
INSERT INTO corpora (digest, name, size, created_at) VALUES ('d', 'text', 1, :now);
INSERT INTO sweeps (id, team_id, user_id, name, spec, findings, shape, corpus, priority, state, trials_total,
                    trials_made, updates_total, created_at)
    SELECT id, id, id, 'old', '{}', '[]', 'x', 'd', 0, 'queued', 1, 1, 1, :now FROM teams;
INSERT INTO trials (id, sweep_id, number, params, schedule, optimizer, state)
    SELECT id, id, 0, '{}', '{}', '{}', 'queued' FROM sweeps;
INSERT INTO runs (id, sweep_id, trial_id, trunk, replicate, seed, shape, priority, state, total_steps, created_at)
    SELECT 3 - id, id, id, 't', 0, 0, 'x', 0, 'queued', 10, :now FROM sweeps
"""


def test_runs_of_before_are_queued_for_the_team_of_their_sweep(empty_database: str) -> None:
    before = Store(empty_database)
    if not before.is_sqlite:
        with before.engine.begin() as connection:
            connection.execute(text(f"CREATE SCHEMA {SCHEMA}"))
    _to_first(before)
    with before.engine.begin() as connection:
        for statement in ROWS.split(";\n"):
            connection.execute(text(statement), {"now": "2026-01-01 00:00:00+00:00"} if ":now" in statement else {})
    before.close()
    migrate.upgrade(empty_database)
    store = Store(empty_database)
    with store.read() as session:
        assert dict(session.execute(select(Run.id, Run.team_id)).all()) == {1: 2, 2: 1}
        assert {(team.weight, team.lane_quota) for team in session.scalars(select(Team))} == {(1.0, None)}
        waiting = shares.standings(session, clock.now(session), USUAL, most=5)
        assert fairness.allot(waiting, 5) == {1: 1, 2: 1}
        assert [run.id for run in session.scalars(queue.candidates("queued", 2, Fit("x"), 5, lock=False))] == [1]
    store.close()


def _to_first(store: Store) -> None:
    """The schema as it was released first."""
    configuration = migrate.config()
    with store.engine.connect().execution_options(rampline_write=True) as connection, connection.begin():
        configuration.attributes["connection"] = connection
        command.upgrade(configuration, "0001")
