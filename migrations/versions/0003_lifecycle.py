"""Sweeps that are paused, extended and warm-started; runs that are paused and tried again."""

import re

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.add_column("sweeps", sa.Column("submitted", JSON, nullable=True))
    op.add_column("sweeps", sa.Column("study", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("sweeps", sa.Column("warm", JSON, nullable=True))
    op.add_column("sweeps", sa.Column("shown_state", sa.String(length=16), nullable=True))
    op.add_column("runs", sa.Column("paused", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("runs", sa.Column("forgiven", sa.BigInteger(), server_default="0", nullable=False))
    _allow("runs", "state", "paused", after="running")
    _allow("attempts", "outcome", "paused", after="lost")


def _allow(table: str, column: str, word: str, *, after: str) -> None:
    """Let a column hold one more word, beside those that its constraint lists by now."""
    name = f"ck_{table}_{column}"
    if op.get_bind().dialect.name == "postgresql":
        definition = "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = :name"
        listed = _widened(str(op.get_bind().scalar(sa.text(definition), {"name": name})), word, after)
        op.drop_constraint(op.f(name), table, type_="check")
        op.create_check_constraint(op.f(name), table, f"{column} IN ({listed})")
        return
    # SQLite changes no constraint, and to copy the table would take long and lose its indexes. Its documentation
    # (lang_altertable.html, section 7) has this way for changes that leave the stored rows as they are.
    master = sa.table("sqlite_master", sa.column("type"), sa.column("name"), sa.column("sql"))
    of_table = (master.c.type == "table", master.c.name == table)
    bind = op.get_bind()
    made = str(bind.scalar(sa.select(master.c.sql).where(*of_table)))
    (check,) = re.findall(rf"CONSTRAINT {name} CHECK \({column} IN \([^)]*\)\)", made)
    wider = f"CONSTRAINT {name} CHECK ({column} IN ({_widened(check, word, after)}))"
    version = int(bind.scalar(sa.text("PRAGMA schema_version")) or 0)
    bind.execute(sa.text("PRAGMA writable_schema = ON"))
    bind.execute(sa.update(master).where(*of_table).values(sql=made.replace(check, wider)))
    bind.execute(sa.text(f"PRAGMA schema_version = {version + 1}"))
    bind.execute(sa.text("PRAGMA writable_schema = RESET"))


def _widened(definition: str, word: str, after: str) -> str:
    words = re.findall(r"'(\w+)'", definition)
    words.insert(words.index(after) + 1, word)
    return ", ".join(f"'{listed}'" for listed in words)
