"""One colour and one line for each name, the same in every plot of a result."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

__all__ = ["SHAPES", "Style", "styles_of"]

# After Okabe and Ito (2008), for colour-blind people; their yellow and sky blue are too pale for a thin line.
_COLOURS = ("#0072b2", "#009e73", "#d55e00", "#b0578d", "#4d4a45", "#c98a00")
_DASHES = ((), (6, 2), (2, 2), (8, 2, 2, 2))
SHAPES = {
    "o": "M9 5a4 4 0 1 0 8 0a4 4 0 1 0 -8 0Z",
    "s": "M9 1H17V9H9Z",
    "^": "M13 .5 18 9H8Z",
    "D": "M13 0 18 5 13 10 8 5Z",
    "v": "M13 9.5 18 1H8Z",
}
"""Points, as matplotlib names them, and their outlines in a legend of 26 by 10 px."""


@dataclass(frozen=True, kw_only=True)
class Style:
    """A line's style. `dash` has the lengths of strokes and gaps in px; it is empty for a line without gaps."""

    colour: str
    dash: tuple[int, ...]


def styles_of(names: Iterable[str]) -> Mapping[str, Style]:
    """Styles for up to 24 names, in the order of first appearance; neighbours differ in colour and dash."""
    each = dict.fromkeys(names)
    return {
        name: Style(colour=_COLOURS[index % len(_COLOURS)], dash=_DASHES[(index + index // 6) % len(_DASHES)])
        for index, name in enumerate(each)
    }
