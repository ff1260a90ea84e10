from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Row, select

from hammerstone.store import Store
from hammerstone.store.database import Database
from hammerstone.store.opening import database_url
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
