"""Makings: at most one runs for a task, held by a lease that its owner renews."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select, update

from hammerstone.errors import NotFoundError
from hammerstone.latm.records import Attempt, Disagreement, Making, MakingState
from hammerstone.latm.store import schema, tasks
from hammerstone.latm.store.database import timestamp
from hammerstone.latm.store.owner import is_gone
from hammerstone.latm.tool import Tool
from hammerstone.types import Usage

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

__all__ = ["add_attempt", "attempts_of", "end", "end_live", "is_running", "newest_first", "renew", "start"]

_ATTEMPTS = schema.attempts
_MAKINGS = schema.makings
_TASKS = schema.tasks

_LEFT = "its process ended before it did"


def start(connection: Connection, task_name: str, owner: str, lease_seconds: float) -> int | None:
    task = tasks.locked(connection, task_name)
    if is_running(connection, task.id):
        return None
    making = insert(_MAKINGS).values(
        task_id=task.id,
        state=MakingState.RUNNING,
        owner=owner,
        lease_until=timestamp(seconds_ahead=lease_seconds),
        instances=task.instances,
        started=timestamp(),
        reason="",
    )
    return connection.execute(making.returning(_MAKINGS.c.id)).scalar_one()


def is_running(connection: Connection, task_id: int) -> bool:
    """Whether somebody is making this task's tool. A making that its owner has left is marked as interrupted."""
    running = select(_MAKINGS).where(_MAKINGS.c.task_id == task_id, _MAKINGS.c.state == MakingState.RUNNING)
    row = connection.execute(running).first()
    if row is None:
        return False
    if not _is_left(row):
        return True
    _close(connection, row.id, MakingState.INTERRUPTED, reason=_LEFT)
    return False


def renew(connection: Connection, making_id: int, lease_seconds: float) -> bool:
    held = update(_MAKINGS).where(_MAKINGS.c.id == making_id, _MAKINGS.c.state == MakingState.RUNNING)
    return connection.execute(held.values(lease_until=timestamp(seconds_ahead=lease_seconds))).rowcount == 1


def end(
    connection: Connection,
    making_id: int,
    state: MakingState,
    *,
    reason: str,
    tool: Tool | None = None,
    disagreement: Disagreement | None = None,
) -> None:
    task_id = _close(connection, making_id, state, reason=reason, tool=tool, disagreement=disagreement)
    if state is not MakingState.INTERRUPTED:
        connection.execute(update(_TASKS).where(_TASKS.c.id == task_id).values(made_at=_TASKS.c.instances))


def end_live(connection: Connection, making_id: int, tool: Tool, reason: str) -> None:
    end(connection, making_id, MakingState.LIVE, reason=reason, tool=tool)


def newest_first(connection: Connection, task_name: str | None) -> tuple[Making, ...]:
    rows = select(_MAKINGS, _TASKS.c.name.label("task")).join(_TASKS).order_by(_MAKINGS.c.id.desc())
    if task_name is not None:
        rows = rows.where(_TASKS.c.name == task_name)
    return tuple(_making(row) for row in connection.execute(rows))


def add_attempt(connection: Connection, making_id: int, attempt: Attempt) -> None:
    row = insert(_ATTEMPTS).values(
        making_id=making_id,
        recipe=attempt.recipe,
        number=attempt.number,
        stage=attempt.stage,
        source=attempt.source,
        problems=list(attempt.problems),
        cost_usd=attempt.cost_usd,
        created=timestamp(),
        **asdict(attempt.usage),
    )
    connection.execute(row)


def attempts_of(connection: Connection, making_id: int) -> tuple[Attempt, ...]:
    rows = select(_ATTEMPTS).where(_ATTEMPTS.c.making_id == making_id).order_by(_ATTEMPTS.c.id)
    return tuple(_attempt(row) for row in connection.execute(rows))


def _close(
    connection: Connection,
    making_id: int,
    state: MakingState,
    *,
    reason: str,
    tool: Tool | None = None,
    disagreement: Disagreement | None = None,
) -> int:
    """Write how a making ended; its task's id."""
    ended = update(_MAKINGS).where(_MAKINGS.c.id == making_id)
    ended = ended.values(
        state=state,
        ended=timestamp(),
        reason=reason,
        document=tool.to_json() if tool else None,
        disagreement=asdict(disagreement) if disagreement else None,
    )
    task_id = connection.execute(ended.returning(_MAKINGS.c.task_id)).scalar()
    if task_id is None:
        raise NotFoundError(f"there is no making {making_id}")
    return task_id


def _is_left(row: Row[Any]) -> bool:
    return row.lease_until < timestamp() or is_gone(row.owner)


def _making(row: Row[Any]) -> Making:
    left = row.state == MakingState.RUNNING and _is_left(row)
    return Making(
        id=row.id,
        task=row.task,
        state=MakingState.INTERRUPTED if left else MakingState(row.state),
        instances=row.instances,
        started=row.started,
        reason=_LEFT if left else row.reason,
        tool=Tool.from_json(row.document) if row.document else None,
        disagreement=Disagreement(**row.disagreement) if row.disagreement else None,
    )


def _attempt(row: Row[Any]) -> Attempt:
    return Attempt(
        recipe=row.recipe,
        number=row.number,
        stage=row.stage,
        source=row.source,
        problems=tuple(row.problems),
        usage=Usage(input_tokens=row.input_tokens, output_tokens=row.output_tokens),
        cost_usd=row.cost_usd,
    )
