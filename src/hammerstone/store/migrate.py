"""Bring a database's tables up to date with Alembic, which is imported only when there is something to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import inspect, select

from hammerstone.errors import StoreError
from hammerstone.store.schema import HEAD, VERSION_TABLE, versions

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from hammerstone.store.database import Database

__all__ = ["migrate", "schema_version"]


def migrate(database: Database) -> None:
    """Raises `StoreError` if the tables are newer than this version of hammerstone."""
    with database.read() as connection:
        if schema_version(connection, database.schema) == HEAD:
            return
    with database.migrating() as connection:
        if schema_version(connection, database.schema) != HEAD:  # another process may have been quicker
            _upgrade(connection, database.where)


def schema_version(connection: Connection, schema: str | None = None) -> str | None:
    """The last migration that was applied; `None` in a database or a schema without our tables."""
    if not inspect(connection).has_table(VERSION_TABLE, schema=schema):
        return None
    return connection.execute(select(versions.c.version_num)).scalar()


def _upgrade(connection: Connection, where: str) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", "hammerstone.store:migrations")
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise StoreError(
            f"the database {where} was written by a newer version of hammerstone", hint="upgrade hammerstone"
        ) from error
