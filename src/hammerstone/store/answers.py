"""Answers: one row for each request that was answered, or that failed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, insert, or_, select

from hammerstone.requests import chat_document, chat_from
from hammerstone.store import schema
from hammerstone.store.database import timestamp
from hammerstone.store.records import Answered, Kept, LedgerEntry
from hammerstone.types import Route

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, Row

    from hammerstone.store.keeping import Keeping

__all__ = [
    "LONGEST_MODEL",
    "RefusedQuestion",
    "WantedAnswers",
    "add",
    "find",
    "newest",
    "of_tool",
    "page",
    "refused",
    "refused_lately",
    "served",
    "there",
]

LONGEST_MODEL = 100  # characters of its name: a client may write anything there, and an index holds it

_ANSWERS = schema.answers
_TASKS = schema.tasks
_TOOLS = schema.tools


@dataclass(frozen=True, kw_only=True)
class WantedAnswers:
    """A filter of answers; all that is named must hold. `since` and `until` are moments (ISO 8601, UTC).

    `text` stands in the question or the answer, in whatever case, or is the request's id. `reported` are those of tools
    that somebody has said are wrong.
    """

    request_id: str | None = None
    task: str | None = None
    tool: str | None = None
    version: int | None = None
    route: Route | None = None
    model: str | None = None
    reported: bool = False
    text: str | None = None
    since: str | None = None
    until: str | None = None
    before_number: int | None = None
    after_number: int | None = None


@dataclass(frozen=True, kw_only=True)
class RefusedQuestion:
    """A request that a cheaper route refused, for these reasons, and another one answered."""

    number: int
    question: str
    answer: str | None
    reasons: tuple[str, ...]


def add(connection: Connection, answered: Sequence[Answered], keeping: Keeping) -> None:
    if answered:
        connection.execute(insert(_ANSWERS), [_row(*keeping.answered(each)) for each in answered])


def there(connection: Connection, request_ids: Sequence[str]) -> frozenset[str]:
    """The ids of these requests that are stored."""
    rows = select(_ANSWERS.c.request_id).where(_ANSWERS.c.request_id.in_(request_ids))
    return frozenset(connection.execute(rows).scalars())


def refused(connection: Connection, task_name: str, limit: int) -> tuple[str, ...]:
    tool_was_there = (
        select(_TOOLS.c.id)
        .join(_TASKS)
        .where(_TASKS.c.name == _ANSWERS.c.task, _TOOLS.c.created <= _ANSWERS.c.created)
        .exists()
    )
    questions = (
        select(_ANSWERS.c.question)
        .where(_ANSWERS.c.refused, _ANSWERS.c.task == task_name, _ANSWERS.c.kept != Kept.NOTHING, tool_was_there)
        .group_by(_ANSWERS.c.question)
        .order_by(func.max(_ANSWERS.c.id).desc())
        .limit(limit)
    )
    return tuple(connection.execute(questions).scalars().all())


def refused_lately(connection: Connection, task_name: str, limit: int) -> tuple[RefusedQuestion, ...]:
    columns = (_ANSWERS.c[name] for name in ("id", "question", "answer", "refusals"))
    rows = select(*columns).where(_ANSWERS.c.refused, _ANSWERS.c.task == task_name, _ANSWERS.c.kept != Kept.NOTHING)
    found = connection.execute(rows.order_by(_ANSWERS.c.id.desc()).limit(limit)).all()
    return tuple(
        RefusedQuestion(number=row.id, question=row.question, answer=row.answer, reasons=tuple(row.refusals))
        for row in found
    )


def served(connection: Connection, name: str) -> dict[int, int]:
    rows = select(_ANSWERS.c.version, func.count().label("requests")).where(_ANSWERS.c.tool == name)
    return {row.version: row.requests for row in connection.execute(rows.group_by(_ANSWERS.c.version)).all()}


def of_tool(connection: Connection, name: str, version: int, limit: int | None = None) -> tuple[Answered, ...]:
    rows = select(_ANSWERS).where(_ANSWERS.c.tool == name, _ANSWERS.c.version == version)
    newest = rows.order_by(_ANSWERS.c.id.desc()).limit(limit)
    return tuple(_answered(row) for row in connection.execute(newest).all())


def page(connection: Connection, wanted: WantedAnswers, limit: int) -> tuple[LedgerEntry, ...]:
    rows = select(_ANSWERS).order_by(_ANSWERS.c.id.desc()).limit(limit)
    for name in ("request_id", "task", "tool", "version", "route", "model"):
        if (value := getattr(wanted, name)) is not None:
            rows = rows.where(_ANSWERS.c[name] == value)
    if wanted.reported:
        rows = rows.where(_ANSWERS.c.id.in_(select(schema.corrections.c.answer_id)))
        rows = rows.where(_ANSWERS.c.correct.is_(False), _ANSWERS.c.tool.is_not(None))
    if wanted.since is not None:
        rows = rows.where(_ANSWERS.c.created >= wanted.since)
    if wanted.until is not None:
        rows = rows.where(_ANSWERS.c.created < wanted.until)
    if wanted.before_number is not None:
        rows = rows.where(_ANSWERS.c.id < wanted.before_number)
    if wanted.after_number is not None:
        rows = rows.where(_ANSWERS.c.id > wanted.after_number)
    if wanted.text is not None:
        held = (_ANSWERS.c[name].icontains(wanted.text, autoescape=True) for name in ("question", "answer"))
        rows = rows.where(or_(*held, _ANSWERS.c.request_id == wanted.text))
    return tuple(map(_entry, connection.execute(rows).all()))


def find(connection: Connection, number: int) -> LedgerEntry | None:
    row = connection.execute(select(_ANSWERS).where(_ANSWERS.c.id == number)).first()
    return _entry(row) if row else None


def newest(connection: Connection) -> int:
    return connection.execute(select(func.max(_ANSWERS.c.id))).scalar() or 0


def _entry(row: Row[Any]) -> LedgerEntry:
    return LedgerEntry(**_fields(row), number=row.id, created=row.created, kept=Kept(row.kept))


def _answered(row: Row[Any]) -> Answered:
    return Answered(**_fields(row))


def _fields(row: Row[Any]) -> dict[str, Any]:
    return {
        "id": row.request_id,
        "question": row.question,
        "answer": row.answer,
        "route": Route(row.route) if row.route else None,
        "task": row.task,
        "tool": row.tool,
        "version": row.version,
        "model_calls": row.model_calls,
        "cost_usd": row.cost_usd,
        "ms": row.ms,
        "error": row.error,
        "correct": row.correct,
        "refusals": tuple(row.refusals),
        "chat": chat_from(row.chat),
        "origin": row.origin,
    }


def _row(answered: Answered, kept: Kept) -> dict[str, object]:
    return {
        "request_id": answered.id,
        "question": answered.question,
        "answer": answered.answer,
        "route": answered.route,
        "task": answered.task,
        "tool": answered.tool,
        "version": answered.version,
        "model_calls": answered.model_calls,
        "cost_usd": answered.cost_usd,
        "ms": answered.ms,
        "error": answered.error,
        "correct": answered.correct,
        "refusals": list(answered.refusals),
        "refused": bool(answered.refusals) and answered.route not in (None, Route.PARSER),
        "created": timestamp(),
        "chat": chat_document(answered.chat),
        "model": (answered.chat.model or "")[:LONGEST_MODEL] or None if answered.chat is not None else None,
        "kept": kept,
        "origin": answered.origin,
    }
