"""Comparisons of a tool's answers with the upstream's, and what follows from them for its state."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select, update

from hammerstone.errors import NotFoundError
from hammerstone.requests import agree
from hammerstone.store import labels, schema, tools
from hammerstone.store.database import timestamp
from hammerstone.store.keeping import ALL
from hammerstone.store.records import Actor, Comparison, ComparisonKind, Move, Opinion, StoredTool, ToolState

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row, Select

    from hammerstone.store.keeping import Keeping

__all__ = ["MoveRule", "add", "add_opinion", "of_request", "of_tool"]

MoveRule = Callable[[StoredTool], Move | None]

_COMPARISONS = schema.comparisons
_TASKS = schema.tasks
_TOOLS = schema.tools


def add(
    connection: Connection,
    name: str,
    version: int,
    *,
    request_id: str,
    kind: ComparisonKind,
    tool_answer: str,
    upstream_answer: str,
    rule: MoveRule,
    keeping: Keeping = ALL,
) -> Comparison:
    tool = tools.locked(connection, name, version)
    agreed = agree(tool_answer, upstream_answer)
    values = {"tool_id": tool.id, "request_id": request_id, "kind": kind, "agreed": agreed, "created": timestamp()}
    values |= {"tool_answer": keeping.text(tool_answer), "upstream_answer": keeping.text(upstream_answer)}
    added = connection.execute(insert(_COMPARISONS).values(values).returning(_COMPARISONS.c.id)).scalar_one()
    _count(connection, tool.id, agreed=agreed)
    _follow(connection, name, version, rule)
    return _comparison(connection.execute(_selected().where(_COMPARISONS.c.id == added)).one())


def add_opinion(connection: Connection, comparison_id: int, opinion: Opinion) -> StoredTool:
    compared = connection.execute(_selected().where(_COMPARISONS.c.id == comparison_id)).first()
    if compared is None:
        raise NotFoundError(f"there is no comparison {comparison_id}")
    tool = tools.locked(connection, compared.tool, compared.version)
    open_ = _COMPARISONS.c.opinion.is_(None) & _COMPARISONS.c.agreed.is_(False)
    given = update(_COMPARISONS).where(_COMPARISONS.c.id == comparison_id, open_).values(opinion=opinion)
    if not connection.execute(given).rowcount:
        return tools.stored(tool)
    if opinion is Opinion.TOOL:
        fewer = update(_TOOLS).where(_TOOLS.c.id == tool.id).values(false_hits=_TOOLS.c.false_hits - 1)
        connection.execute(fewer)
    if opinion is not Opinion.UPSTREAM:
        return tools.stored(tools.locked(connection, compared.tool, compared.version))
    reason = f"a second opinion confirmed that its answer to {compared.request_id!r} is wrong"
    return tools.quarantine(connection, compared.tool, compared.version, reason, Actor.COMPARISONS)


def of_tool(
    connection: Connection, name: str, version: int, *, agreed: bool | None, limit: int | None
) -> tuple[Comparison, ...]:
    rows = _selected().where(_TASKS.c.name == name, _TOOLS.c.version == version)
    if agreed is not None:
        rows = rows.where(_COMPARISONS.c.agreed.is_(agreed))
    found = connection.execute(rows.order_by(_COMPARISONS.c.id.desc()).limit(limit))
    return tuple(_comparison(row) for row in found.all())


def of_request(connection: Connection, request_id: str) -> tuple[Comparison, ...]:
    rows = _selected().where(_COMPARISONS.c.request_id == request_id).order_by(_COMPARISONS.c.id)
    return tuple(map(_comparison, connection.execute(rows).all()))


def _count(connection: Connection, tool_id: int, *, agreed: bool) -> None:
    wrong = 0 if agreed else 1
    counted = update(_TOOLS).where(_TOOLS.c.id == tool_id)
    counted = counted.values(
        compared=_TOOLS.c.compared + 1,
        disagreed=_TOOLS.c.disagreed + wrong,
        false_hits=_TOOLS.c.false_hits + wrong,
        in_a_row=_TOOLS.c.in_a_row + 1 if agreed else 0,
    )
    connection.execute(counted)


def _follow(connection: Connection, name: str, version: int, rule: MoveRule) -> None:
    """Let the rule decide. A live tool that is to be shadowed on, where a newer one is in shadow, is quarantined."""
    tool = tools.locked(connection, name, version)
    move = rule(tools.stored(tool))
    if move is None:
        return
    newer = _TOOLS.c.task_id == tool.task_id, _TOOLS.c.state == ToolState.SHADOW, _TOOLS.c.version > version
    if move.to is ToolState.SHADOW and connection.execute(select(_TOOLS.c.id).where(*newer)).first():
        move = Move(to=ToolState.QUARANTINED, reason=move.reason)
    if move.to is ToolState.LIVE and (why := labels.contradicted(connection, tool.task_id, tools.stored(tool).tool)):
        move = Move(to=ToolState.QUARANTINED, reason=why)
    tools.change(connection, tool, move, Actor.COMPARISONS)


def _selected() -> Select[Any]:
    return (
        select(_COMPARISONS, _TASKS.c.name.label("tool"), _TOOLS.c.version)
        .join(_TOOLS, _TOOLS.c.id == _COMPARISONS.c.tool_id)
        .join(_TASKS)
    )


def _comparison(row: Row[Any]) -> Comparison:
    return Comparison(
        id=row.id,
        tool=row.tool,
        version=row.version,
        request_id=row.request_id,
        kind=ComparisonKind(row.kind),
        agreed=row.agreed,
        tool_answer=row.tool_answer,
        upstream_answer=row.upstream_answer,
        opinion=Opinion(row.opinion) if row.opinion else None,
        created=row.created,
    )
