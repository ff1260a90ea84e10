"""Tables and lists of facts, fitted to the terminal. In a pipe or a file nothing is cut."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from hammerstone.cli.terminal import console, print_line, show_laid_out, shown, talk
from hammerstone.visible import visible

if TYPE_CHECKING:
    from rich.console import Group, RenderableType
    from rich.table import Table
    from rich.text import Text

__all__ = ["show_facts", "show_table"]

GAP = 3  # screen columns between two columns of a table
LEAST = 20  # screen columns that a text is worth before it is cut or wrapped any further
MARKS = "#…¶"


def show_facts(facts: Iterable[tuple[str, str]]) -> None:
    """Names with their values, one below the other."""
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts:
        table.add_row(shown(name), shown(value))
    show_laid_out(table)


def show_table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], *, stderr: bool = False, caption: str | Text = ""
) -> None:
    """A table. A column whose name begins with `#` holds numbers, set to the right; one whose name ends with `…` is
    cut where the terminal ends, and one that ends with `¶` is wrapped. The others are names and stay whole.

    Where the terminal is too narrow for that, each row is a paragraph under its first cell. Without rows, a line."""
    lines = [tuple(row) for row in rows]
    if not lines:
        say = talk if stderr else print_line
        say(f"{title}: none")
        return
    width = console(stderr=stderr).width
    laid_out = _table(columns, lines) if _least(columns, lines) <= width else _paragraphs(columns, lines)
    below = [shown(caption, "dim") if isinstance(caption, str) else caption, ""] if caption else []
    show_laid_out(shown(title, "bold"), laid_out, *below, stderr=stderr)


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_header=any(name.strip(MARKS) for name in columns))
    for name in columns:
        justify, whole = "right" if name.startswith("#") else "left", not name.endswith(("…", "¶"))
        overflow = "ellipsis" if whole else "fold"  # a name longer than the terminal is marked as cut
        table.add_column(shown(name.strip(MARKS)), justify=justify, overflow=overflow, no_wrap=whole)
    for row in rows:
        table.add_row(*(_cell(text, cut=name.endswith("…")) for name, text in zip(columns, row, strict=True)))
    return table


def _paragraphs(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Group:
    """Each row under its first cell: the names of the other columns with what they hold, the empty ones left out."""
    from rich.console import Group
    from rich.padding import Padding

    heads = [name.strip(MARKS) for name in columns[1:]]
    lines: list[RenderableType] = [""]
    for first, *others in rows:
        cells = zip(heads, (cell.strip() for cell in others), strict=True)
        pairs = ", ".join(f"{head}: {cell}" if head else cell for head, cell in cells if cell)
        lines += [shown(first or "-"), Padding(shown(pairs), (0, 0, 1, 2))]
    return Group(*lines)


def _least(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    """Screen columns that the table takes at least, if every column is to say something."""
    cells = zip((name.strip(MARKS) for name in columns), *rows, strict=True)
    longest = [max(len(visible(cell)) for cell in column) for column in cells]
    needed = (
        min(length, LEAST) if name.endswith(("…", "¶")) else length
        for name, length in zip(columns, longest, strict=True)
    )
    return sum(needed) + GAP * (len(columns) - 1) + 2


def _cell(text: str, *, cut: bool) -> Text:
    cell = shown(text)
    if cut:  # the column may be narrowed, but its text is not to be wrapped
        cell.no_wrap, cell.overflow = True, "ellipsis"
    return cell
