"""A tool reads a stored question once more, so that one sees how: the arguments, and what `unparse` writes of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hammerstone.requests import question_in
from hammerstone.sandbox import Sandbox
from hammerstone.store import LedgerEntry
from hammerstone.tools import Tool, parser
from hammerstone.types import JSON

__all__ = ["Reading", "read", "written_by"]


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


async def written_by(sandbox: Sandbox, tool: Tool, arguments: Mapping[str, JSON]) -> str | None:
    """The question that these arguments stand for; `None` where `unparse` writes none. Raises `SandboxError`."""
    outcome = await sandbox.call(tool.source, "unparse", arguments)
    return outcome.value if isinstance(outcome.value, str) else None


async def read(sandbox: Sandbox, tool: Tool, entry: LedgerEntry) -> Reading:
    """How the tool reads the question, by the code that serves. Raises `SandboxError`."""
    question = question_in(entry.chat, tool.frame.form) if entry.chat is not None else entry.question
    parsed, given = await parser.answer(sandbox, tool.source, question)
    written = None if parsed.arguments is None else await written_by(sandbox, tool, parsed.arguments)
    return Reading(question=question, arguments=parsed.arguments, written=written, answer=given, refusal=parsed.refusal)
