"""What it all cost, and how requests were answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Integer, and_, case, cast, func, select

from hammerstone.store import schema, tools
from hammerstone.store.records import Kept, ToolState
from hammerstone.store.summaries import LedgerRow, MeanCall, RouteRow, ToolRow, ToolTally
from hammerstone.types import Role, Route

if TYPE_CHECKING:
    from sqlalchemy import Column, ColumnElement, Connection, Row, RowMapping

__all__ = ["by_keeping", "by_role", "by_route", "by_tool", "mean_solver_call", "tallies"]

_ANSWERS = schema.answers
_CALLS = schema.calls
_CORRECTIONS = schema.corrections
_TASKS = schema.tasks
_TOOLS = schema.tools


def by_role(connection: Connection) -> tuple[LedgerRow, ...]:
    groups = (_CALLS.c.role, _CALLS.c.model, _CALLS.c.task)
    rows = select(
        *groups,
        func.count().label("calls"),
        _known(_CALLS.c.input_tokens, func.sum),
        _known(_CALLS.c.output_tokens, func.sum),
        _known(_CALLS.c.cost_usd, func.sum),
        _unpriced(_CALLS.c.cost_usd),
        func.sum(_CALLS.c.seconds).label("seconds"),
    )
    found = connection.execute(rows.group_by(*groups).order_by(*(column.nulls_first() for column in groups)))
    return tuple(LedgerRow(**_fields(row, role=Role(row["role"]))) for row in found.mappings().all())


def by_route(connection: Connection) -> tuple[RouteRow, ...]:
    failed = and_(_ANSWERS.c.answer.is_(None), _ANSWERS.c.route != Route.LABELER)
    groups = (case((failed, None), else_=_ANSWERS.c.route).label("route"), _ANSWERS.c.task, _ANSWERS.c.tool)
    rows = select(
        *groups,
        func.count().label("requests"),
        func.count(_ANSWERS.c.correct).label("known"),
        func.coalesce(func.sum(cast(_ANSWERS.c.correct, Integer)), 0).label("correct"),
        func.sum(cast(_ANSWERS.c.refused, Integer)).label("refused"),
        func.sum(_ANSWERS.c.model_calls).label("model_calls"),
        _known(_ANSWERS.c.cost_usd, func.sum),
        _unpriced(_ANSWERS.c.cost_usd),
    )
    found = connection.execute(rows.group_by(*groups).order_by(*(column.nulls_first() for column in groups)))
    return tuple(RouteRow(**_fields(row, route=row["route"] and Route(row["route"]))) for row in found.mappings().all())


def by_keeping(connection: Connection) -> dict[Kept, int]:
    rows = connection.execute(select(_ANSWERS.c.kept, func.count().label("requests")).group_by(_ANSWERS.c.kept))
    return dict.fromkeys(Kept, 0) | {Kept(row.kept): row.requests for row in rows.all()}


def by_tool(connection: Connection) -> tuple[ToolRow, ...]:
    answers = select(_ANSWERS.c.tool, _ANSWERS.c.version, func.count().label("count"))
    answers = answers.group_by(_ANSWERS.c.tool, _ANSWERS.c.version)
    served = answers.where(_ANSWERS.c.tool.is_not(None)).subquery()
    was_corrected = select(_CORRECTIONS.c.id).where(_CORRECTIONS.c.answer_id == _ANSWERS.c.id).exists()
    corrected = answers.where(_ANSWERS.c.tool.is_not(None), was_corrected).subquery()
    rows = (
        select(
            _TOOLS,
            _TASKS.c.name,
            func.coalesce(served.c.count, 0).label("served"),
            func.coalesce(corrected.c.count, 0).label("corrected"),
        )
        .join(_TASKS)
        .outerjoin(served, (served.c.tool == _TASKS.c.name) & (served.c.version == _TOOLS.c.version))
        .outerjoin(corrected, (corrected.c.tool == _TASKS.c.name) & (corrected.c.version == _TOOLS.c.version))
        .where(_TOOLS.c.state.in_(list(ToolState)))
        .order_by(_TASKS.c.name, _TOOLS.c.version)
    )
    return tuple(_tool_row(row) for row in connection.execute(rows).all())


def tallies(connection: Connection) -> tuple[ToolTally, ...]:
    counts = ("version", "state", "compared", "disagreed", "false_hits", "in_a_row")
    columns: list[Column[Any]] = [_TASKS.c.name, *(_TOOLS.c[name] for name in counts)]
    rows = select(*columns).select_from(_TOOLS).join(_TASKS)
    found = rows.where(_TOOLS.c.state.in_(list(ToolState))).order_by(_TASKS.c.name, _TOOLS.c.version)
    return tuple(
        ToolTally(tool=row.name, version=row.version, state=ToolState(row.state), tally=tools.tally(row))
        for row in connection.execute(found).all()
    )


def _tool_row(row: Row[Any]) -> ToolRow:
    return ToolRow(
        tool=row.name,
        version=row.version,
        state=ToolState(row.state),
        served=row.served,
        tally=tools.tally(row),
        corrected=row.corrected,
    )


def mean_solver_call(connection: Connection) -> MeanCall:
    means = select(
        func.count().label("calls"),
        _known(_CALLS.c.input_tokens, func.avg),
        _known(_CALLS.c.output_tokens, func.avg),
        _known(_CALLS.c.cost_usd, func.avg),
    )
    row = connection.execute(means.where(_CALLS.c.role == Role.SOLVER)).one()
    return MeanCall(
        calls=row.calls,
        input_tokens=_float(row.input_tokens),
        output_tokens=_float(row.output_tokens),
        cost_usd=_float(row.cost_usd),
    )


def _known(column: Column[Any], whole: Any) -> ColumnElement[Any]:
    """`whole` (a sum or a mean) of the column; NULL if it is unknown in any row."""
    return case((func.count(column) == func.count(), whole(column))).label(column.name)


def _unpriced(cost: Column[Any]) -> ColumnElement[Any]:
    return (func.count() - func.count(cost)).label("unpriced")


def _fields(row: RowMapping, **converted: Any) -> dict[str, Any]:
    return {**row, **converted}


def _float(value: Any) -> float | None:
    return None if value is None else float(value)  # PostgreSQL's mean of integers is a Decimal
