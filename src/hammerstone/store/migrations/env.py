"""Run by Alembic: applies the migrations on the connection, and in the transaction, that it is handed."""

from __future__ import annotations

from alembic import context

from hammerstone.store.schema import VERSION_TABLE, metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    render_as_batch=True,  # SQLite cannot alter a column in place
)
context.run_migrations()
