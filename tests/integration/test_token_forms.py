"""Tokens of version 0.1 go on; a key that is lost or another is noticed at the start; copies hold no key."""

import hashlib
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import select, text

from service.backup import Places, back_up, restore
from service.domain import access, keys
from service.errors import StartupError, UnauthorizedError
from service.server import prepare
from service.settings import Settings
from service.store import migrate
from service.store.engine import Store
from service.store.tables import Event, Token
from service.token_key import TokenKey
from tests.integration.conftest import Database
from tests.integration.serving import running

OLD = "token-of-version-0.1-" + "x" * 20
ROWS = """
INSERT INTO teams (name, created_at) VALUES ('red', '2026-01-01 00:00:00+00:00');
INSERT INTO users (team_id, name, created_at) VALUES (1, 'ada', '2026-01-01 00:00:00+00:00');
INSERT INTO tokens (digest, role, name, user_id, created_at)
    VALUES ('{digest}', 'member', 'laptop', 1, '2026-01-01 00:00:00+00:00');
INSERT INTO events (at, kind, user_id, detail) VALUES ('2026-01-01 00:00:00+00:00', 'corpus.uploaded', 1, '{{}}')
"""


def released(url: str) -> None:
    """A database of version 0.1 with a user, whose token is kept as a plain sha256."""
    store = Store(url)
    options = {"rampline_write": True} if store.is_sqlite else {}
    with store.engine.connect().execution_options(**options) as connection, connection.begin():
        if not store.is_sqlite:
            connection.execute(text("CREATE SCHEMA rampline"))
        configuration = migrate.config()
        configuration.attributes["connection"] = connection
        command.upgrade(configuration, "0001")
        digest = hashlib.sha256(OLD.encode()).hexdigest()
        for statement in ROWS.format(digest=digest).split(";"):
            connection.execute(text(statement))
    store.close()


def test_a_token_of_version_0_1_is_accepted_and_its_plain_hash_is_gone(empty_database: str, tmp_path: Path) -> None:
    released(empty_database)
    settings = Settings(data_dir=tmp_path / "data", database_url=empty_database)
    for _ in range(2):
        prepare(settings)
    store, key = Store(settings.database), TokenKey.of(settings)
    with store.read() as session:
        found = access.authenticate(session, key, OLD)
        assert (found.role, found.token_id, found.user_id, found.team_id) == ("member", 1, 1, 1)
        token = session.scalars(select(Token)).one()
        assert (token.digest, token.key_id) == (key.digest(OLD), key.id)
        assert hashlib.sha256(OLD.encode()).hexdigest() != token.digest
        assert session.scalars(select(Event.team_id)).all() == [1]
        with pytest.raises(UnauthorizedError, match="not known"):
            access.authenticate(session, TokenKey("k" * 32), OLD)
    store.close()


def test_a_service_with_another_key_does_not_start_until_it_is_told_that_the_key_is_lost(
    database: Database, tmp_path: Path
) -> None:
    admin = tmp_path / "admin"
    admin.write_text("a token that an admin chose, of 256 bits")

    def settings(host: str) -> Settings:
        return Settings(
            data_dir=tmp_path / host,
            database_url=database.url,
            optuna_url=database.optuna_url,
            admin_token_file=admin,
        )

    prepare(settings("one"))
    prepare(settings("one"))
    with pytest.raises(StartupError, match=r"1 tokens .* another key than .*forget-tokens") as refused:
        prepare(settings("two"))
    assert "\n" not in str(refused.value)

    shared = settings("two").model_copy(update={"token_key_file": tmp_path / "one" / "token-key"})
    prepare(shared)
    store, key = Store(database.url), TokenKey.of(settings("two"))
    with store.write() as session:
        assert keys.forget_foreign(session, key) == 1
    prepare(settings("two"))
    with store.read() as session:
        assert access.authenticate(session, key, admin.read_text()).role == "admin"
        kinds = session.scalars(select(Event.kind).order_by(Event.id)).all()
    assert kinds == ["token.created", "token.forgotten", "token.created"]
    store.close()


@pytest.mark.usefixtures("programs")
@pytest.mark.parametrize("key_kept", [True, False])
def test_where_a_copy_is_restored_tokens_go_on_if_their_key_was_kept(
    database: Database, backend: str, request: pytest.FixtureRequest, tmp_path: Path, key_kept: bool
) -> None:
    (tmp_path / "here").mkdir()
    with running(database.url, database.optuna_url, tmp_path / "here") as serving:
        made = serving["admin"].create_token("member", "laptop", team="red", user="member")
        here = serving.parts.settings
    back_up(Places.of(here), tmp_path / "copy")
    secret = here.token_key.read_text().strip()
    assert not [path for path in (tmp_path / "copy").rglob("*") if path.is_file() and secret in str(path.read_bytes())]

    url = request.getfixturevalue("postgres").fresh() if backend == "postgresql" else None
    kept = here.token_key if key_kept else None
    there = Settings(data_dir=tmp_path / "there", database_url=url, token_key_file=kept)
    restore(Places.of(there), tmp_path / "copy")
    prepare(there)
    store, key = Store(there.database), TokenKey.of(there)
    with store.read() as session:
        if key_kept:
            assert access.authenticate(session, key, made.token).token_id == made.id
        else:
            with pytest.raises(UnauthorizedError):
                access.authenticate(session, key, made.token)
            assert None not in session.scalars(select(Token.revoked_at)).all()
    store.close()
