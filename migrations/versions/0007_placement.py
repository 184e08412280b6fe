"""What sweeps require of workers, what workers have, and the fleets that obtain them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
KEY = sa.String(length=1200)


def upgrade() -> None:
    op.create_table(
        "fleets",
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("most", sa.BigInteger(), nullable=False),
        sa.Column("supplies", JSON, nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_fleets")),
    )
    op.add_column("workers", sa.Column("memory_gib", sa.Float(precision=53), nullable=True))
    op.add_column("workers", sa.Column("labels", JSON, server_default="{}", nullable=False))
    op.add_column("workers", sa.Column("slot", sa.String(length=200), nullable=True))
    op.add_column("sweeps", sa.Column("requirement", KEY, server_default="", nullable=False))
    op.add_column("runs", sa.Column("requirement", KEY, server_default="", nullable=False))
    _partial_index("ix_workers_slot", "workers", ["slot"], "left_at IS NULL AND slot IS NOT NULL")
    _partial_index("ix_sweeps_requirement", "sweeps", ["requirement", "state"], "requirement <> ''")


def _partial_index(name: str, table: str, columns: list[str | sa.TextClause], where: str) -> None:
    op.create_index(name, table, columns, postgresql_where=sa.text(where), sqlite_where=sa.text(where))
