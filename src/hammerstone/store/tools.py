"""Tools: versions that never change, in states that do. At most one version of a task is live, and one in shadow."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, delete, func, insert, select, update

from hammerstone.errors import NotFoundError, SettingsError, ToolRefusedError
from hammerstone.store import changes, counters, labels, schema, tasks
from hammerstone.store.database import timestamp
from hammerstone.store.records import Actor, Move, StoredTool, Tally, Task, ToolState, UnreadableTool
from hammerstone.tools import Tool, tool_name
from hammerstone.types import Route

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, Connection, Row

__all__ = [
    "LIVE_FIRST",
    "adopt",
    "approve",
    "change",
    "current",
    "delete_all",
    "every",
    "find",
    "in_state",
    "keep",
    "locked",
    "publish",
    "quarantine",
    "remove",
    "roll_back",
    "serving",
    "set_state",
    "stored",
    "tally",
    "unreadable",
]

_TASKS = schema.tasks
_TOOLS = schema.tools

LIVE_FIRST = ((_TOOLS.c.state == ToolState.LIVE).desc(), _TOOLS.c.version.desc())


def in_state(connection: Connection, state: ToolState) -> tuple[StoredTool, ...]:
    rows = _selected().where(_TOOLS.c.state == state).order_by(_TASKS.c.name, _TOOLS.c.version)
    return _readable(connection.execute(rows).all())


def every(connection: Connection) -> tuple[StoredTool, ...]:
    rows = _selected().order_by(_TASKS.c.name, _TOOLS.c.version)
    return _readable(connection.execute(rows).all())


def current(connection: Connection) -> tuple[StoredTool, ...]:
    rank = func.row_number().over(partition_by=_TOOLS.c.task_id, order_by=LIVE_FIRST)
    ranked = select(_TOOLS.c.id, rank.label("rank")).subquery()
    rows = _selected().join(ranked, ranked.c.id == _TOOLS.c.id).where(ranked.c.rank == 1).order_by(_TASKS.c.name)
    return _readable(connection.execute(rows).all())


def unreadable(connection: Connection) -> tuple[UnreadableTool, ...]:
    rows = connection.execute(_selected().order_by(_TASKS.c.name, _TOOLS.c.version)).all()
    return tuple(
        UnreadableTool(task=row.task, version=row.version, state=row.state, why=why)
        for row in rows
        if (why := _fault(row))
    )


def find(connection: Connection, name: str, version: int | None) -> StoredTool | None:
    row = _row(connection, name, version)
    return stored(row) if row else None


def publish(connection: Connection, tool: Tool, state: ToolState, reason: str) -> StoredTool:
    task = tasks.ensure(connection, tool.name, tool.description, tool.frame)
    move = Move(to=state, reason=reason or "it passed the gate")
    row = _same(connection, task.id, tool)
    if row is not None:
        return change(connection, row, move, Actor.GATE)
    return _enter(connection, task.id, tool, move)


def keep(connection: Connection, tool: Tool) -> StoredTool:
    task = tasks.ensure(connection, tool.name, tool.description, tool.frame)
    row = _same(connection, task.id, tool)
    move = Move(to=ToolState.DISABLED, reason="it was imported, and did not pass the gate")
    return stored(row) if row else _enter(connection, task.id, tool, move)


def adopt(connection: Connection, tool: Tool, reason: str) -> StoredTool:
    """Put a tool into shadow; one that is stored already stays as it is.

    It gets another name if a task of another frame has its own.
    """
    named = tasks.find(connection, tool.name)
    if named is not None and named.frame != tool.frame:
        tool = replace(tool, name=tool_name(f"{tool.name}_{tool.frame.digest[:6] or 'plain'}"))
    task = tasks.ensure(connection, tool.name, tool.description, tool.frame)
    row = _same(connection, task.id, tool)
    if row is not None:
        return stored(row)
    return _enter(connection, task.id, tool, Move(to=ToolState.SHADOW, reason=reason), Actor.PERSON)


def set_state(connection: Connection, name: str, version: int | None, move: Move, who: Actor) -> StoredTool:
    """Set the state of a version. Disabling without a version disables all that serves, or would one day by itself;
    where none is live, the one that a person disabled last goes live again.
    """
    row = locked(connection, name, version)
    if version is None and move.to is ToolState.LIVE and row.state != ToolState.LIVE:
        row = locked(connection, name, changes.last_disabled(connection, row.task_id))
    if version is None and move.to is ToolState.DISABLED:
        for other in _others(connection, row, _TOOLS.c.state.in_((ToolState.LIVE, ToolState.SHADOW))):
            _move(connection, other, move, who)
    return change(connection, row, move, who)


def approve(connection: Connection, name: str, version: int | None, to: ToolState) -> StoredTool:
    row = locked(connection, name, version, state=ToolState.GATED)
    if Route.PARSER not in stored(row).tool.routes:
        to = ToolState.LIVE  # in shadow nothing of it would be compared
    return change(connection, row, Move(to=to, reason="it was approved"), Actor.PERSON)


def quarantine(connection: Connection, name: str, version: int | None, reason: str, who: Actor) -> StoredTool:
    row = locked(connection, name, version)
    return change(connection, row, Move(to=ToolState.QUARANTINED, reason=reason), who)


def roll_back(connection: Connection, name: str, version: int | None) -> StoredTool:
    task = _locked_task(connection, name)
    if version is None:
        earlier = changes.were_live(connection, task.id)
        if not earlier:
            hint = f"`hammerstone tools enable {name} --version N` puts another into service"
            raise NotFoundError(f"no earlier version of {name} was live", hint=hint)
        version = earlier[0]
    row = locked(connection, name, version)
    if row.state != ToolState.REPLACED:
        hint = f"hammerstone tools enable {name} --version {version}" if row.state != ToolState.LIVE else ""
        raise SettingsError(f"version {version} of {name} was not replaced: it is {row.state}", hint=hint)
    return change(connection, row, Move(to=ToolState.LIVE, reason="it was brought back"), Actor.PERSON)


def remove(connection: Connection, name: str) -> None:
    if not delete_all(connection, _locked_task(connection, name).id):
        raise _missing(name)
    counters.count_up(connection, counters.TOOLS)


def delete_all(connection: Connection, task_id: int) -> int:
    """Delete a task's versions with all that is known of them; how many there were."""
    versions = select(_TOOLS.c.id).where(_TOOLS.c.task_id == task_id)
    for table in (schema.changes, schema.comparisons):
        connection.execute(delete(table).where(table.c.tool_id.in_(versions)))
    return connection.execute(delete(_TOOLS).where(_TOOLS.c.task_id == task_id)).rowcount


