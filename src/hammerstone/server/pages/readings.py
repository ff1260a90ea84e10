"""A tool reads a stored question once more, so that one sees how: the arguments, and what `unparse` writes of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hammerstone.requests import question_in
from hammerstone.sandbox import Sandbox
from hammerstone.store import LedgerEntry
from hammerstone.tools import Tool, parser
from hammerstone.types import JSON

__all__ = ["Reading", "read"]


@dataclass(frozen=True, kw_only=True)
class Reading:
    """`written` is what `unparse` makes of the arguments; the tool answers only if that is `question` to the letter.

    `refusal` says why it does not answer.
    """

    question: str
    arguments: Mapping[str, JSON] | None
    written: str | None
    answer: str | None
    refusal: str


async def read(sandbox: Sandbox, tool: Tool, entry: LedgerEntry) -> Reading:
    """By the code by which it serves. Raises `SandboxError`."""
    question = question_in(entry.chat, tool.frame.form) if entry.chat is not None else entry.question
    parsed, given = await parser.answer(sandbox, tool.source, question)
    written = None
    if parsed.arguments is not None:
        outcome = await sandbox.call(tool.source, "unparse", parsed.arguments)
        written = outcome.value if isinstance(outcome.value, str) else None
    return Reading(question=question, arguments=parsed.arguments, written=written, answer=given, refusal=parsed.refusal)
