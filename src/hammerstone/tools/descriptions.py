"""Text about a tool that others wrote, as it may stand in a prompt, a list or a comment: short and printable."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["MAX_CHARS", "few", "one_line", "short_description"]

MAX_CHARS = 500  # a sentence or two; the maker and the dispatcher are shown it each time
SHOWN = 3  # problems in one message


def one_line(text: str) -> str:
    """The text on a single line, without characters that cannot be seen or encoded."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def short_description(text: str, limit: int = MAX_CHARS) -> str:
    """The text on one line, cut to `limit` characters."""
    line = one_line(text)
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def few(problems: Sequence[str]) -> str:
    """The first of many problems in one message, and how many more there are."""
    more = len(problems) - SHOWN
    return "; ".join(problems[:SHOWN]) + (f"; and {more} more" if more > 0 else "")
