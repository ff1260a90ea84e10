"""Who changed what, and when: one line for each act of a person, written with the change itself or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import insert, select

from hammerstone.store import schema
from hammerstone.store.database import timestamp

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["Act", "NotedAct", "add", "newest_first", "of"]

_AUDIT = schema.audit


@dataclass(frozen=True, kw_only=True)
class Act:
    """`who` is the name of a key or of a user of the command line, `what` the name of an action of the administration,
    `about` what it was done to.
    """

    who: str
    what: str
    about: str = ""


@dataclass(frozen=True, kw_only=True)
class NotedAct(Act):
    """An act as the log has it. `created` is ISO 8601, UTC."""

    id: int
    created: str


def add(connection: Connection, act: Act) -> None:
    row = {"who": act.who, "what": act.what, "about": act.about, "created": timestamp()}
    connection.execute(insert(_AUDIT).values(row))


def of(connection: Connection, what: str, about: str) -> tuple[NotedAct, ...]:
    rows = select(_AUDIT).where(_AUDIT.c.what == what, _AUDIT.c.about == about).order_by(_AUDIT.c.id.desc())
    return tuple(NotedAct(**row) for row in connection.execute(rows).mappings().all())


def newest_first(connection: Connection, limit: int, before: int | None) -> tuple[NotedAct, ...]:
    rows = select(_AUDIT).order_by(_AUDIT.c.id.desc()).limit(limit)
    if before is not None:
        rows = rows.where(_AUDIT.c.id < before)
    return tuple(NotedAct(**row) for row in connection.execute(rows).mappings().all())
