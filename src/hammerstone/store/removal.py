"""Removing a task with everything that hangs on it. What was paid and what was answered stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, select, update

from hammerstone.store import builds, counters, schema, tasks, tools

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["remove_task"]


def remove_task(connection: Connection, name: str) -> None:
    task = tasks.locked(connection, name)
    builds.refuse_while_running(connection, task)
    its_builds = select(schema.builds.c.id).where(schema.builds.c.task_id == task.id)
    connection.execute(delete(schema.attempts).where(schema.attempts.c.build_id.in_(its_builds)))
    tools.delete_all(connection, task.id)
    for table in (schema.builds, schema.instances, schema.dispatches):
        connection.execute(delete(table).where(table.c.task_id == task.id))
    connection.execute(delete(schema.tasks).where(schema.tasks.c.id == task.id))
    counters.count_up(connection, counters.TOOLS)
    # Whoever waits for a labeler goes on waiting; the label will be an answer, and no instance.
    waiting = update(schema.queue).where(schema.queue.c.task == name, schema.queue.c.labeled.is_(None))
    connection.execute(waiting.values(task=None))