def locked(connection: Connection, name: str, version: int | None, state: ToolState | None = None) -> Row[Any]:
    """A version, whose task is ours until the transaction ends. Raises `NotFoundError`."""
    _locked_task(connection, name)
    row = _row(connection, name, version, state)
    if row is None:
        which = name if version is None else f"{name} version {version}"
        raise _missing(f"{which} that is {state}" if state else which)
    return row


def change(connection: Connection, row: Row[Any], move: Move, who: Actor, *, is_new: bool = False) -> StoredTool:
    """Bring a version of a locked task into a state, and whatever is in its way out of it.

    Raises `SettingsError` if it is to go live against a person's label, and `ToolRefusedError` if it cannot be read.
    """
    if not is_new:
        stored(row)  # one that cannot be read is refused before anything is changed
    if move.to is ToolState.LIVE and (
        why := labels.contradicted(connection, row.task_id, Tool.from_json(row.document))
    ):
        hint = "make it anew, or correct the label: hammerstone make"
        raise SettingsError(f"this version cannot go live: {why}", hint=hint)
    _move(connection, row, move, who, is_new=is_new)
    return stored(connection.execute(_selected().where(_TOOLS.c.id == row.id)).one())


def serving(connection: Connection, task_id: int, question: str | None = None) -> list[tuple[Row[Any], Tool]]:
    """What serves, or would one day by itself: of those that were checked on this question, or of all."""
    states = _TOOLS.c.state.in_((ToolState.LIVE, ToolState.SHADOW))
    rows = connection.execute(_selected().where(_TOOLS.c.task_id == task_id, states)).all()
    named = [row for row in rows if question is None or json.dumps(question) in row.document]  # reading one takes time
    return [(row, Tool.from_json(row.document)) for row in named if not _fault(row)]


def _move(connection: Connection, row: Row[Any], move: Move, who: Actor, *, is_new: bool = False) -> None:
    if is_new or row.state != move.to:
        _make_way(connection, row, move.to, who)
        values: dict[str, object] = {"state": move.to}
        values |= {"in_a_row": 0} if move.to is ToolState.SHADOW else {}
        connection.execute(update(_TOOLS).where(_TOOLS.c.id == row.id).values(values))
        changes.add(connection, row.id, None if is_new else ToolState(row.state), move, who)
    counters.count_up(connection, counters.TOOLS)


