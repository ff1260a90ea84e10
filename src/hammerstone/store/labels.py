"""What people say is right. It wins over every tool, and over what a model or an earlier person answered.

A tool is held to it here by the answers in its checks. What is in none of them is found by running the parser:
`life.labels`, when labels come in, and the gate of a build.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from hammerstone.digests import sha256
from hammerstone.requests import agree
from hammerstone.store import schema
from hammerstone.types import Source

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from hammerstone.tools import Tool

__all__ = ["contradicted", "digests", "of_question"]

_INSTANCES = schema.instances
_TASKS = schema.tasks
_PEOPLE = (Source.CALLER, Source.LABELER)


def of_question(connection: Connection, task_name: str, question: str) -> str | None:
    """A person's answer to this very question of a task."""
    rows = select(_INSTANCES.c.answer).join(_TASKS).where(_TASKS.c.name == task_name, _INSTANCES.c.source.in_(_PEOPLE))
    return connection.execute(rows.where(_INSTANCES.c.question_sha256 == sha256(question))).scalar()


def digests(connection: Connection) -> frozenset[bytes]:
    """The first 8 bytes of the SHA-256 of every question that a person has answered, of whatever task."""
    rows = select(_INSTANCES.c.question_sha256).where(_INSTANCES.c.source.in_(_PEOPLE))
    return frozenset(bytes.fromhex(one[:16]) for one in connection.execute(rows).scalars())


def contradicted(connection: Connection, task_id: int, tool: Tool, question: str | None = None) -> str:
    """How a tool's checks contradict a person's label of this question, or of any; empty if they do not."""
    rows = select(_INSTANCES.c.question, _INSTANCES.c.answer).where(_INSTANCES.c.task_id == task_id)
    rows = rows.where(_INSTANCES.c.source.in_(_PEOPLE)).order_by(_INSTANCES.c.id)
    if question is not None:
        rows = rows.where(_INSTANCES.c.question_sha256 == sha256(question))
    given = {check.question: check.answer for check in tool.checks}
    for row in connection.execute(rows).all():
        answer = given.get(row.question)
        if answer is not None and not agree(answer, row.answer):
            return f"it answers {answer!r} where a person's label is {row.answer!r}, for {row.question!r}"
    return ""
