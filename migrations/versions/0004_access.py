"""Access: users and teams that are disabled, keyed hashes of tokens, and who caused an event, from where."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("teams", sa.Column("disabled_at", MOMENT, nullable=True))
    op.add_column("users", sa.Column("disabled_at", MOMENT, nullable=True))
    op.create_index(op.f("ix_users_name"), "users", ["name"])
    op.add_column("tokens", sa.Column("key_id", sa.String(length=16), nullable=True))
    op.add_column("tokens", sa.Column("hint", sa.String(length=40), nullable=True))
    with op.batch_alter_table("events") as events:
        events.add_column(sa.Column("team_id", ID, nullable=True))
        events.add_column(sa.Column("token_id", ID, nullable=True))
        events.add_column(sa.Column("request_id", sa.String(length=100), nullable=True))
        events.add_column(sa.Column("address", sa.String(length=64), nullable=True))
        events.create_foreign_key(op.f("fk_events_team_id_teams"), "teams", ["team_id"], ["id"])
        events.create_foreign_key(op.f("fk_events_token_id_tokens"), "tokens", ["token_id"], ["id"])
    op.execute(
        "UPDATE events SET team_id = coalesce("
        "(SELECT team_id FROM sweeps WHERE sweeps.id = events.sweep_id),"
        " (SELECT team_id FROM users WHERE users.id = events.user_id))"
    )
    for column in ("team_id", "user_id", "kind"):
        op.create_index(op.f(f"ix_events_{column}_id"), "events", [column, "id"])
