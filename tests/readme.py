"""What the README says it reaches: tests take the figures from there, so that the two cannot part."""

from __future__ import annotations

import re
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"


def stated(*words: str) -> list[float]:
    """The numbers in the figure of the one row that holds all of `words`, in order; "none" counts as 0."""
    (row,) = [row for row in _figures() if all(word in " | ".join(row) for word in words)]
    return numbers(row[1])


def numbers(text: str) -> list[float]:
    found = re.findall(r"\bnone\b|\d[\d,]*(?:\.\d+)?", text)
    return [0.0 if one == "none" else float(one.replace(",", "")) for one in found]


def _figures() -> list[list[str]]:
    """The rows of the table of figures: what, figure, command."""
    rows = [
        line.strip("| ").split(" | ") for line in README.read_text(encoding="utf-8").splitlines() if line[:1] == "|"
    ]
    return [row for row in rows if len(row) == 3 and row[2].startswith("`")]
