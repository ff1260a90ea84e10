"""What people say against a tool: a label, or that an answer is wrong. What serves against it serves no more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hammerstone.requests import agree
from hammerstone.store import labels, tools
from hammerstone.store.records import Actor, Move, ToolState

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["contest", "refute"]


def contest(connection: Connection, task_id: int, question: str | None = None) -> None:
    """Quarantine tools that serve, or would, against a person's label of this question, or of any."""
    for row, tool in tools.serving(connection, task_id, question):
        if why := labels.contradicted(connection, task_id, tool, question):
            tools.change(connection, row, Move(to=ToolState.QUARANTINED, reason=why), Actor.CORRECTION)


def refute(connection: Connection, task_id: int, question: str, wrong: str) -> None:
    """Quarantine what was checked to answer this question so: it was built from what is known to be wrong now."""
    for row, tool in tools.serving(connection, task_id, question):
        if any(one.question == question and agree(one.answer, wrong) for one in tool.checks):
            reason = f"it answers {wrong!r} to {question!r}, which somebody said is wrong"
            tools.change(connection, row, Move(to=ToolState.QUARANTINED, reason=reason), Actor.CORRECTION)