def stored(row: Row[Any]) -> StoredTool:
    """Raises `ToolRefusedError` for a version that cannot be read."""
    try:
        tool = _read(row)
    except ToolRefusedError as error:
        hint = f"`hammerstone tools remove {row.task}` removes it; its task's instances stay"
        message = f"{row.task}, version {row.version}, cannot be read: {error.message}"
        raise ToolRefusedError(message, hint=hint) from None
    return StoredTool(
        tool=tool,
        task=row.task,
        version=row.version,
        state=ToolState(row.state),
        created=row.created,
        tally=tally(row),
    )


def _readable(rows: Sequence[Row[Any]]) -> tuple[StoredTool, ...]:
    """The versions that can be read: one damaged tool takes no other out of service."""
    readable: list[StoredTool] = []
    for row in rows:
        with suppress(ToolRefusedError):
            readable.append(stored(row))
    return tuple(readable)


def _read(row: Row[Any]) -> Tool:
    """Raises `ToolRefusedError`."""
    if row.state not in list(ToolState):
        raise ToolRefusedError(f"its state {row.state!r} is unknown")
    return Tool.from_json(row.document)


def _fault(row: Row[Any]) -> str:
    """Why a version cannot be read; empty if it can."""
    try:
        _read(row)
    except ToolRefusedError as error:
        return error.message
    return ""


def tally(row: Row[Any]) -> Tally:
    return Tally(compared=row.compared, disagreed=row.disagreed, false_hits=row.false_hits, in_a_row=row.in_a_row)


def _make_way(connection: Connection, row: Row[Any], to: ToolState, who: Actor) -> None:
    """Replace the version that is live, with what is in shadow and older; or the one in shadow."""
    shadow = _TOOLS.c.state == ToolState.SHADOW
    match to:
        case ToolState.LIVE:
            in_the_way = (_TOOLS.c.state == ToolState.LIVE) | (shadow & (_TOOLS.c.version < row.version))
        case ToolState.SHADOW:
            in_the_way = shadow
        case _:
            return
    for other in _others(connection, row, in_the_way):
        move = Move(to=ToolState.REPLACED, reason=f"version {row.version} is {to}")
        _move(connection, other, move, who)  # one that cannot be read may be in the way, too


def _others(connection: Connection, row: Row[Any], which: ColumnElement[bool]) -> list[Row[Any]]:
    others = _selected().where(_TOOLS.c.task_id == row.task_id, _TOOLS.c.id != row.id, which)
    return list(connection.execute(others.order_by(_TOOLS.c.version)).all())


def _enter(connection: Connection, task_id: int, tool: Tool, move: Move, who: Actor = Actor.GATE) -> StoredTool:
    """Insert the next version, and bring it into its first state."""
    task = update(_TASKS).where(_TASKS.c.id == task_id).values(last_version=_TASKS.c.last_version + 1)
    values = insert(_TOOLS).values(
        task_id=task_id,
        version=connection.execute(task.returning(_TASKS.c.last_version)).scalar_one(),
        state=ToolState.REPLACED,
        digest=tool.digest,
        document=tool.to_json(),
        created=timestamp(),
    )
    row = connection.execute(values.returning(_TOOLS)).one()
    return change(connection, row, move, who, is_new=True)


def _locked_task(connection: Connection, name: str) -> Task:
    if tasks.find(connection, name) is None:
        raise _missing(name)
    return tasks.locked(connection, name)


def _same(connection: Connection, task_id: int, tool: Tool) -> Row[Any] | None:
    """The version with this digest, if it is stored already."""
    same = _selected().where(_TOOLS.c.task_id == task_id, _TOOLS.c.digest == tool.digest)
    return connection.execute(same).first()


def _selected() -> Select[Any]:
    return select(_TOOLS, _TASKS.c.name.label("task")).join(_TASKS)


def _row(connection: Connection, name: str, version: int | None, state: ToolState | None = None) -> Row[Any] | None:
    rows = _selected().where(_TASKS.c.name == name).order_by(*LIVE_FIRST).limit(1)
    if version is not None:
        rows = rows.where(_TOOLS.c.version == version)
    if state is not None:
        rows = rows.where(_TOOLS.c.state == state)
    return connection.execute(rows).first()


def _missing(name: str) -> NotFoundError:
    return NotFoundError(f"there is no tool {name}", hint="`hammerstone tools list --all` lists them")
