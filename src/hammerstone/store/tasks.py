"""Tasks: the rows that everything else hangs on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import case, func, select, update

from hammerstone.digests import sha256
from hammerstone.errors import NotFoundError
from hammerstone.requests import PLAIN, Form, Frame, chat_document, chat_from, question_in
from hammerstone.store import schema
from hammerstone.store.database import insert_new, timestamp
from hammerstone.store.records import Task

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

    from hammerstone.types import Chat

__all__ = ["assign", "assigned", "ensure", "every", "find", "locked", "mark", "recount", "time_dependent", "widen"]

_DISPATCHES = schema.dispatches
_INSTANCES = schema.instances
_TASKS = schema.tasks


def every(connection: Connection, after: int = 0) -> tuple[Task, ...]:
    rows = select(_TASKS).where(_TASKS.c.id > after).order_by(_TASKS.c.id)
    return tuple(_task(row) for row in connection.execute(rows).all())


def find(connection: Connection, name: str) -> Task | None:
    row = connection.execute(select(_TASKS).where(_TASKS.c.name == name)).first()
    return _task(row) if row else None


def ensure(connection: Connection, name: str, description: str, frame: Frame = PLAIN, chat: Chat | None = None) -> Task:
    row = {"name": name, "description": description, "created": timestamp()}
    row |= {"frame": frame.digest, "form": frame.form, "chat": chat_document(chat)}
    insert_new(connection, _TASKS, row)
    return locked(connection, name)


def widen(connection: Connection, name: str, frame: Frame) -> Task:
    """Let the whole chat be the question from now on, in the instances that are there too."""
    task = locked(connection, name)
    connection.execute(update(_TASKS).where(_TASKS.c.id == task.id).values(frame=frame.digest, form=frame.form))
    rows = connection.execute(select(_INSTANCES).where(_INSTANCES.c.task_id == task.id)).all()
    for row in rows:
        chat = chat_from(row.chat)
        if chat is not None:
            question = question_in(chat, frame.form)
            values = {"question": question, "question_sha256": sha256(question)}
            connection.execute(update(_INSTANCES).where(_INSTANCES.c.id == row.id).values(values))
    return locked(connection, name)


def mark(connection: Connection, name: str, *, time_dependent: bool) -> Task:
    """Whether its answers depend on the time."""
    task = locked(connection, name)
    connection.execute(update(_TASKS).where(_TASKS.c.id == task.id).values(time_dependent=time_dependent))
    return locked(connection, name)


def time_dependent(connection: Connection) -> frozenset[str]:
    """The names of such tasks."""
    return frozenset(connection.execute(select(_TASKS.c.name).where(_TASKS.c.time_dependent)).scalars())


def assign(
    connection: Connection, question: str, name: str, description: str, frame: Frame = PLAIN, chat: Chat | None = None
) -> Task:
    task = ensure(connection, name, description, frame, chat)
    insert_new(connection, _DISPATCHES, {"question_sha256": _key(question, frame), "task_id": task.id})
    return task


def assigned(connection: Connection, question: str, frame: Frame = PLAIN) -> str | None:
    name = select(_TASKS.c.name).join(_DISPATCHES).where(_DISPATCHES.c.question_sha256 == _key(question, frame))
    return connection.execute(name).scalar()


def _key(question: str, frame: Frame) -> str:
    return sha256(f"{frame.digest}\0{question}" if frame.digest else question)


def locked(connection: Connection, name: str) -> Task:
    """The task, whose row is ours until the transaction ends: whatever changes one task queues up here."""
    row = connection.execute(select(_TASKS).where(_TASKS.c.name == name).with_for_update()).first()
    if row is None:
        raise NotFoundError(f"there is no task {name!r}", hint="`hammerstone tasks list` lists them")
    return _task(row)


def recount(connection: Connection, task_id: int) -> None:
    """Count a task's instances again after some were removed; it was last built from no more than are left."""
    there = select(func.count()).where(_INSTANCES.c.task_id == task_id).scalar_subquery()
    built_at = case((_TASKS.c.built_at > there, there), else_=_TASKS.c.built_at)
    connection.execute(update(_TASKS).where(_TASKS.c.id == task_id).values(instances=there, built_at=built_at))


def _task(row: Row[Any]) -> Task:
    return Task(
        id=row.id,
        name=row.name,
        description=row.description,
        instances=row.instances,
        built_at=row.built_at,
        frame=Frame(form=Form(row.form), digest=row.frame),
        chat=chat_from(row.chat),
        time_dependent=row.time_dependent,
    )
