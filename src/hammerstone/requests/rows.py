"""What every format gives: rows, and why there is none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from hammerstone.text_files import CONVERSION, bad_byte

__all__ = [
    "MAX_LINE_CHARS",
    "MAX_QUESTION_CHARS",
    "ROW_EXAMPLE",
    "Fields",
    "Line",
    "NotForToolsError",
    "Row",
    "Unreadable",
    "UnreadableRowError",
    "not_utf8",
]

MAX_QUESTION_CHARS = 200_000
MAX_LINE_CHARS = 4_000_000  # a question of the longest kind with every character escaped, and its answer
ROW_EXAMPLE = '{"question": "How many days has May?", "answer": "31"}'

Fields: TypeAlias = "dict[str, object]"

Line: TypeAlias = "tuple[int, str]"
"""A line with its number, counted from 1."""

Row: TypeAlias = "tuple[int, object]"
"""A line's number with what it holds before it is judged: a `dict` of fields, or an `UnreadableRowError`."""


@dataclass(frozen=True, kw_only=True)
class Unreadable:
    """One request that could not be read.

    `line` counts from 1: the line it ends on, or in a JSON array or BIG-bench file its position there. Of a table's
    row with broken quotes it is the first line. `group` names, in a few words that many lines share, why it is no
    request for a tool, though it is sound: it is empty for a line that is not.
    """

    line: int
    why: str
    group: str = ""


class UnreadableRowError(Exception):
    """Why one row is no request; becomes an `Unreadable`."""

    group = ""


class NotForToolsError(UnreadableRowError):
    """Why a sound request is none that a tool could answer, or learn from. `group` says so in a few words."""

    def __init__(self, why: str, group: str) -> None:
        super().__init__(why)
        self.group = group


def not_utf8(text: str) -> UnreadableRowError | None:
    """What is wrong with a text that was decoded with `surrogateescape`, if a byte of it was not UTF-8."""
    byte = bad_byte(text)
    if byte is None:
        return None
    why = f"it is not UTF-8 (byte 0x{byte:02X}); if the file is Windows-1252 or Latin-1, {CONVERSION} converts it"
    return UnreadableRowError(why)
