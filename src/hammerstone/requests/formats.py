"""Which format a file has, and its rows.

Lines are read one at a time, so a file of gigabytes needs little memory and standard input is answered as it comes.
Only a JSON array or a BIG-bench file is one value and is read whole.
"""

from __future__ import annotations

import re
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TextIO, TypeAlias

from hammerstone.paths import expanded
from hammerstone.requests.documents import document_rows, is_document
from hammerstone.requests.file_lines import numbered_lines, opened_text
from hammerstone.requests.json_text import load_json
from hammerstone.requests.parquet import parquet_rows
from hammerstone.requests.rows import MAX_LINE_CHARS, MAX_QUESTION_CHARS, Row, UnreadableRowError, not_utf8
from hammerstone.requests.tables import is_table_header, table_rows
from hammerstone.text_files import BOM

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["rows_of"]

_Form: TypeAlias = Literal["lines", "json", "table", "text"]

_FORMS: Mapping[str, _Form] = {
    **dict.fromkeys((".jsonl", ".ndjson"), "lines"),
    **dict.fromkeys((".csv", ".tsv", ".tab"), "table"),
    ".json": "json",
}


def rows_of(source: str | Path) -> Iterator[Row]:
    """The rows of a file, which may be compressed with gzip, or of standard input if `source` is `-`.

    Raises `InputError` for what is wrong with the whole, `SettingsError` for a path in the home folder of no user.
    """
    path = Path(source)
    suffix = Path(path.stem if path.suffix.lower() == ".gz" else path.name).suffix.lower()
    if suffix == ".parquet":
        yield from parquet_rows(expanded(path))
        return
    with opened_text(source) as text:
        yield from _rows(text, suffix)


def _rows(text: TextIO, suffix: str) -> Iterator[Row]:
    """The rows of a text in the format that its suffix or its first line tells."""
    numbered = numbered_lines(text)
    number, first = next(((number, line) for number, line in numbered if line.strip()), (0, ""))
    if not first:
        return
    form = _FORMS.get(suffix) or _sniff(first, suffix)
    lines = chain([(number, first)], numbered)
    if form == "json" and is_document(first):
        yield from document_rows(first, text)
    elif form == "table":
        yield from table_rows(lines, tabs=suffix in (".tsv", ".tab"))
    else:
        read = _question if form == "text" else _fields
        yield from ((number, not_utf8(line) or read(line)) for number, line in lines if line.strip())


def _sniff(first: str, suffix: str) -> _Form:
    """The format by the first line that is not blank. A plain question may begin with a bracket too."""
    if is_table_header(first, columns=2 if suffix == ".txt" else 1):
        return "table"
    if suffix != ".txt" and re.match(r'\s*(\[\s*)?(\{\s*"|\{\s*$)|\s*\[\s*(\]\s*)?$', first):
        return "json"
    return "text"


def _question(line: str) -> object:
    if len(line) > MAX_LINE_CHARS:  # it was cut there: how long it is was not counted
        return UnreadableRowError(
            f"its question has more than {MAX_LINE_CHARS} characters; {MAX_QUESTION_CHARS} are allowed"
        )
    return {"question": line.rstrip("\r\n")}


def _fields(line: str) -> object:
    if len(line) > MAX_LINE_CHARS:
        return UnreadableRowError(f"the line is longer than {MAX_LINE_CHARS} characters")
    try:
        return load_json(line.lstrip(BOM))  # files that were put together have one in the middle
    except RecursionError:
        return UnreadableRowError("the JSON is nested too deeply")
    except ValueError as error:
        return UnreadableRowError(f"the line is not JSON: {error}")
