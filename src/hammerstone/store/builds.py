"""Builds: at most one runs for a task, held by a lease that its owner renews."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, func, insert, select, update

from hammerstone.errors import NotFoundError, SettingsError, ToolRefusedError
from hammerstone.models import known_sum
from hammerstone.store import schema, tasks
from hammerstone.store.database import timestamp
from hammerstone.store.owner import is_gone
from hammerstone.store.records import Attempt, Build, BuildState, Disagreement, Task
from hammerstone.tools import Tool
from hammerstone.types import Usage

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, Row

__all__ = [
    "add_attempt",
    "attempts_of",
    "end",
    "end_passed",
    "in_review",
    "is_running",
    "needs_review",
    "newest_first",
    "refuse_while_running",
    "renew",
    "settle",
    "start",
]

_ATTEMPTS = schema.attempts
_BUILDS = schema.builds
_TASKS = schema.tasks
_WITH_TOOL = (BuildState.NEEDS_REVIEW, BuildState.LIVE, BuildState.PASSED)

_LEFT = "its process ended before it did"


def start(
    connection: Connection,
    task_name: str,
    owner: str,
    lease_seconds: float,
    improves: int | None = None,
    decided_on: Task | None = None,
) -> int | None:
    task = tasks.locked(connection, task_name)
    ended_since = decided_on is not None and decided_on.built_at != task.built_at
    if is_running(connection, task.id) or ended_since:
        return None
    build = insert(_BUILDS).values(
        task_id=task.id,
        state=BuildState.RUNNING,
        owner=owner,
        lease_until=timestamp(seconds_ahead=lease_seconds),
        instances=task.instances,
        started=timestamp(),
        reason="",
        improves=improves,
    )
    return connection.execute(build.returning(_BUILDS.c.id)).scalar_one()


def is_running(connection: Connection, task_id: int) -> bool:
    """Whether somebody is building this task's tool. A build that its owner has left is marked as interrupted."""
    running = select(_BUILDS).where(_BUILDS.c.task_id == task_id, _BUILDS.c.state == BuildState.RUNNING)
    row = connection.execute(running).first()
    if row is None:
        return False
    if not _is_left(row):
        return True
    _close(connection, row.id, BuildState.INTERRUPTED, reason=_LEFT)
    return False


def refuse_while_running(connection: Connection, task: Task) -> None:
    """Raises `SettingsError` while somebody is building this task's tool."""
    if is_running(connection, task.id):
        raise SettingsError(
            f"a tool for {task.name} is being built", hint="wait until the build has ended, then try again"
        )


def settle(connection: Connection, task: Task, left: int) -> None:
    unchanged = update(_TASKS).where(_TASKS.c.id == task.id, _TASKS.c.built_at == task.built_at)
    connection.execute(unchanged.values(built_at=max(task.built_at, task.instances - left)))


def renew(connection: Connection, build_id: int, lease_seconds: float) -> bool:
    held = update(_BUILDS).where(_BUILDS.c.id == build_id, _BUILDS.c.state == BuildState.RUNNING)
    return connection.execute(held.values(lease_until=timestamp(seconds_ahead=lease_seconds))).rowcount == 1


def end(
    connection: Connection,
    build_id: int,
    state: BuildState,
    *,
    reason: str,
    tool: Tool | None = None,
    disagreement: Disagreement | None = None,
    gained: int | None = None,
    cost_usd: float | None = None,
) -> None:
    if not _is_open(connection, build_id):
        return
    task_id = _close(connection, build_id, state, reason=reason, tool=tool, disagreement=disagreement)
    made = update(_BUILDS).where(_BUILDS.c.id == build_id)
    connection.execute(made.values(gained=gained, cost_usd=cost_usd))
    if state is not BuildState.INTERRUPTED:
        connection.execute(update(_TASKS).where(_TASKS.c.id == task_id).values(built_at=_TASKS.c.instances))


def end_passed(
    connection: Connection, build_id: int, tool: Tool, reason: str, gained: int | None = None, *, live: bool = True
) -> None:
    """End a build whose tool passed the gate: it is live, or waits for approval, or is in shadow.

    Raises `SettingsError` if it has ended already, or somebody else has taken it.
    """
    if not _is_open(connection, build_id):
        raise SettingsError("this build has ended already, or another process has taken it")
    end(
        connection,
        build_id,
        BuildState.LIVE if live else BuildState.PASSED,
        reason=reason,
        tool=tool,
        gained=gained,
        cost_usd=tool.provenance.cost_usd,
    )


