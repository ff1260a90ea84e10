"""Results of experiments on a terminal, fitted to its width. In a pipe or a file nothing is left out."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from itertools import groupby
from textwrap import wrap as wrap_text
from typing import TYPE_CHECKING, NamedTuple

from hammerstone.cli.tables import show_table
from hammerstone.cli.terminal import WIDE, show_text, talk
from hammerstone.visible import visible

if TYPE_CHECKING:
    from hammerstone.evals.report import Result, Table

__all__ = ["show_result"]

TABLE_GAP, GAP = 3, 2  # screen columns between two of a table, and of the narrow form
NARROWEST = 60  # screen columns; a smaller screen wraps the lines itself
LEAST_NAMES = 8  # screen columns without which names do not stand beside numbers
NAMES = 28  # screen columns that the names of methods are worth before one of the others is left out
# Left out in this order where room is short:
SPARED = ("model", "cost", "calls", "tokens each", "cost each", "paper", "per cent")
DETAIL = "detail"  # as `hammerstone.evals.report.result_tables` heads the column of the longest texts

wrap = partial(wrap_text, break_on_hyphens=False)


def show_result(result: Result) -> None:
    """Show where the numbers come from, then the tables."""
    from hammerstone.evals.report import CONFUSION, about, tables

    width = max(NARROWEST, shutil.get_terminal_size((WIDE, 25)).columns)
    notes = [line for note in result.notes for line in wrap(f"- {visible(note)}", width, subsequent_indent="  ")]
    show_text("\n".join([visible(result.title), *wrap(visible(about(result)), width), *notes, ""]))
    for table in map(_seen, tables(result)):
        if _needed(table) <= width:
            show_table(table.title, table.columns, table.rows, caption=table.caption)
        elif table.title == CONFUSION:
            _show_numbered(table)
        elif _is_named(table) and (chosen := _chosen(table, width)).names >= LEAST_NAMES:
            show_text("\n".join([*_narrow(table, chosen, width), ""]))
        else:
            show_text("\n".join([*_by_row(table, width), ""]))
    if result.partial:
        talk(result.partial, "partial:")


def _seen(table: Table) -> Table:
    """The table with its texts made visible, since the columns are measured and wrapped here."""
    columns, rows = map(visible, table.columns), (tuple(map(visible, row)) for row in table.rows)
    return replace(table, columns=tuple(columns), rows=tuple(rows))


def _needed(table: Table) -> int:
    """Screen columns of the whole table, nothing cut or wrapped."""
    cells = zip(table.heads, *table.rows, strict=True)
    return sum(max(map(len, column)) for column in cells) + TABLE_GAP * (len(table.columns) - 1)


def _show_numbered(table: Table) -> None:
    """Numbers for the heads of the columns; they stand before the names of the rows, and below where there is none."""
    number = {name: str(at) for at, name in enumerate(table.heads[1:], 1)}
    rows = [(f"{number[row[0]]} {row[0]}", *row[1:]) for row in table.rows]
    others = number.keys() - {row[0] for row in table.rows}
    caption = ", ".join(f"{at} {name}" for name, at in number.items() if name in others)
    show_table(table.title, (table.columns[0], *(f"#{at}" for at in number.values())), rows, caption=caption)


def _is_named(table: Table) -> bool:
    """Whether its rows have names in two columns, such as a task and a method."""
    return not any(column.startswith("#") for column in table.columns[:2])


def _by_row(table: Table, width: int) -> Iterator[str]:
    """Lines: each row below its name, what stands in a column beside the column's head."""
    yield table.title
    for row in table.rows:
        cells = [f"{head} {cell}" for head, cell in zip(table.heads[1:], row[1:], strict=True) if cell]
        yield from wrap(row[0], width)
        yield from wrap(", ".join(cells), width, initial_indent="  ", subsequent_indent="  ")
    yield from ("", *wrap(table.caption, width))


def _narrow(table: Table, chosen: _Chosen, width: int) -> Iterator[str]:
    """Lines: rows that begin alike under their common beginning, each detail under its row."""
    heads, spared, names = chosen
    rooms = [_room(table, head) for head in heads]

    def line(name: str, cells: Iterable[str]) -> str:
        return (" " * GAP).join([name.ljust(names), *map(str.rjust, cells, rooms)]).rstrip()

    yield table.title
    yield line("", [_short(head) for head in heads])
    for beginning, rows in groupby(table.rows, key=lambda row: row[0]):
        yield beginning
        for row in rows:
            cell = dict(zip(table.heads, row, strict=True))
            first, *others = wrap(f"  {row[1]}", names, subsequent_indent="    ")
            yield line(first, [cell[head] for head in heads])
            yield from others
            yield from wrap(cell.get(DETAIL, ""), width, initial_indent="    ", subsequent_indent="    ")
    below = [table.caption, f"No room here for {', '.join(spared)}: --json has all." if spared else ""]
    yield from ("", *(line for text in below for line in wrap(text, width)))


class _Chosen(NamedTuple):
    """The heads after the first two that find room beside a name, those left out, and the room of the names."""

    heads: list[str]
    spared: list[str]
    names: int


def _chosen(table: Table, width: int) -> _Chosen:
    heads = [head for head in table.heads[2:] if head != DETAIL]
    spared: list[str] = []
    for head in (head for head in SPARED if head in heads):
        if NAMES + sum(GAP + _room(table, one) for one in heads) > width:
            heads.remove(head)
            spared.append(head)
    room = width - sum(GAP + _room(table, one) for one in heads)
    return _Chosen(heads, spared, min(room, 2 + max(len(row[1]) for row in table.rows)))


def _room(table: Table, head: str) -> int:
    at = table.heads.index(head)
    return max(len(_short(head)), *(len(row[at]) for row in table.rows))


def _short(head: str) -> str:
    return "%" if head == "per cent" else head
