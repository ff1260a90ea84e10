"""The labeler's queue."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import or_, select, update

from hammerstone.errors import NotFoundError
from hammerstone.requests import PLAIN, chat_document, chat_from, question_in
from hammerstone.store import instances, schema, tasks
from hammerstone.store.database import insert_new, timestamp
from hammerstone.store.keeping import ALL
from hammerstone.store.records import Queued
from hammerstone.types import Instance, Source

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, Row

    from hammerstone.requests import Frame
    from hammerstone.store.keeping import Keeping
    from hammerstone.types import JSON, Chat

__all__ = ["add", "find", "hold", "label", "labels", "skip", "waiting"]

_QUEUE = schema.queue


def add(
    connection: Connection,
    request_id: str,
    question: str,
    task: str | None,
    chat: Chat | None = None,
    frame: Frame = PLAIN,
    keeping: Keeping = ALL,
) -> Queued:
    """An answer for one task, or in one frame, is none for another: ids may be line numbers, and come again.

    What of its text is left out, nobody learns from: it is of no task then.
    """
    document = chat_document(chat)
    former = _of_earlier_release(connection, request_id, question, task) if frame == PLAIN else None
    if former is not None:
        return _queued(former)
    sha256 = _sha256(request_id, question, document, task, frame.digest)
    is_whole = keeping.is_whole(question) and (chat is None or keeping.is_whole_chat(chat))
    row: dict[str, object] = {"sha256": sha256, "request_id": request_id, "task": task if is_whole else None}
    row |= {
        "question": keeping.text(question),
        "queued": timestamp(),
        "chat": chat_document(keeping.chat(chat)) if chat is not None else None,
    }
    insert_new(connection, _QUEUE, row)
    return _queued(connection.execute(select(_QUEUE).where(_QUEUE.c.sha256 == sha256)).one())


def _of_earlier_release(connection: Connection, request_id: str, question: str, task: str | None) -> Row[Any] | None:
    """The first release knew a request by its id and question alone."""
    row = connection.execute(select(_QUEUE).where(_QUEUE.c.sha256 == _sha256(request_id, question))).first()
    return row if row is not None and row.task == task else None


def _sha256(*parts: JSON) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def find(connection: Connection, queued_id: int) -> Queued | None:
    row = connection.execute(select(_QUEUE).where(_QUEUE.c.id == queued_id)).first()
    return _queued(row) if row else None


def labels(connection: Connection, request_ids: Sequence[str]) -> dict[tuple[str, str], str]:
    rows = select(_QUEUE.c.request_id, _QUEUE.c.question, _QUEUE.c.answer).order_by(_QUEUE.c.labeled)
    rows = rows.where(_QUEUE.c.request_id.in_(request_ids), _QUEUE.c.answer.is_not(None))
    return {(row.request_id, row.question): row.answer for row in connection.execute(rows).all()}


def waiting(connection: Connection) -> tuple[Queued, ...]:
    rows = select(_QUEUE).where(_QUEUE.c.labeled.is_(None)).order_by(_QUEUE.c.queued, _QUEUE.c.id)
    return tuple(_queued(row) for row in connection.execute(rows).all())


def hold(connection: Connection, who: str, seconds: float) -> Queued | None:
    """The first that nobody else holds, or that `who` holds already."""
    now = timestamp()
    is_free = or_(_QUEUE.c.held_until.is_(None), _QUEUE.c.held_until < now, _QUEUE.c.held_by == who)
    rows = select(_QUEUE.c.id).where(_QUEUE.c.labeled.is_(None), is_free).order_by(_QUEUE.c.queued, _QUEUE.c.id)
    first = connection.execute(rows.limit(1).with_for_update(skip_locked=True)).scalar()
    if first is None:
        return None
    held = update(_QUEUE).where(_QUEUE.c.id == first).values(held_by=who, held_until=timestamp(seconds_ahead=seconds))
    return _queued(connection.execute(held.returning(_QUEUE)).one())


def skip(connection: Connection, queued_id: int) -> Queued:
    entry = update(_QUEUE).where(_QUEUE.c.id == queued_id, _QUEUE.c.labeled.is_(None))
    later = entry.values(queued=timestamp(), held_until=None)
    row = connection.execute(later.returning(_QUEUE)).first()
    if row is None:
        raise _gone(queued_id)
    return _queued(row)


def label(connection: Connection, queued_id: int, answer: str, keeping: Keeping = ALL) -> Queued:
    entry = update(_QUEUE).where(_QUEUE.c.id == queued_id, _QUEUE.c.labeled.is_(None))
    row = connection.execute(entry.values(labeled=timestamp(), answer=answer).returning(_QUEUE)).first()
    if row is None:
        raise _gone(queued_id)
    queued = _queued(row)
    if queued.task is not None and keeping.is_whole(answer):
        _store(connection, queued.task, queued, answer)
    return queued


def _gone(queued_id: int) -> NotFoundError:
    return NotFoundError(f"nothing waits under {queued_id}", hint="`hammerstone label` lists what waits")


def _store(connection: Connection, task_name: str, queued: Queued, answer: str) -> None:
    task = tasks.ensure(connection, task_name, "")
    question = question_in(queued.chat, task.frame.form) if queued.chat else queued.question
    instance = Instance(question=question, answer=answer, source=Source.LABELER, chat=queued.chat)
    instances.add(connection, task_name, instance, queued.request_id)


def _queued(row: Row[Any]) -> Queued:
    return Queued(
        id=row.id,
        request_id=row.request_id,
        question=row.question,
        task=row.task,
        queued=row.queued,
        answer=row.answer,
        chat=chat_from(row.chat),
    )
