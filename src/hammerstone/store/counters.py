"""Numbers that only grow: by them a process sees whether what it has in memory is still true."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from hammerstone.store import schema
from hammerstone.store.database import insert_into

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["KEYS", "KEY_USAGE", "PURGES", "TOOLS", "count_up", "value"]

KEYS, KEY_USAGE, PURGES, TOOLS = "keys", "key_usage", "purges", "tools"

_COUNTERS = schema.counters


def count_up(connection: Connection, name: str) -> int:
    """The next number. Other transactions wait for it until this one ends, so that numbers are committed in order."""
    first = insert_into(connection, _COUNTERS).values(name=name, value=1)
    next_one = first.on_conflict_do_update(index_elements=["name"], set_={"value": _COUNTERS.c.value + 1})
    return connection.execute(next_one.returning(_COUNTERS.c.value)).scalar_one()


def value(connection: Connection, name: str) -> int:
    """The number now; 0 before the first."""
    return connection.execute(select(_COUNTERS.c.value).where(_COUNTERS.c.name == name)).scalar() or 0
