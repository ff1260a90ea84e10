"""Writes calls into text, and reads them back (Toolformer, section 2).

    e(c)     [Calculator(400 / 1400)]
    e(c, r)  [Calculator(400 / 1400) -> 0.29]
    e(c, ε)  [Calculator(400 / 1400) -> ]

Calls are ordinary text: no token is added to the vocabulary. A document may contain brackets and arrows of its own;
only `[Name(` with the name of a tool in use begins a call.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

__all__ = [
    "ARROW",
    "CLOSE",
    "OPEN",
    "ApiCall",
    "FoundCall",
    "find_calls",
    "insert_calls",
    "remove_calls",
    "safe_result",
]

OPEN, ARROW, CLOSE = "[", " -> ", "]"
LONGEST_RESULT = 200  # characters


@dataclass(frozen=True, kw_only=True)
class ApiCall:
    """A call of the tool `api` with `input`; `result` is `None` until the call has been run."""

    api: str
    input: str
    result: str | None = None

    @property
    def asked(self) -> str:
        """e(c)"""
        return f"{OPEN}{self.api}({self.input}){CLOSE}"

    @property
    def answered(self) -> str:
        """e(c, r). Raises `ValueError` for a call without a result."""
        if self.result is None:
            raise ValueError(f"{self.asked} has no result")
        return f"{OPEN}{self.api}({self.input}){ARROW}{self.result}{CLOSE}"

    @property
    def unanswered(self) -> str:
        """e(c, ε): the arrow stays, so that only the effect of the result is measured."""
        return replace(self, result="").answered


class FoundCall(NamedTuple):
    """A call in a text: `text[start:end]` is its e(c) or e(c, r)."""

    start: int
    end: int
    call: ApiCall


def find_calls(text: str, apis: Sequence[str]) -> tuple[FoundCall, ...]:
    """The calls of these tools, in order. Parentheses in an input must be balanced; a result has no brackets."""
    found: list[FoundCall] = []
    at = 0
    beginning = _beginning(apis)
    while match := beginning.search(text, at):
        at = match.end()
        closed = _closing(text, at)
        ending = _ENDING.match(text, closed) if closed is not None else None
        if closed is None or ending is None:
            continue
        call = ApiCall(api=match[1], input=text[at : closed - 1], result=ending[1])
        found.append(FoundCall(match.start(), ending.end(), call))
        at = ending.end()
    return tuple(found)


_ENDING = re.compile(r"(?: ?-> ?([^\[\]\n]*))?\]")


def _beginning(apis: Sequence[str]) -> re.Pattern[str]:
    return re.compile(rf"\[({'|'.join(map(re.escape, apis)) or '(?!)'})\(")


def _closing(text: str, at: int) -> int | None:
    """The position after the parenthesis that closes the one before `at`, on the same line."""
    depth = 1
    for k in range(at, len(text)):
        if text[k] == "\n":
            return None
        depth += (text[k] == "(") - (text[k] == ")")
        if depth == 0:
            return k + 1
    return None


def safe_result(text: str) -> str:
    """A tool's result in a form that is safe in a text: one line, no brackets or arrows, at most 200 characters."""
    whole = text.encode("utf-8", "replace").decode()  # lone surrogates are not text
    plain = " ".join(whole.split()).replace("[", "(").replace("]", ")").replace("->", "to")
    return plain if len(plain) <= LONGEST_RESULT else f"{plain[: LONGEST_RESULT - 1].rstrip()}…"


def insert_calls(text: str, calls: Sequence[tuple[int, ApiCall]]) -> str:
    """x*: the text with e(c, r) inserted before each position (in characters); `remove_calls` restores the text.

    Spaces separate a call from the words around it. Calls at the same position keep their order.
    """
    parts: list[str] = []
    done = 0
    for position, call in sorted(calls, key=lambda pair: pair[0]):
        parts.append(text[done:position])
        before = "".join(parts)[-1:]
        parts.append(_spaced(before, call.answered, text[position : position + 1]))
        done = position
    return "".join([*parts, text[done:]])


def _spaced(before: str, written: str, after: str) -> str:
    if after == " ":
        return f" {written}"
    return f"{written} " if not before or before.isspace() else written


def remove_calls(text: str, apis: Sequence[str]) -> str:
    """The text without its calls and without the spaces that `insert_calls` added."""
    for start, end, _ in reversed(find_calls(text, apis)):
        before, after = text[:start], text[end:]
        if before.endswith(" ") and after.startswith(" "):
            before = before[:-1]
        elif after.startswith(" "):
            after = after[1:]
        text = before + after
    return text
