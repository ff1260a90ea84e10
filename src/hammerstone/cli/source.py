"""Source as a reviewer needs it: every line has its number, and none can hide another."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

from hammerstone.cli.terminal import console, show_line, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.text import Text

__all__ = ["show_source"]

LONG = 160  # characters: in a log or a pager, what stands behind may not be seen
CODE = 50_000  # characters that are coloured; no tool is so long, and colours take seconds there


def show_source(source: str) -> None:
    """Python source with line numbers; only a line feed ends a line, and what would not be seen is an escape.

    A terminal shows it in colours and wraps long lines after their numbers; elsewhere their length is said.
    """
    from rich.text import Text

    lines = _coloured(source.removesuffix("\n"))
    width = len(str(len(lines)))
    for number, line in enumerate(lines, 1):
        head = str(number)
        for row in _rows(line, width + len(" | ")):
            show_line(Text.assemble((f"{head:>{width}} | ", "dim"), row))
            head = ""


def _coloured(source: str) -> list[Text]:
    """The lines. A highlighter gives their colours alone: it may drop or change characters."""
    from rich.syntax import Syntax
    from rich.text import Text

    text = Text("\n").join(shown(line) for line in source.split("\n"))
    if console().is_terminal and len(text) < CODE:
        coloured = Syntax("", "python", background_color="default").highlight(f"{text.plain}\n")
        coloured.right_crop()
        if coloured.plain == text.plain:
            text.spans = [*coloured.spans, *text.spans]
    return list(text.split("\n", allow_blank=True))


def _rows(line: Text, gutter: int) -> Iterator[Text]:
    """A line as it finds room on the screen, no space dropped; or whole, after its length where that is unusual."""
    from rich.cells import chop_cells
    from rich.text import Text

    screen = console()
    if screen.is_terminal:
        rows = chop_cells(line.plain, max(1, screen.width - gutter)) or [""]
        yield from line.divide(list(accumulate(map(len, rows)))[:-1])
        return
    if len(line) > LONG:
        line = Text.assemble((f"({len(line):,} characters) ", "dim"), line)
    yield line
