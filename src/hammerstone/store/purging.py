"""Removing the text of requests and answers, while what was counted and paid stays.

Rows that only hold text go: instances, the labeler's queue, digests of questions. Of the others the text goes and the
figures stay: answers, calls, comparisons, builds with their attempts, changes of state, and what a task keeps of its
first request. Tools are made of code and of the questions that they were checked on: they stay unless they are named.

Everything is done in batches, each a transaction of its own, so that whoever else works with the store goes on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, and_, cast, delete, func, literal_column, or_, select, update

from hammerstone.store import counters, schema, tasks
from hammerstone.store import selection as selected
from hammerstone.store.records import BuildState, Kept

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, Table

    from hammerstone.store.selection import Selection

__all__ = ["BATCH", "PurgeStep", "Purged", "batch", "count", "forget_cached_answers", "purge", "purges", "steps"]

BATCH = 500  # rows of a transaction

_ANSWERS = schema.answers
_BUILDS = schema.builds
_CALLS = schema.calls
_INSTANCES = schema.instances
_QUEUE = schema.queue
_TASKS = schema.tasks
_TOOLS = schema.tools
_WITH_TEXT = _ANSWERS.c.kept != literal_column(f"'{Kept.NOTHING}'")
"""As the index has it: SQLite compares the words."""


@dataclass(frozen=True, kw_only=True)
class Purged:
    """How many rows lost their text, or went. `others` are attempts, changes of state, first requests of tasks, and
    digests of questions."""

    requests: int = 0
    instances: int = 0
    queued: int = 0
    calls: int = 0
    comparisons: int = 0
    builds: int = 0
    tools: int = 0
    others: int = 0

    def __add__(self, other: Purged) -> Purged:
        return Purged(**{name: getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__})


@dataclass(frozen=True, kw_only=True)
class PurgeStep:
    """Rows of one table, and what is done to a batch of them by their ids, after which they are no such rows any more.

    `counted` is their name in `Purged`. With `by_age` an index finds the oldest of them first.
    """

    table: Table
    where: ColumnElement[bool]
    change: Callable[[Connection, Sequence[int]], None]
    counted: str
    by_age: bool = False


def steps(connection: Connection, selection: Selection, *, with_tools: bool) -> tuple[PurgeStep, ...]:
    """What is to be done, in order."""
    return (
        *_text_steps(connection, selection),
        *_build_steps(connection, selection),
        *_dispatch_steps(connection, selection),
        *(_tool_steps(connection, selection) if with_tools else ()),
        _answers_step(selection),  # last, since the others look here for the request that is named
    )


def _text_steps(connection: Connection, selection: Selection) -> tuple[PurgeStep, ...]:
    """What was asked and answered, but for the answers themselves."""
    of_task, named = selected.of_tasks(connection, selection), selected.named(selection)
    compared = schema.comparisons
    first_chats = selected.with_first_chat(connection, selection)
    queued = and_(selected.of_name(selection, _QUEUE), named(_QUEUE, "queued"))
    return (
        PurgeStep(table=_TASKS, where=first_chats, change=_blank_chats, counted="others"),
        PurgeStep(
            table=_INSTANCES,
            where=and_(of_task(_INSTANCES), named(_INSTANCES)),
            change=_drop_instances,
            counted="instances",
            by_age=selection.before is not None,
        ),
        PurgeStep(table=_QUEUE, where=queued, change=_deleted(_QUEUE), counted="queued"),
        PurgeStep(
            table=_CALLS,
            where=and_(cast(_CALLS.c.prompt, Text) != "{}", selected.calls(connection, selection)),
            change=_blanked(_CALLS, key="", prompt={}, text="", request_id=None),
            counted="calls",
        ),
        PurgeStep(
            table=compared,
            where=and_(
                or_(compared.c.tool_answer != "", compared.c.upstream_answer != ""),
                compared.c.tool_id.in_(select(_TOOLS.c.id).where(of_task(_TOOLS))),
                named(compared),
            ),
            change=_blanked(compared, tool_answer="", upstream_answer="", request_id=""),
            counted="comparisons",
        ),
    )


def _build_steps(connection: Connection, selection: Selection) -> tuple[PurgeStep, ...]:
    """What quotes questions in builds, and in the reasons why tools changed their states."""
    of_task = selected.of_tasks(connection, selection)
    started = selected.quoting(connection, selection, _BUILDS.c.started, of_task(_BUILDS))
    its_builds = select(_BUILDS.c.id).where(started)
    its_tools = select(_TOOLS.c.id).where(of_task(_TOOLS))
    changes, attempts = schema.changes, schema.attempts
    changed = selected.quoting(connection, selection, changes.c.created, changes.c.tool_id.in_(its_tools))
    has_ended = _BUILDS.c.state != BuildState.RUNNING
    has_text = or_(_BUILDS.c.reason != "", _BUILDS.c.document.is_not(None))
    return (
        PurgeStep(
            table=attempts,
            where=and_(attempts.c.source != "", attempts.c.build_id.in_(its_builds)),
            change=_blanked(attempts, source="", problems=[]),
            counted="others",
        ),
        PurgeStep(
            table=_BUILDS,
            where=and_(has_ended, has_text, _BUILDS.c.id.in_(its_builds)),
            change=_blanked(_BUILDS, reason="", document=None, disagreement=None),
            counted="builds",
        ),
        PurgeStep(
            table=changes,
            where=and_(changes.c.reason != "", changed),
            change=_blanked(changes, reason=""),
            counted="others",
        ),
    )


def _dispatch_steps(connection: Connection, selection: Selection) -> tuple[PurgeStep, ...]:
    """Digests of questions, which have no date and no request: they go with all that is of a task, or of a tenant."""
    if selection.before is not None or selection.request_id is not None:
        return ()
    table = schema.dispatches
    of_task = selected.of_tasks(connection, selection)
    return (PurgeStep(table=table, where=of_task(table), change=_deleted(table), counted="others"),)


def _tool_steps(connection: Connection, selection: Selection) -> tuple[PurgeStep, ...]:
    of_task = selected.of_tasks(connection, selection)
    theirs = and_(of_task(_TOOLS), selected.tools(connection, selection))
    return (PurgeStep(table=_TOOLS, where=theirs, change=_drop_tools, counted="tools"),)


def _answers_step(selection: Selection) -> PurgeStep:
    answered = and_(_WITH_TEXT, selected.of_name(selection, _ANSWERS), selected.named(selection)(_ANSWERS))
    by_age = selection.before is not None
    return PurgeStep(table=_ANSWERS, where=answered, change=_blank_answers, counted="requests", by_age=by_age)


def count(connection: Connection, steps: Sequence[PurgeStep]) -> Purged:
    """How many rows it would be."""
    counted: Counter[str] = Counter()
    for one in steps:
        rows = select(func.count()).select_from(one.table).where(one.where)
        counted[one.counted] += connection.execute(rows).scalar_one()
    return Purged(**counted)


def batch(connection: Connection, step: PurgeStep, after: int) -> Sequence[int]:
    """The ids of the next rows, beyond this one unless the oldest come first."""
    rows = select(step.table.c.id).where(step.where).limit(BATCH)
    if step.by_age:
        rows = rows.order_by(step.table.c.created)
    else:
        rows = rows.where(step.table.c.id > after).order_by(step.table.c.id)
    return connection.execute(rows).scalars().all()


def purge(connection: Connection, step: PurgeStep, ids: Sequence[int]) -> int:
    """Do these rows, as far as they are still to be done; how many they were."""
    left = select(step.table.c.id).where(step.table.c.id.in_(ids), step.where)
    still = connection.execute(left).scalars().all()
    if still:
        step.change(connection, still)
    return len(still)


def forget_cached_answers(connection: Connection) -> None:
    """Let every process forget what it has in memory of answers."""
    counters.count_up(connection, counters.PURGES)
    counters.count_up(connection, counters.TOOLS)


def purges(connection: Connection) -> int:
    """A number that grows with every purge of what is named, rather than old."""
    return counters.value(connection, counters.PURGES)


# what is done to them


def _deleted(table: Table) -> Callable[[Connection, Sequence[int]], None]:
    return lambda connection, ids: _run(connection, delete(table).where(table.c.id.in_(ids)))


def _blanked(table: Table, **values: object) -> Callable[[Connection, Sequence[int]], None]:
    return lambda connection, ids: _run(connection, update(table).where(table.c.id.in_(ids)).values(values))


def _run(connection: Connection, statement: Any) -> None:
    connection.execute(statement)


def _drop_instances(connection: Connection, ids: Sequence[int]) -> None:
    its_tasks = select(_INSTANCES.c.task_id).where(_INSTANCES.c.id.in_(ids)).distinct()
    touched = connection.execute(its_tasks).scalars().all()
    connection.execute(delete(_INSTANCES).where(_INSTANCES.c.id.in_(ids)))
    for task_id in touched:
        tasks.recount(connection, task_id)
    counters.count_up(connection, counters.TOOLS)  # labels of people may be among them


def _drop_tools(connection: Connection, ids: Sequence[int]) -> None:
    for table in (schema.changes, schema.comparisons):
        connection.execute(delete(table).where(table.c.tool_id.in_(ids)))
    connection.execute(delete(_TOOLS).where(_TOOLS.c.id.in_(ids)))
    counters.count_up(connection, counters.TOOLS)


def _blank_answers(connection: Connection, ids: Sequence[int]) -> None:
    its = _ANSWERS.c.id.in_(ids)
    blank: dict[str, object] = {"request_id": "", "question": "", "refusals": [], "chat": None, "origin": None}
    blank["kept"] = Kept.NOTHING
    connection.execute(update(_ANSWERS).where(its).values(blank))
    for column in ("answer", "error"):  # where there was none, there is none
        connection.execute(update(_ANSWERS).where(its, _ANSWERS.c[column].is_not(None)).values({column: ""}))
    corrections = schema.corrections
    connection.execute(update(corrections).where(corrections.c.answer_id.in_(ids)).values(answer=None))


def _blank_chats(connection: Connection, ids: Sequence[int]) -> None:
    for row in connection.execute(select(_TASKS.c.id, _TASKS.c.form, _TASKS.c.chat).where(_TASKS.c.id.in_(ids))).all():
        connection.execute(
            update(_TASKS).where(_TASKS.c.id == row.id).values(chat=selected.left_of(row.form, row.chat))
        )
