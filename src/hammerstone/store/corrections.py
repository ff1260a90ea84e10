"""Corrections: somebody says that an answer was wrong, and perhaps what the right one is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select

from hammerstone.errors import NotFoundError, SettingsError
from hammerstone.requests.comparison import agree
from hammerstone.requests.frame import chat_from, question_in
from hammerstone.store import instances, schema, tasks, tools
from hammerstone.store.database import timestamp
from hammerstone.store.records import Actor, Correction, StoredInstance, ToolState
from hammerstone.types import Instance, Source

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

__all__ = ["correct"]

_ANSWERS = schema.answers
_CORRECTIONS = schema.corrections


def correct(connection: Connection, request_id: str, answer: str | None) -> Correction:
    given = _newest(connection, request_id)
    if answer is None and given.tool is None:
        hint = f"say what is right: hammerstone correct {request_id} --answer TEXT"
        raise SettingsError(f"no tool answered {request_id}, so there is nothing to take out of service", hint=hint)
    if answer is not None and agree(answer, given.answer):
        raise SettingsError(f"{request_id} was answered so", hint="to say only that it is wrong, give no answer")
    row = insert(_CORRECTIONS).values(answer_id=given.id, answer=answer, created=timestamp())
    connection.execute(row)
    quarantined = _quarantine(connection, given)
    labeled, former = _label(connection, given, answer)
    return Correction(
        request_id=request_id,
        question=given.question,
        wrong=given.answer,
        answer=answer,
        task=given.task,
        tool=given.tool,
        version=given.version,
        quarantined=quarantined,
        labeled=labeled,
        former_label=former,
    )


def _newest(connection: Connection, request_id: str) -> Row[Any]:
    rows = select(_ANSWERS).where(_ANSWERS.c.request_id == request_id, _ANSWERS.c.answer.is_not(None))
    row = connection.execute(rows.order_by(_ANSWERS.c.id.desc()).limit(1)).first()
    if row is None:
        hint = "`hammerstone solve --json` shows the id of each request; without one of its own it is the line's number"
        raise NotFoundError(f"no request {request_id!r} was answered here", hint=hint)
    return row


def _quarantine(connection: Connection, given: Row[Any]) -> bool:
    """Whether the version that gave the answer is out of service by this."""
    tool = tools.find(connection, given.tool, given.version) if given.tool is not None else None
    if tool is None or tool.state is ToolState.QUARANTINED:
        return False
    reason = f"its answer to {given.request_id!r} was corrected"
    tools.quarantine(connection, tool.task, tool.version, reason, Actor.CORRECTION)
    return True


def _label(connection: Connection, given: Row[Any], answer: str | None) -> tuple[bool, str | None]:
    """Keep the right answer as the caller's instance; whether there is one now, and the label that it replaced."""
    if answer is None or given.task is None or tasks.find(connection, given.task) is None:
        return False, None
    task, chat = tasks.find(connection, given.task), chat_from(given.chat)
    question = question_in(chat, task.frame.form) if chat is not None and task is not None else given.question
    instance = Instance(question=question, answer=answer, source=Source.CALLER, chat=chat)
    changed: StoredInstance | None = instances.add(connection, given.task, instance, given.request_id)
    return True, changed.former_answer if changed else None
