"""Somebody says that an answer was wrong, and perhaps what the right one is; or that it was right.

Neither is counted among a tool's comparisons: people look at answers that they chose, and the bound of a false-hit rate
holds for a random sample alone. That an answer was right is a label.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import func, insert, select, update

from hammerstone.digests import pair_digest
from hammerstone.errors import NotFoundError, SettingsError
from hammerstone.requests import agree, chat_from, question_in
from hammerstone.store import counters, instances, schema, tasks, tools
from hammerstone.store.database import timestamp
from hammerstone.store.keeping import ALL
from hammerstone.store.records import Actor, Agreement, Correction, GivenCorrection, Kept, ToolState
from hammerstone.types import Instance, Route, Source

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row, Select

    from hammerstone.store.keeping import Keeping

__all__ = ["confirm", "correct", "newest_first", "of_answer", "reported", "withdrawn"]

_ANSWERS = schema.answers
_CORRECTIONS = schema.corrections
_OF_ANSWERS = ("request_id", "question", "answer", "tool", "version")


def correct(connection: Connection, request_id: str, answer: str | None, keeping: Keeping = ALL) -> Correction:
    given = _newest(connection, request_id)
    if answer is not None and agree(answer, given.answer):
        raise SettingsError(f"{request_id} was answered so", hint="to say only that it is wrong, give no answer")
    source = _source(connection, given)
    is_news = _keep(connection, given, None if answer is None else keeping.text(answer))
    quarantined = _quarantine(connection, given)
    labeled, former = _label(connection, source, answer if answer is not None and keeping.is_whole(answer) else None)
    if answer is not None and not labeled and given.tool is None:
        raise _no_label(given, source)
    dropped = answer is None and _drop(connection, source)
    if is_news and answer is None and given.tool is None and given.route != Route.EXACT and not dropped:
        hint = f"say what is right: hammerstone correct {request_id} --answer TEXT"
        raise SettingsError(f"no tool answered {request_id}, so there is nothing to take out of service", hint=hint)
    return Correction(
        request_id=request_id,
        question=given.question,
        wrong=given.answer,
        answer=answer,
        task=source.task,
        tool=given.tool,
        version=given.version,
        quarantined=quarantined,
        labeled=labeled,
        former_label=former,
        dropped=dropped,
    )


def confirm(connection: Connection, request_id: str) -> Agreement:
    given = _newest(connection, request_id)
    source = _source(connection, given)
    connection.execute(update(_ANSWERS).where(_ANSWERS.c.id == given.id).values(correct=True))
    counters.count_up(connection, counters.TOOLS)  # what was said to be wrong before is so no more
    labeled, _ = _label(connection, source, given.answer)
    return Agreement(request_id=request_id, task=source.task, labeled=labeled)


def newest_first(connection: Connection, limit: int, before: int | None) -> tuple[GivenCorrection, ...]:
    rows = _given()
    if before is not None:
        rows = rows.where(_CORRECTIONS.c.id < before)
    return tuple(map(_given_correction, connection.execute(rows.limit(limit)).all()))


def of_answer(connection: Connection, number: int) -> tuple[GivenCorrection, ...]:
    rows = connection.execute(_given().where(_CORRECTIONS.c.answer_id == number)).all()
    return tuple(map(_given_correction, rows))


def _given() -> Select[Any]:
    columns = (_ANSWERS.c[name].label(f"answer_{name}") for name in _OF_ANSWERS)
    return select(_CORRECTIONS, *columns).join(_ANSWERS).order_by(_CORRECTIONS.c.id.desc())


def _given_correction(row: Row[Any]) -> GivenCorrection:
    return GivenCorrection(
        id=row.id,
        request_id=row.answer_request_id,
        question=row.answer_question,
        wrong=row.answer_answer,
        answer=row.answer,
        tool=row.answer_tool,
        version=row.answer_version,
        created=row.created,
    )


def reported(connection: Connection, tool: str | None, version: int | None) -> int:
    rows = select(func.count()).where(_ANSWERS.c.id.in_(select(_CORRECTIONS.c.answer_id)))
    rows = rows.where(_ANSWERS.c.correct.is_(False), _ANSWERS.c.tool.is_not(None))
    for name, value in (("tool", tool), ("version", version)):
        if value is not None:
            rows = rows.where(_ANSWERS.c[name] == value)
    return connection.execute(rows).scalar_one()


def withdrawn(connection: Connection) -> frozenset[bytes]:
    corrected = select(_ANSWERS.c.question, _ANSWERS.c.answer).join(_CORRECTIONS).where(_ANSWERS.c.correct.is_(False))
    return frozenset(pair_digest(row.question, row.answer or "") for row in connection.execute(corrected))


def _keep(connection: Connection, given: Row[Any], answer: str | None) -> bool:
    """Store a correction; whether it is new."""
    connection.execute(update(_ANSWERS).where(_ANSWERS.c.id == given.id).values(correct=False))
    counters.count_up(
        connection, counters.TOOLS
    )  # what is known to be wrong is served from no cache: all must know of it
    before = select(_CORRECTIONS.c.answer).where(_CORRECTIONS.c.answer_id == given.id)
    said = connection.execute(before.order_by(_CORRECTIONS.c.id.desc()).limit(1)).first()
    if said is not None and said.answer == answer:
        return False
    connection.execute(insert(_CORRECTIONS).values(answer_id=given.id, answer=answer, created=timestamp()))
    return True


def _newest(connection: Connection, request_id: str) -> Row[Any]:
    rows = select(_ANSWERS).where(_ANSWERS.c.request_id == request_id, _ANSWERS.c.answer.is_not(None))
    row = connection.execute(rows.order_by(_ANSWERS.c.id.desc()).limit(1)).first()
    if row is None:
        hint = "`hammerstone solve --json` shows the id of each request; without one of its own it is the line's number"
        raise NotFoundError(f"no request {request_id!r} was answered here", hint=hint)
    return row


def _source(connection: Connection, given: Row[Any]) -> Row[Any]:
    """The answer that the exact cache has given again; any other one is its own source."""
    if given.origin is None:
        return given
    first = select(_ANSWERS).where(_ANSWERS.c.request_id == given.origin).order_by(_ANSWERS.c.id).limit(1)
    return connection.execute(first).first() or given


def _quarantine(connection: Connection, given: Row[Any]) -> bool:
    """Take the version that gave the answer out of service; whether it was in service."""
    tool = tools.find(connection, given.tool, given.version) if given.tool is not None else None
    if tool is None or tool.state is ToolState.QUARANTINED:
        return False
    reason = f"its answer to {given.request_id!r} was corrected"
    tools.quarantine(connection, tool.task, tool.version, reason, Actor.CORRECTION)
    return True


def _label(connection: Connection, given: Row[Any], answer: str | None) -> tuple[bool, str | None]:
    """Keep the right answer as the caller's instance; whether there is one now, and the label that it replaced."""
    asked = _question(connection, given)
    if answer is None or asked is None:
        return False, None
    instance = Instance(question=asked, answer=answer, source=Source.CALLER, chat=chat_from(given.chat))
    changed = instances.add(connection, given.task, instance, given.request_id)
    return True, changed.former_answer if changed else None


def _no_label(given: Row[Any], source: Row[Any]) -> SettingsError:
    """Why the right answer cannot be kept, where nothing else comes of it."""
    why = "no task is known of it" if source.kept == Kept.WHOLE else "not all of its text was stored"
    message = f"the right answer to {given.request_id} cannot become its label: {why}"
    only_wrong = "; to say only that it is wrong, give no answer" if given.route == Route.EXACT else ""
    return SettingsError(message, hint=f"nothing was changed{only_wrong}")


def _drop(connection: Connection, given: Row[Any]) -> bool:
    """Remove the instance that holds the wrong answer; whether there was one. A labeler's was a person's label."""
    asked = _question(connection, given)
    sources = [Source.SOLVER] if given.route != Route.LABELER else list(Source)
    return asked is not None and instances.drop(connection, given.task, asked, given.answer, sources)


def _question(connection: Connection, given: Row[Any]) -> str | None:
    """What was asked, as its task reads it; `None` where there is no task, or not all of the text was kept."""
    task = tasks.find(connection, given.task) if given.task is not None else None
    if task is None or given.kept != Kept.WHOLE:
        return None
    chat = chat_from(given.chat)
    return question_in(chat, task.frame.form) if chat is not None else given.question
