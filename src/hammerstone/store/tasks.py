"""Tasks: the rows that everything else hangs on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from hammerstone.errors import NotFoundError
from hammerstone.escaping import sha256
from hammerstone.store import schema
from hammerstone.store.database import insert_new, timestamp
from hammerstone.store.records import Task

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

__all__ = ["assign", "assigned", "ensure", "every", "find", "locked"]

_DISPATCHES = schema.dispatches
_TASKS = schema.tasks


def every(connection: Connection) -> tuple[Task, ...]:
    return tuple(_task(row) for row in connection.execute(select(_TASKS).order_by(_TASKS.c.id)))


def find(connection: Connection, name: str) -> Task | None:
    row = connection.execute(select(_TASKS).where(_TASKS.c.name == name)).first()
    return _task(row) if row else None


def ensure(connection: Connection, name: str, description: str) -> Task:
    insert_new(connection, _TASKS, {"name": name, "description": description, "created": timestamp()})
    return locked(connection, name)


def assign(connection: Connection, question: str, name: str, description: str) -> Task:
    task = ensure(connection, name, description)
    insert_new(connection, _DISPATCHES, {"question_sha256": sha256(question), "task_id": task.id})
    return task


def assigned(connection: Connection, question: str) -> str | None:
    name = select(_TASKS.c.name).join(_DISPATCHES).where(_DISPATCHES.c.question_sha256 == sha256(question))
    return connection.execute(name).scalar()


def locked(connection: Connection, name: str) -> Task:
    """The task, whose row is ours until the transaction ends: whatever changes one task queues up here."""
    row = connection.execute(select(_TASKS).where(_TASKS.c.name == name).with_for_update()).first()
    if row is None:
        raise NotFoundError(f"there is no task {name!r}", hint="`hammerstone tasks` lists them")
    return _task(row)


def _task(row: Row[Any]) -> Task:
    return Task(id=row.id, name=row.name, description=row.description, instances=row.instances, built_at=row.built_at)
