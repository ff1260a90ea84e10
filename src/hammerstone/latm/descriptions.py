"""A tool's description, as it may stand in a prompt, a list or a comment: one line, printable, not long."""

from __future__ import annotations

__all__ = ["MAX_CHARS", "one_line", "short_description"]

MAX_CHARS = 500  # a sentence or two; the maker and the dispatcher are shown it each time


def one_line(text: str) -> str:
    """On one line, which nothing in it can end, without characters that cannot be seen or encoded."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def short_description(text: str, limit: int = MAX_CHARS) -> str:
    """On one line, cut to `limit` characters."""
    line = one_line(text)
    return line if len(line) <= limit else f"{line[: limit - 1]}…"
