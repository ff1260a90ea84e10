"""Which rows of the tables a purge is about: those of the requests that are selected, and what may quote them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, false, func, or_, select, true

from hammerstone.requests import Form
from hammerstone.store import schema

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, Table

__all__ = ["Selection", "calls", "left_of", "named", "of_name", "of_tasks", "quoting", "tools", "with_first_chat"]

_ANSWERS = schema.answers
_CALLS = schema.calls
_INSTANCES = schema.instances
_TASKS = schema.tasks
_TOOLS = schema.tools


@dataclass(frozen=True, kw_only=True)
class Selection:
    """The selected requests: before a moment (ISO 8601, UTC), of one task, of one id; by default all of a store."""

    before: str | None = None
    task: str | None = None
    request_id: str | None = None


def named(selection: Selection) -> Callable[..., ColumnElement[bool]]:
    def holds(table: Table, created: str = "created") -> ColumnElement[bool]:
        conditions: list[ColumnElement[bool]] = []
        if selection.before is not None:
            conditions.append(table.c[created] < selection.before)
        if selection.request_id is not None:
            conditions.append(table.c.request_id == selection.request_id)
        return and_(true(), *conditions)

    return holds


def of_name(selection: Selection, table: Table) -> ColumnElement[bool]:
    """Condition for rows of a table that stores the task's name."""
    return true() if selection.task is None else table.c.task == selection.task


def of_tasks(connection: Connection, selection: Selection) -> Callable[[Table], ColumnElement[bool]]:
    """Condition for rows of a table that stores the task's id: the selected task's, or that of the selected request."""
    names = [selection.task] if selection.task is not None else _tasks_of(connection, selection)

    def holds(table: Table) -> ColumnElement[bool]:
        if names is None:
            return true()
        return table.c.task_id.in_(select(_TASKS.c.id).where(_TASKS.c.name.in_(names)))

    return holds


def _tasks_of(connection: Connection, selection: Selection) -> list[str] | None:
    if selection.request_id is None:
        return None
    rows = select(_ANSWERS.c.task).where(_ANSWERS.c.request_id == selection.request_id, _ANSWERS.c.task.is_not(None))
    return list(connection.execute(rows.distinct()).scalars())


def quoting(
    connection: Connection, selection: Selection, moment: ColumnElement[str], its: ColumnElement[bool]
) -> ColumnElement[bool]:
    """What may quote the selected requests: all that is as old as they may be, or that came after the one named."""
    if selection.request_id is not None:
        first = select(func.min(_ANSWERS.c.created)).where(_ANSWERS.c.request_id == selection.request_id)
        return and_(its, moment >= (connection.execute(first).scalar() or "9"))
    return its if selection.before is None else and_(its, moment < selection.before)


def calls(connection: Connection, selection: Selection) -> ColumnElement[bool]:
    """Calls for a request, and those of builds of its task, whose prompts may quote it."""
    if selection.request_id is None:
        return and_(of_name(selection, _CALLS), named(selection)(_CALLS))
    names = _tasks_of(connection, selection) or []
    of_builds = and_(_CALLS.c.request_id.is_(None), _CALLS.c.task.in_(names))
    later = quoting(connection, selection, _CALLS.c.created, of_builds)
    return or_(_CALLS.c.request_id == selection.request_id, later)


def with_first_chat(connection: Connection, selection: Selection) -> ColumnElement[bool]:
    """Tasks that quote their first request. Which one that was is not known: it goes by age, or with any of theirs."""
    rows = select(_TASKS.c.id, _TASKS.c.form, _TASKS.c.chat).where(_TASKS.c.chat.is_not(None))
    if selection.request_id is not None:
        named = select(_INSTANCES.c.task_id).where(_INSTANCES.c.request_id == selection.request_id)
        rows = rows.where(_TASKS.c.id.in_(named))
    if selection.task is not None:
        rows = rows.where(_TASKS.c.name == selection.task)
    if selection.before is not None:
        rows = rows.where(_TASKS.c.created < selection.before)
    found = [row.id for row in connection.execute(rows).all() if left_of(row.form, row.chat) != row.chat]
    return _TASKS.c.id.in_(found)


def tools(connection: Connection, selection: Selection) -> ColumnElement[bool]:
    """The versions that are as old, or that were checked on the question of the request that is named."""
    if selection.request_id is None:
        return true() if selection.before is None else _TOOLS.c.created < selection.before
    tables = (_INSTANCES, _ANSWERS)
    rows = (select(table.c.question).where(table.c.request_id == selection.request_id) for table in tables)
    asked = {question for query in rows for question in connection.execute(query).scalars()}
    return or_(false(), *(_TOOLS.c.document.contains(json.dumps(one), autoescape=True) for one in asked))


def left_of(form: str, chat: dict[str, Any]) -> dict[str, Any]:
    """The turns that all requests of a task have stay: they are what it is about."""
    turns = chat["messages"]
    blank = [{**turn, "content": ""} for turn in turns]
    left = [*turns[:-1], blank[-1]] if form == Form.LAST else blank
    return {**chat, "messages": left}