def newest_first(connection: Connection, task_name: str | None) -> tuple[Build, ...]:
    rows = select(_BUILDS, _TASKS.c.name.label("task")).join(_TASKS).order_by(_BUILDS.c.id.desc())
    if task_name is not None:
        rows = rows.where(_TASKS.c.name == task_name)
    return tuple(_build(connection, row) for row in connection.execute(rows).all())


def needs_review() -> ColumnElement[bool]:
    """Condition for builds that need review: none after them has ended with a tool. A failed one ends no review.

    Where the text was purged, there is nothing left to review.
    """
    last = select(func.max(_BUILDS.c.id)).where(_BUILDS.c.state.in_(_WITH_TOOL)).group_by(_BUILDS.c.task_id)
    is_whole = _BUILDS.c.document.is_not(None)
    return and_(_BUILDS.c.id.in_(last), _BUILDS.c.state == BuildState.NEEDS_REVIEW, is_whole)


def in_review(connection: Connection, *, task: str | None, limit: int | None) -> tuple[Build, ...]:
    rows = select(_BUILDS, _TASKS.c.name.label("task")).join(_TASKS).where(needs_review())
    if task is not None:
        rows = rows.where(_TASKS.c.name == task)
    return tuple(_build(connection, row) for row in connection.execute(rows.order_by(_BUILDS.c.id).limit(limit)).all())


def add_attempt(connection: Connection, build_id: int, attempt: Attempt) -> None:
    row = insert(_ATTEMPTS).values(
        build_id=build_id,
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


def attempts_of(connection: Connection, build_id: int) -> tuple[Attempt, ...]:
    rows = select(_ATTEMPTS).where(_ATTEMPTS.c.build_id == build_id).order_by(_ATTEMPTS.c.id)
    return tuple(_attempt(row) for row in connection.execute(rows).all())


def _is_open(connection: Connection, build_id: int) -> bool:
    """Whether a build still can be ended: it runs, or a person is to settle it; not if it was taken, or has ended."""
    state = connection.execute(select(_BUILDS.c.state).where(_BUILDS.c.id == build_id).with_for_update()).scalar()
    if state is None:
        raise NotFoundError(f"there is no build {build_id}")
    return state in {BuildState.RUNNING, BuildState.NEEDS_REVIEW}


def _close(
    connection: Connection,
    build_id: int,
    state: BuildState,
    *,
    reason: str,
    tool: Tool | None = None,
    disagreement: Disagreement | None = None,
) -> int:
    """Write how a build ended; its task's id."""
    ended = update(_BUILDS).where(_BUILDS.c.id == build_id)
    ended = ended.values(
        state=state,
        ended=timestamp(),
        reason=reason,
        document=tool.to_json() if tool else None,
        disagreement=asdict(disagreement) if disagreement else None,
    )
    return connection.execute(ended.returning(_BUILDS.c.task_id)).scalar_one()


def _is_left(row: Row[Any]) -> bool:
    return row.lease_until < timestamp() or is_gone(row.owner)


def _build(connection: Connection, row: Row[Any]) -> Build:
    left = row.state == BuildState.RUNNING and _is_left(row)
    was_left = left or row.reason == _LEFT
    tool, fault = _tool(row.document)
    return Build(
        id=row.id,
        task=row.task,
        state=BuildState.INTERRUPTED if left else BuildState(row.state),
        instances=row.instances,
        started=row.started,
        reason="; ".join(filter(None, (_LEFT if left else row.reason, fault))),
        tool=tool,
        disagreement=Disagreement(**row.disagreement) if row.disagreement else None,
        improves=row.improves,
        gained=row.gained,
        cost_usd=_cost_of_attempts(connection, row.id) if was_left else row.cost_usd,
    )


def _cost_of_attempts(connection: Connection, build_id: int) -> float | None:
    """What the kept attempts of a build have cost: all that is known of one whose process has ended."""
    costs = select(_ATTEMPTS.c.cost_usd).where(_ATTEMPTS.c.build_id == build_id)
    return known_sum(connection.execute(costs).scalars())


def _tool(document: str | None) -> tuple[Tool | None, str]:
    """The tool of a build, and why there is none if it cannot be read."""
    try:
        return Tool.from_json(document) if document else None, ""
    except ToolRefusedError as error:
        return None, f"its tool cannot be read: {error.message}"


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
