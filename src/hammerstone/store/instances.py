"""Instances: each question once per task, in order of arrival.

The answer of a caller or a labeler replaces the one that is there: of two people the later one is right. What differs
from it only as JSON or as a number is the same label in another spelling. A solver's replaces nothing: its first answer
may have been corrected, and comes again whenever its stored reply is replayed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, select, update

from hammerstone.digests import sha256
from hammerstone.errors import NotFoundError
from hammerstone.requests import agree, chat_document, chat_from, same_label
from hammerstone.store import contests, counters, schema, tasks
from hammerstone.store.database import insert_new, timestamp
from hammerstone.store.records import StoredInstance, Task
from hammerstone.types import Source

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, Row

    from hammerstone.requests import Frame
    from hammerstone.store.records import Finished
    from hammerstone.types import Instance

__all__ = ["add", "add_all", "drop", "of_task", "relabel", "task_of"]

_INSTANCES = schema.instances
_TASKS = schema.tasks


def task_of(connection: Connection, question: str, frame: Frame) -> str | None:
    """The only task of this frame that has this very question."""
    names = (
        select(_TASKS.c.name)
        .join(_INSTANCES)
        .where(_TASKS.c.frame == frame.digest, _TASKS.c.form == frame.form)
        .where(_INSTANCES.c.question_sha256 == sha256(question))
    )
    found = connection.execute(names.limit(2)).scalars().all()
    return found[0] if len(found) == 1 else None


def add(connection: Connection, task_name: str, instance: Instance, request_id: str) -> StoredInstance | None:
    return _add(connection, tasks.locked(connection, task_name), instance, request_id)


def add_all(connection: Connection, finished: Sequence[Finished]) -> frozenset[str]:
    """The instances of requests, but for those of tasks that are gone or have another frame; the names of these."""
    names = sorted({one.task for one in finished if one.task is not None})  # whoever locks several does so in order
    there = {name: tasks.locked(connection, name) if tasks.find(connection, name) else None for name in names}
    stale: set[str] = set()
    for one in finished:
        if one.task is None or one.instance is None:
            continue
        task = there[one.task]
        if task is None or one.frame not in {None, task.frame}:
            stale.add(one.task)
        else:
            _add(connection, task, one.instance, one.answered.id)
    return frozenset(stale)


def _add(connection: Connection, task: Task, instance: Instance, request_id: str) -> StoredInstance | None:
    created = timestamp()
    row = {
        "task_id": task.id,
        "question_sha256": sha256(instance.question),
        "question": instance.question,
        "answer": instance.answer,
        "source": instance.source,
        "request_id": request_id,
        "created": created,
        "chat": chat_document(instance.chat),
    }
    added = insert_new(connection, _INSTANCES, row)
    if added is None:
        return _correct(connection, task.id, instance)
    connection.execute(update(_TASKS).where(_TASKS.c.id == task.id).values(instances=_TASKS.c.instances + 1))
    _contest(connection, task.id, instance.question, instance.source)
    return StoredInstance(
        id=added,
        question=instance.question,
        answer=instance.answer,
        source=instance.source,
        request_id=request_id,
        former_answer=None,
        chat=instance.chat,
        created=created,
    )


def _correct(connection: Connection, task_id: int, instance: Instance) -> StoredInstance | None:
    """Put a person's answer in the place of the stored one; a build may then start at once."""
    if instance.source is Source.SOLVER:
        return None
    same = _INSTANCES.c.task_id == task_id, _INSTANCES.c.question_sha256 == sha256(instance.question)
    there = connection.execute(select(_INSTANCES).where(*same)).one()
    relabeled = relabel(connection, there.id, instance.answer, instance.source)
    if same_label(there.answer, instance.answer):
        return None
    connection.execute(update(_TASKS).where(_TASKS.c.id == task_id).values(built_at=0))
    return relabeled


def drop(connection: Connection, task_name: str, question: str, wrong: str, sources: Sequence[Source]) -> bool:
    """Remove what one of these sources answered to this question, if it is this, which is wrong; whether it was there.

    What was built from it and serves is quarantined.
    """
    task = tasks.locked(connection, task_name)
    same = _INSTANCES.c.task_id == task.id, _INSTANCES.c.question_sha256 == sha256(question)
    row = connection.execute(select(_INSTANCES).where(*same, _INSTANCES.c.source.in_(sources))).first()
    if row is None or not agree(row.answer, wrong):
        return False
    connection.execute(delete(_INSTANCES).where(_INSTANCES.c.id == row.id))
    tasks.recount(connection, task.id)
    contests.refute(connection, task.id, question, wrong)
    return True


def of_task(connection: Connection, task_name: str) -> tuple[StoredInstance, ...]:
    rows = select(_INSTANCES).join(_TASKS).where(_TASKS.c.name == task_name).order_by(_INSTANCES.c.id)
    return tuple(_instance(row) for row in connection.execute(rows).all())


def relabel(connection: Connection, instance_id: int, answer: str, source: Source) -> StoredInstance:
    this = _INSTANCES.c.id == instance_id
    name = connection.execute(select(_TASKS.c.name).join(_INSTANCES).where(this)).scalar()
    if name is None:
        raise NotFoundError(f"there is no instance {instance_id}")
    tasks.locked(connection, name)
    row = connection.execute(select(_INSTANCES).where(this)).one()
    if source is Source.SOLVER and row.source != Source.SOLVER:
        return _instance(row)
    former = row.former_answer if same_label(row.answer, answer) else row.answer
    connection.execute(update(_INSTANCES).where(this).values(answer=answer, source=source, former_answer=former))
    _contest(connection, row.task_id, row.question, source)
    return _instance(connection.execute(select(_INSTANCES).where(this)).one())


def _contest(connection: Connection, task_id: int, question: str, source: Source) -> None:
    """A tool that was checked on this question with another answer serves no more, if a person said so."""
    if source is not Source.SOLVER:
        contests.contest(connection, task_id, question)
        counters.count_up(connection, counters.TOOLS)  # what a person says wins over every tool: all must know of it


def _instance(row: Row[Any]) -> StoredInstance:
    return StoredInstance(
        id=row.id,
        question=row.question,
        answer=row.answer,
        source=Source(row.source),
        request_id=row.request_id,
        former_answer=row.former_answer,
        chat=chat_from(row.chat),
        created=row.created,
    )
