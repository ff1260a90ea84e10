"""Tables with a header: CSV, tab-separated values, and what spreadsheets make of them.

The delimiter is found in the header. A quote that is never closed, or only by another stray one, costs its own line:
reading goes on with the next one, so that it cannot swallow the rows behind it.
"""

from __future__ import annotations

import csv
import re
from collections import Counter, deque
from itertools import chain
from typing import TYPE_CHECKING, TypeAlias

from hammerstone.errors import InputError
from hammerstone.requests.fields import IGNORED, KNOWN
from hammerstone.requests.json_text import Number
from hammerstone.requests.log_rows import ASKED
from hammerstone.requests.rows import MAX_LINE_CHARS, MAX_QUESTION_CHARS, Line, Row, UnreadableRowError, not_utf8

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["is_table_header", "table_rows"]

_Record: TypeAlias = "tuple[int, list[str] | UnreadableRowError]"

_DELIMITERS = (",", "\t", ";", "|")
_SEPARATOR = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)  # Excel's first line
_COLUMN_NAME = re.compile(r"([^\W\d][\w.-]*)?")


def is_table_header(line: str, *, columns: int) -> bool:
    """Is this the first line of a table with so many columns or more, and not a sentence with commas?"""
    if _SEPARATOR.fullmatch(line):
        return True
    cells = _header_cells(line.rstrip(), _DELIMITERS)[1]
    names = _names(cells)
    if len(names) < columns or not ASKED.intersection(names):
        return False
    return all(map(_COLUMN_NAME.fullmatch, cells)) or all(name in KNOWN | IGNORED for name in names)


def table_rows(lines: Iterator[Line], *, tabs: bool) -> Iterator[Row]:
    """The rows below the header, whose cells are divided by tabs if it does not tell.

    Raises `InputError` for a header that cannot be one.
    """
    # The limit is the whole process's, so it is only ever raised.
    csv.field_size_limit(max(csv.field_size_limit(), MAX_QUESTION_CHARS))
    number, first = next(lines)
    delimiters: Sequence[str] = ("\t", *_DELIMITERS) if tabs else _DELIMITERS
    if separator := _SEPARATOR.fullmatch(first):
        delimiters = separator[1]
        number, first = next(((number, line) for number, line in lines if line.strip()), (number, ""))
    delimiter, _ = _header_cells(first, delimiters)
    records = _records(chain([(number, first)], lines), delimiter)
    header = _header(next(records)[1])
    for number, cells in records:
        if isinstance(cells, UnreadableRowError):
            yield number, cells
        elif cells:
            yield number, _fields(header, cells)


def _header_cells(line: str, delimiters: Sequence[str]) -> tuple[str, list[str]]:
    """The delimiter that gives most columns, one of them a question's, with those columns; else the first."""
    read = {delimiter: _cells(line, delimiter) for delimiter in delimiters}
    fitting = [one for one, cells in read.items() if ASKED.intersection(_names(cells))]
    delimiter = max(fitting, key=lambda one: len(read[one])) if fitting else delimiters[0]
    return delimiter, read[delimiter]


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter))
    except (csv.Error, StopIteration):
        return []


def _names(cells: Sequence[str]) -> list[str]:
    return [cell.strip().lower() for cell in cells]


def _header(cells: list[str] | UnreadableRowError) -> list[str]:
    if isinstance(cells, UnreadableRowError):
        hint = "begin with a line such as id,question"
        raise InputError(f"the header of the table cannot be read: {cells}", hint=hint)
    names = _names(cells)
    if not ASKED.intersection(names):
        hint = "name the columns in the first line, separated by commas or tabs; one must be `question` (or `input`)"
        raise InputError(f"the table has no column `question`: {', '.join(cells)[:80]!r}", hint=hint)
    twice = [name for name, count in Counter(filter(None, names)).items() if count > 1]
    if twice:
        raise InputError(f"the table has two columns `{twice[0][:80]}`", hint="give each column a name of its own")
    return names


def _records(lines: Iterator[Line], delimiter: str) -> Iterator[_Record]:
    """Each record's cells with the number of its last line; of a broken one why, with the number of its first."""
    ahead: deque[Line] = deque()
    taken: list[Line] = []

    def feed() -> Iterator[str]:
        for line in iter(lambda: ahead.popleft() if ahead else next(lines, None), None):
            taken.append(line)
            yield line[1]

    reader, doubtful, width = csv.reader(feed(), delimiter=delimiter, strict=True), 0, 0
    while True:
        taken.clear()
        try:
            cells = next(reader)
            if len(cells) < width and _swallows_rows(taken, width, delimiter):
                raise csv.Error("a stray one runs over the rows below")
        except StopIteration:
            return
        except csv.Error as error:
            doubtful = max(doubtful, taken[-1][0])
            yield taken[0][0], UnreadableRowError(f"the quotes of this row are broken ({error})")
            ahead.extendleft(reversed(taken[1:]))
            reader = csv.reader(feed(), delimiter=delimiter, strict=True)
            continue
        width = width or len(cells)  # the header's
        yield taken[-1][0], _unsound(taken, doubtful=taken[0][0] <= doubtful) or cells


def _swallows_rows(taken: Sequence[Line], width: int, delimiter: str) -> bool:
    """Whether a cell over several lines is rows between two stray quotes, and not a text with line breaks.

    Each line below the first is a row of its own then, and what closes the cell stands where a quote opens one.
    """
    below = [line.rstrip("\r\n") for _, line in taken[1:]]
    if not below or any(len(_cells(line.replace('"', ""), delimiter)) != width for line in below):
        return False
    return re.search(rf'(?:^|{re.escape(delimiter)})"(?:$|{re.escape(delimiter)})', below[-1]) is not None


def _unsound(taken: Sequence[Line], *, doubtful: bool) -> UnreadableRowError | None:
    """Why a record is unreadable although its quotes are well-formed.

    It is `doubtful` where a broken one above may have begun: half a pair of quotes may then be that one's end.
    """
    if doubtful and sum(line.count('"') for _, line in taken) % 2:
        return UnreadableRowError("the quotes of this row are broken, or those of a row above it")
    if any(len(line) > MAX_LINE_CHARS for _, line in taken):
        return UnreadableRowError(f"the line is longer than {MAX_LINE_CHARS} characters")
    return next(filter(None, (not_utf8(line) for _, line in taken)), None)


def _fields(header: Sequence[str], cells: Sequence[str]) -> object:
    if len(cells) != len(header):
        return UnreadableRowError(
            f"it has {len(cells)} cells under {len(header)} columns: put quotes around a cell that holds a delimiter"
        )
    # An empty cell is how a table leaves a field out.
    given = {name: cell for name, cell in zip(header, cells, strict=True) if cell or name in ASKED}
    return {name: cell if name in KNOWN else _value(cell) for name, cell in given.items()}


def _value(cell: str) -> object:
    """A cell of a column that we do not know: its number or truth value, if it is one."""
    if cell.strip().lower() in ("true", "false"):
        return True
    try:
        float(cell)
    except ValueError:
        return cell
    return Number(cell)
