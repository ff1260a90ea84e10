"""Changes of state: when each version came into each of its states, by whom, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import func, insert, select

from hammerstone.store import schema
from hammerstone.store.database import timestamp
from hammerstone.store.records import Actor, Change, Move, ToolState

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

__all__ = ["add", "last_disabled", "of_task", "were_live"]

_CHANGES = schema.changes
_TASKS = schema.tasks
_TOOLS = schema.tools


def add(connection: Connection, tool_id: int, before: ToolState | None, move: Move, who: Actor) -> None:
    row = {"tool_id": tool_id, "from_state": before, "to_state": move.to, "reason": move.reason, "who": who}
    connection.execute(insert(_CHANGES).values(row | {"created": timestamp()}))


def of_task(connection: Connection, task_name: str) -> tuple[Change, ...]:
    rows = select(_CHANGES, _TOOLS.c.version).join(_TOOLS, _TOOLS.c.id == _CHANGES.c.tool_id).join(_TASKS)
    found = connection.execute(rows.where(_TASKS.c.name == task_name).order_by(_CHANGES.c.id))
    return tuple(_change(row) for row in found.all())


def last_disabled(connection: Connection, task_id: int) -> int | None:
    """The version of this task that a person disabled last, if it still is: not one that failed the gate."""
    disabled = select(_TOOLS.c.version).join(_CHANGES).where(_TOOLS.c.task_id == task_id)
    disabled = disabled.where(_TOOLS.c.state == ToolState.DISABLED, _CHANGES.c.to_state == ToolState.DISABLED)
    disabled = disabled.where(_CHANGES.c.who == Actor.PERSON)
    return connection.execute(disabled.order_by(_CHANGES.c.id.desc()).limit(1)).scalar()


def were_live(connection: Connection, task_id: int) -> list[int]:
    """The versions that were live under this task and are replaced now, the last one first."""
    last_live = func.max(_CHANGES.c.id).filter(_CHANGES.c.to_state == ToolState.LIVE)
    merged = func.count().filter(_CHANGES.c.who == Actor.MERGE)
    versions = (
        select(_TOOLS.c.version)
        .join(_CHANGES)
        .where(_TOOLS.c.task_id == task_id, _TOOLS.c.state == ToolState.REPLACED)
        .group_by(_TOOLS.c.id, _TOOLS.c.version)
        .having(last_live.is_not(None), merged == 0)
        .order_by(last_live.desc())
    )
    return list(connection.execute(versions).scalars().all())


def _change(row: Row[Any]) -> Change:
    return Change(
        version=row.version,
        before=ToolState(row.from_state) if row.from_state else None,
        after=ToolState(row.to_state),
        reason=row.reason,
        who=Actor(row.who),
        when=row.created,
    )
