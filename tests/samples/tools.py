"""A good tool, and variations on it."""

from __future__ import annotations

from dataclasses import replace

from hammerstone.store.records import StoredTool, ToolState
from hammerstone.tools.shortlist import wording
from hammerstone.tools.tool import Check, Demonstration, Provenance, Tool
from hammerstone.types import JSON, Route, Usage

__all__ = ["SORT", "a_tool", "demonstrated", "stored", "without_parser"]

SORT = r'''
"""Sort words."""

from __future__ import annotations

import re

_QUESTION = re.compile(r"Sort these words in (ascending|descending) order: ([a-z]+(?: [a-z]+)*)")


def solve(words: list[str], order: str) -> str:
    """The words, sorted, with single spaces. `order` is "ascending" or "descending"."""
    if order not in ("ascending", "descending"):
        raise ValueError(order)
    return " ".join(sorted(words, reverse=order == "descending"))


def parse(question: str) -> dict | None:
    match = _QUESTION.fullmatch(question)
    return {"words": match[2].split(" "), "order": match[1]} if match else None


def unparse(words: list[str], order: str) -> str:
    return f"Sort these words in {order} order: {' '.join(words)}"
'''.lstrip()

_CHECKS: list[tuple[str, dict[str, JSON], str]] = [
    (
        "Sort these words in ascending order: pear fig apple",
        {"words": ["pear", "fig", "apple"], "order": "ascending"},
        "apple fig pear",
    ),
    (
        "Sort these words in descending order: owl hawk",
        {"words": ["owl", "hawk"], "order": "descending"},
        "owl hawk",
    ),
    ("Sort these words in ascending order: b a", {"words": ["b", "a"], "order": "ascending"}, "a b"),
]


def a_tool() -> Tool:
    checks = tuple(Check(question=q, arguments=a, answer=given, parsed=True) for q, a, given in _CHECKS)
    return Tool(
        name="word_sorting",
        description="Sorts words in either order.",
        source=SORT,
        demonstrations=demonstrated(checks[:2]),
        checks=checks,
        routes=(Route.PARSER, Route.USER),
        wording=wording([check.question for check in checks]),
        provenance=Provenance(
            maker="test:strong",
            recipe="module",
            prompts="0123456789ab",
            shown=2,
            verified=1,
            held_out=1,
            instances=("0123456789abcdef",),
            attempts=1,
            usage=Usage(input_tokens=10, output_tokens=None),
            cost_usd=0.25,
            made="2026-01-02T03:04:05+00:00",
        ),
    )


def without_parser() -> Tool:
    """The same, as the `latm` recipe makes it: for the user alone."""
    tool = a_tool()
    return replace(
        tool,
        source=SORT.partition("\n\ndef parse")[0],
        checks=tuple(replace(check, parsed=False) for check in tool.checks),
        routes=(Route.USER,),
        wording=(),
    )


def demonstrated(checks: tuple[Check, ...]) -> tuple[Demonstration, ...]:
    return tuple(Demonstration(question=check.question, arguments=check.arguments) for check in checks)


def stored(tool: Tool, version: int = 3) -> StoredTool:
    return StoredTool(
        tool=tool, task=tool.name, version=version, state=ToolState.LIVE, created="2026-01-02T03:04:06+00:00"
    )
