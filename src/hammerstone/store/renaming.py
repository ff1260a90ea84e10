"""Tasks that get another name, or become part of another task. What was built, answered and paid follows the name."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, select, update

from hammerstone.errors import SettingsError
from hammerstone.requests import same_label
from hammerstone.store import builds, changes, contests, counters, schema, tasks
from hammerstone.store.records import Actor, BuildState, Merged, MergedLabel, Move, Task, ToolState
from hammerstone.tools import Tool, is_tool_name, tool_name

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

__all__ = ["merge", "rename"]

_ANSWERS = schema.answers
_BUILDS = schema.builds
_INSTANCES = schema.instances
_TASKS = schema.tasks
_TOOLS = schema.tools


def rename(connection: Connection, old: str, new: str) -> Task:
    task = tasks.locked(connection, old)
    if not is_tool_name(new):
        raise SettingsError(
            f"{new!r} is not a name for a task", hint=f"snake_case, as in {tool_name(new) or 'word_sorting'}"
        )
    if tasks.find(connection, new) is not None:
        raise SettingsError(
            f"there is a task {new} already", hint=f"to make one of both: hammerstone tasks merge {old} {new}"
        )
    builds.refuse_while_running(connection, task)
    connection.execute(update(_TASKS).where(_TASKS.c.id == task.id).values(name=new))
    for table in (_TOOLS, _BUILDS):
        with_tool = select(table).where(table.c.task_id == task.id, table.c.document.is_not(None))
        for row in connection.execute(with_tool).all():
            connection.execute(update(table).where(table.c.id == row.id).values(_renamed(table, row.document, new)))
    connection.execute(update(_ANSWERS).where(_ANSWERS.c.tool == old).values(tool=new))
    _follow(connection, old, new)
    counters.count_up(connection, counters.TOOLS)
    return replace(task, name=new)


def merge(connection: Connection, source: str, target: str) -> Merged:
    locked = {name: tasks.locked(connection, name) for name in sorted({source, target})}
    gone, task = locked[source], locked[target]
    if gone.id == task.id:
        raise SettingsError(f"{source} and {target} are one task", hint="name two tasks")
    if gone.frame != task.frame:
        raise SettingsError(
            f"the requests of {source} and {target} have different frames: other models, formats or fixed messages",
            hint="a tool of one must not answer requests of the other",
        )
    for one in (gone, task):
        builds.refuse_while_running(connection, one)
    versions = _move_tools(connection, gone, task)
    _move_builds(connection, gone, task, versions)
    conflicts = _merge_labels(connection, gone, task)
    moved = _move_instances(connection, gone, task)
    dispatches = schema.dispatches
    connection.execute(update(dispatches).where(dispatches.c.task_id == gone.id).values(task_id=task.id))
    _follow(connection, source, target)
    connection.execute(delete(_TASKS).where(_TASKS.c.id == gone.id))
    contests.contest(connection, task.id)
    counters.count_up(connection, counters.TOOLS)
    return Merged(
        task=tasks.locked(connection, target), instances=moved, tools=tuple(versions.values()), conflicts=conflicts
    )


def _follow(connection: Connection, old: str, new: str) -> None:
    """The tables that know a task by its name alone."""
    for table in (_ANSWERS, schema.calls, schema.queue):
        connection.execute(update(table).where(table.c.task == old).values(task=new))


def _renamed(table: Any, document: str, name: str) -> dict[str, str]:
    """A tool's document under another name, which its digest covers."""
    tool = replace(Tool.from_json(document), name=name)
    return {"document": tool.to_json()} | ({"digest": tool.digest} if table is _TOOLS else {})


def _move_tools(connection: Connection, gone: Task, task: Task) -> dict[int, int]:
    """Move all versions, with new numbers: the new one of each old one."""
    rows = connection.execute(select(_TOOLS).where(_TOOLS.c.task_id == gone.id).order_by(_TOOLS.c.version)).all()
    versions: dict[int, int] = {}
    for row in rows:
        values = _renamed(_TOOLS, row.document, task.name)
        same = select(_TOOLS.c.id, _TOOLS.c.version).where(_TOOLS.c.task_id == task.id)
        there = connection.execute(same.where(_TOOLS.c.digest == values["digest"])).first()
        if there is None:
            versions[row.version] = _move_tool(connection, row, task, values)
        else:  # it was exported from one task, and imported into the other
            versions[row.version] = there.version
            _unite(connection, row, there.id)
    for old, new in versions.items():
        of_old = _ANSWERS.c.tool == gone.name, _ANSWERS.c.version == old
        connection.execute(update(_ANSWERS).where(*of_old).values(tool=task.name, version=new))
    return versions


