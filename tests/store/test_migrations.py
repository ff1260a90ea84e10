from __future__ import annotations

from collections.abc import Iterator

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, inspect, make_url, text
from sqlalchemy.exc import IntegrityError

from hammerstone.store import open_store
from hammerstone.store.schema import HEAD, VERSION_TABLE, metadata


@pytest.fixture
def engine(where: str) -> Iterator[Engine]:
    with open_store(where) as store:
        store.add_task("sums", "")
        file = store.where
    url = make_url(where).set(drivername="postgresql+psycopg") if "://" in where else f"sqlite:///{file}"
    engine = create_engine(url)
    yield engine
    engine.dispose()


def test_the_migrations_build_the_tables_that_the_code_uses(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"version_table": VERSION_TABLE, "compare_server_default": True}
        )
        assert compare_metadata(context, metadata) == []


def test_the_migrations_build_the_names_and_indexes_that_the_code_names(engine: Engine) -> None:
    found = inspect(engine)
    for table in metadata.tables.values():
        unique = {each["name"] for each in found.get_unique_constraints(table.name)}
        indexes = {each["name"]: bool(each["unique"]) for each in found.get_indexes(table.name)}
        for index in table.indexes:
            assert indexes[str(index.name)] == index.unique
        assert unique == {str(each.name) for each in table.constraints if each.__visit_name__ == "unique_constraint"}


def test_the_newest_migration_is_the_one_the_code_knows() -> None:
    config = Config()
    config.set_main_option("script_location", "hammerstone.store:migrations")
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


@pytest.mark.parametrize(
    "twice",
    [
        "INSERT INTO tools (task_id, version, state, digest, document, created) VALUES (1, {n}, 'live', '{n}', '', '')",
        "INSERT INTO builds (task_id, state, owner, lease_until, instances, started, reason) "
        "VALUES (1, 'running', '', '', {n}, '', '')",
    ],
)
def test_the_database_itself_refuses_two_live_tools_and_two_running_builds(engine: Engine, twice: str) -> None:
    with engine.begin() as connection:
        connection.execute(text(twice.format(n=1)))
    with pytest.raises(IntegrityError), engine.begin() as connection:
        connection.execute(text(twice.format(n=2)))
    with engine.begin() as connection:
        connection.execute(text(twice.format(n=2).replace("'live'", "'replaced'").replace("'running'", "'failed'")))
