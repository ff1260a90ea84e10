"""Paid completions: stored before they are used, so that whoever runs the same prompt again need not pay again."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select

from hammerstone.store import schema
from hammerstone.store.database import timestamp
from hammerstone.store.records import PaidCall
from hammerstone.types import Role, Usage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, Row

__all__ = ["add", "add_all", "find", "of_request"]

_CALLS = schema.calls


def find(connection: Connection, key: str, model: str) -> PaidCall | None:
    same = select(_CALLS).where(_CALLS.c.key == key, _CALLS.c.model == model)
    row = connection.execute(same.order_by(_CALLS.c.id.desc()).limit(1)).first()
    return _call(row) if row else None


def of_request(connection: Connection, request_id: str) -> tuple[PaidCall, ...]:
    rows = select(_CALLS).where(_CALLS.c.request_id == request_id).order_by(_CALLS.c.id)
    return tuple(map(_call, connection.execute(rows).all()))


def add(connection: Connection, call: PaidCall) -> int:
    row = insert(_CALLS).values(_row(call))
    return connection.execute(row.returning(_CALLS.c.id)).scalar_one()


def add_all(connection: Connection, calls: Sequence[PaidCall]) -> None:
    if calls:
        connection.execute(insert(_CALLS), [_row(one) for one in calls])


def _row(call: PaidCall) -> dict[str, Any]:
    return {
        "key": call.key,
        "model": call.model,
        "role": call.role,
        "prompt": dict(call.prompt),
        "text": call.text,
        "cost_usd": call.cost_usd,
        "seconds": call.seconds if math.isfinite(call.seconds) else 0.0,
        "request_id": call.request_id,
        "task": call.task,
        "created": timestamp(),
        **asdict(call.usage),
    }


def _call(row: Row[Any]) -> PaidCall:
    return PaidCall(
        key=row.key,
        role=Role(row.role),
        model=row.model,
        prompt=row.prompt,
        text=row.text,
        usage=Usage(input_tokens=row.input_tokens, output_tokens=row.output_tokens),
        cost_usd=row.cost_usd,
        seconds=row.seconds,
        request_id=row.request_id,
        task=row.task,
    )
