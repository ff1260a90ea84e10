from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Row, select

from hammerstone.errors import StoreError
from hammerstone.store import Store
from hammerstone.store.database import Database
from hammerstone.store.opening import DATABASE_FILE, database_url
from hammerstone.store.schema import tasks


@pytest.fixture
def database(where: str, store: Store) -> Iterator[Database]:
    """Another user of the store's database, which has two tasks."""
    store.add_task("sums", "")
    store.add_task("products", "")
    opened = Database(database_url(where), busy_seconds=1)
    yield opened
    opened.close()


def broken_off(database: Database, *, writing: bool) -> BaseException:
    """An exception in the midst of some rows; whoever keeps it keeps the rows that were not read."""
    with (
        pytest.raises(LookupError) as raised,
        database.write() if writing else database.read() as connection,
    ):
        tuple(refused(row) for row in connection.execute(select(tasks)))
    return raised.value


def refused(row: Row[Any]) -> str:
    raise LookupError(row.name)


@pytest.fixture
def file(where: str, database: Database) -> Path:
    """The file of a database that has connections open."""
    if "://" in where:
        pytest.skip("PostgreSQL keeps its files to itself")
    with database.write(), database.read():
        pass
    return Path(where) / DATABASE_FILE


def descriptions(database: Database) -> list[str]:
    with database.read() as connection:
        return [row.description for row in connection.execute(select(tasks))]


def describe(database: Database, text: str) -> None:
    with database.write() as connection:
        connection.execute(tasks.update().values(description=text))


def test_a_file_that_is_gone_is_an_error_until_it_is_back(database: Database, file: Path) -> None:
    away = file.rename(file.with_name("away"))
    for _ in range(2):
        with pytest.raises(StoreError, match="cannot be opened"):
            describe(database, "lost")
        with pytest.raises(StoreError, match="cannot be opened"):
            descriptions(database)
    assert not file.exists()
    away.rename(file)
    describe(database, "stored")
    assert descriptions(database) == ["stored"] * 2


def test_a_file_that_was_replaced_is_the_one_that_is_used(database: Database, store: Store, file: Path) -> None:
    other = file.with_name("other")
    with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(other)) as copy:
        source.backup(copy)
    describe(database, "before")
    store.close()
    for suffix in ("-wal", "-shm"):
        file.with_name(file.name + suffix).unlink(missing_ok=True)
    other.replace(file)
    assert descriptions(database) == [""] * 2
    describe(database, "after")
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT description FROM tasks").fetchall() == [("after",)] * 2


@pytest.mark.parametrize("writing", [False, True])
def test_an_exception_among_rows_leaves_no_old_state_of_the_database_behind(
    database: Database, store: Store, writing: bool
) -> None:
    kept = broken_off(database, writing=writing)
    store.add_task("quotients", "")
    with database.write() as connection:
        connection.execute(tasks.update().values(description="changed"))
    assert [task.description for task in store.tasks()] == ["changed"] * 3
    del kept
