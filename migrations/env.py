"""Alembic's environment: runs the migrations on the connection that `service.store.migrate` gives."""

from alembic import context

from service.store.migrate import VERSION_TABLE
from service.store.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    version_table=VERSION_TABLE,
    render_as_batch=True,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