def _move_tool(connection: Connection, row: Row[Any], task: Task, values: dict[str, str]) -> int:
    number = update(_TASKS).where(_TASKS.c.id == task.id).values(last_version=_TASKS.c.last_version + 1)
    version = connection.execute(number.returning(_TASKS.c.last_version)).scalar_one()
    moved = {**values, "task_id": task.id, "version": version, "state": ToolState.REPLACED}
    connection.execute(update(_TOOLS).where(_TOOLS.c.id == row.id).values(moved))
    move = Move(to=ToolState.REPLACED, reason=f"its task was merged into {task.name}")
    changes.add(connection, row.id, ToolState(row.state), move, Actor.MERGE)
    return version


def _unite(connection: Connection, row: Row[Any], tool_id: int) -> None:
    """Let what was compared of a version be of the same one, which is there already, and drop the second."""
    compared = schema.comparisons
    connection.execute(update(compared).where(compared.c.tool_id == row.id).values(tool_id=tool_id))
    counters = ("compared", "disagreed", "false_hits")
    more = {name: _TOOLS.c[name] + getattr(row, name) for name in counters}
    connection.execute(update(_TOOLS).where(_TOOLS.c.id == tool_id).values(more))
    connection.execute(delete(schema.changes).where(schema.changes.c.tool_id == row.id))
    connection.execute(delete(_TOOLS).where(_TOOLS.c.id == row.id))


def _move_builds(connection: Connection, gone: Task, task: Task, versions: dict[int, int]) -> None:
    """No build of the task that is gone can be settled any more."""
    ended = (BuildState.LIVE, BuildState.PASSED, BuildState.NEEDS_REVIEW)
    for row in connection.execute(select(_BUILDS).where(_BUILDS.c.task_id == gone.id)).all():
        values: dict[str, object] = {"task_id": task.id, "improves": versions.get(row.improves)}
        values |= {"state": BuildState.REPLACED} if row.state in ended else {}
        values |= _renamed(_BUILDS, row.document, task.name) if row.document else {}
        connection.execute(update(_BUILDS).where(_BUILDS.c.id == row.id).values(values))


def _merge_labels(connection: Connection, gone: Task, task: Task) -> tuple[MergedLabel, ...]:
    """Unite the instances of a question that both tasks have: `task`'s label is kept, the other as its former one."""
    one, other = _INSTANCES.alias(), _INSTANCES.alias()
    pairs = (
        select(one.c.id, one.c.question, one.c.answer, other.c.id.label("other_id"), other.c.answer.label("former"))
        .join(other, other.c.question_sha256 == one.c.question_sha256)
        .where(one.c.task_id == task.id, other.c.task_id == gone.id)
        .order_by(one.c.id)
    )
    conflicts: list[MergedLabel] = []
    for row in connection.execute(pairs).all():
        if not same_label(row.answer, row.former):
            kept = update(_INSTANCES).where(_INSTANCES.c.id == row.id).values(former_answer=row.former)
            connection.execute(kept)
            conflicts.append(MergedLabel(question=row.question, answer=row.answer, former_answer=row.former))
        connection.execute(delete(_INSTANCES).where(_INSTANCES.c.id == row.other_id))
    return tuple(conflicts)


def _move_instances(connection: Connection, gone: Task, task: Task) -> int:
    moved = update(_INSTANCES).where(_INSTANCES.c.task_id == gone.id).values(task_id=task.id)
    count = connection.execute(moved).rowcount
    all_of_it = select(func.count()).where(_INSTANCES.c.task_id == task.id).scalar_subquery()
    connection.execute(update(_TASKS).where(_TASKS.c.id == task.id).values(instances=all_of_it))
    return count
