"""Tools: versions that never change, of which at most one per task is live."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, delete, func, insert, select, update

from hammerstone.errors import NotFoundError
from hammerstone.store import schema, tasks
from hammerstone.store.database import timestamp
from hammerstone.store.records import StoredTool, Task, ToolState
from hammerstone.tools.tool import Tool

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

__all__ = ["count_up", "current", "every", "find", "keep", "live", "publish", "remove", "revision", "set_state"]

_COUNTERS = schema.counters
_TASKS = schema.tasks
_TOOLS = schema.tools

_LIVE_FIRST = ((_TOOLS.c.state == ToolState.LIVE).desc(), _TOOLS.c.version.desc())


def live(connection: Connection) -> tuple[StoredTool, ...]:
    rows = _selected().where(_TOOLS.c.state == ToolState.LIVE).order_by(_TASKS.c.name)
    return tuple(_stored(row) for row in connection.execute(rows).all())


def every(connection: Connection) -> tuple[StoredTool, ...]:
    rows = _selected().order_by(_TASKS.c.name, _TOOLS.c.version)
    return tuple(_stored(row) for row in connection.execute(rows).all())


def current(connection: Connection) -> tuple[StoredTool, ...]:
    rank = func.row_number().over(partition_by=_TOOLS.c.task_id, order_by=_LIVE_FIRST)
    ranked = select(_TOOLS.c.id, rank.label("rank")).subquery()
    rows = _selected().join(ranked, ranked.c.id == _TOOLS.c.id).where(ranked.c.rank == 1).order_by(_TASKS.c.name)
    return tuple(_stored(row) for row in connection.execute(rows).all())


def find(connection: Connection, name: str, version: int | None) -> StoredTool | None:
    row = _row(connection, name, version)
    return _stored(row) if row else None


def publish(connection: Connection, tool: Tool) -> StoredTool:
    task = tasks.ensure(connection, tool.name, tool.description)
    row = _same(connection, task.id, tool)
    tool_id = row.id if row else _add(connection, task.id, tool)
    return _change(connection, task.id, tool_id, ToolState.LIVE)


def keep(connection: Connection, tool: Tool) -> StoredTool:
    task = tasks.ensure(connection, tool.name, tool.description)
    row = _same(connection, task.id, tool)
    return _stored(row) if row else _change(connection, task.id, _add(connection, task.id, tool), ToolState.DISABLED)


def set_state(connection: Connection, name: str, version: int | None, state: ToolState) -> StoredTool:
    task = _locked_task(connection, name)
    row = _row(connection, name, version)
    if row is None:
        raise _missing(name if version is None else f"{name} version {version}")
    return _change(connection, task.id, row.id, state)


def remove(connection: Connection, name: str) -> None:
    task = _locked_task(connection, name)
    if not connection.execute(delete(_TOOLS).where(_TOOLS.c.task_id == task.id)).rowcount:
        raise _missing(name)
    count_up(connection)


def revision(connection: Connection) -> int:
    return connection.execute(select(_COUNTERS.c.value).where(_COUNTERS.c.name == "tools")).scalar_one()


def _locked_task(connection: Connection, name: str) -> Task:
    if tasks.find(connection, name) is None:
        raise _missing(name)
    return tasks.locked(connection, name)


def _same(connection: Connection, task_id: int, tool: Tool) -> Row[Any] | None:
    """The version with this digest, if it is stored already."""
    same = _selected().where(_TOOLS.c.task_id == task_id, _TOOLS.c.digest == tool.digest)
    return connection.execute(same).first()


def _add(connection: Connection, task_id: int, tool: Tool) -> int:
    """Insert the next version, which is not live yet; its id."""
    task = update(_TASKS).where(_TASKS.c.id == task_id).values(last_version=_TASKS.c.last_version + 1)
    row = insert(_TOOLS).values(
        task_id=task_id,
        version=connection.execute(task.returning(_TASKS.c.last_version)).scalar_one(),
        state=ToolState.REPLACED,
        digest=tool.digest,
        document=tool.to_json(),
        created=timestamp(),
    )
    return connection.execute(row.returning(_TOOLS.c.id)).scalar_one()


def _change(connection: Connection, task_id: int, tool_id: int, state: ToolState) -> StoredTool:
    if state is ToolState.LIVE:
        other = (_TOOLS.c.task_id == task_id, _TOOLS.c.state == ToolState.LIVE, _TOOLS.c.id != tool_id)
        connection.execute(update(_TOOLS).where(*other).values(state=ToolState.REPLACED))
    connection.execute(update(_TOOLS).where(_TOOLS.c.id == tool_id).values(state=state))
    count_up(connection)
    return _stored(connection.execute(_selected().where(_TOOLS.c.id == tool_id)).one())


def count_up(connection: Connection) -> None:
    """Let every process read the tools again."""
    connection.execute(update(_COUNTERS).where(_COUNTERS.c.name == "tools").values(value=_COUNTERS.c.value + 1))


def _selected() -> Select[Any]:
    return select(_TOOLS, _TASKS.c.name.label("task")).join(_TASKS)


def _row(connection: Connection, name: str, version: int | None) -> Row[Any] | None:
    rows = _selected().where(_TASKS.c.name == name).order_by(*_LIVE_FIRST).limit(1)
    if version is not None:
        rows = rows.where(_TOOLS.c.version == version)
    return connection.execute(rows).first()


def _missing(name: str) -> NotFoundError:
    return NotFoundError(f"there is no tool {name}", hint="`hammerstone tools` lists them")


def _stored(row: Row[Any]) -> StoredTool:
    return StoredTool(
        tool=Tool.from_json(row.document),
        task=row.task,
        version=row.version,
        state=ToolState(row.state),
        created=row.created,
    )
