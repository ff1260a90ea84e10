"""Reading requests from files and from standard input, and writing instances.

Formats: JSON lines, a JSON array or a BIG-bench file, CSV with a header, and plain text with a question a line. What is
wrong with one line is data (`Unreadable`) and the rest goes on; what is wrong with the whole is an `InputError`.

Lines are read one at a time, so a file of gigabytes needs little memory (its ids are remembered) and standard input is
answered as it comes. Only a JSON array or a BIG-bench file is one value and is read whole.
"""

from __future__ import annotations

import csv
import io
import json
import re
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TextIO, TypeAlias, cast

from hammerstone.errors import InputError
from hammerstone.types import Request

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Mapping

    from hammerstone.types import Instance

__all__ = [
    "MAX_DOCUMENT_CHARS",
    "MAX_LINE_CHARS",
    "MAX_QUESTION_CHARS",
    "InstanceForm",
    "Unreadable",
    "read_requests",
    "write_instances",
]

MAX_QUESTION_CHARS = 200_000
MAX_LINE_CHARS = 4_000_000  # a question of the longest kind with every character escaped, and its answer
MAX_DOCUMENT_CHARS = 200_000_000

InstanceForm: TypeAlias = Literal["jsonl", "bigbench"]
_Form: TypeAlias = Literal["lines", "json", "csv", "text"]

_FORMS: Mapping[str, _Form] = {".jsonl": "lines", ".json": "json", ".csv": "csv", ".txt": "text"}
_ROW_EXAMPLE = '{"question": "How many days has May?", "answer": "31"}'


@dataclass(frozen=True, kw_only=True)
class Unreadable:
    """One request that could not be read.

    `line` counts from 1: the line it ends on, or in a JSON array or BIG-bench file its position there.
    """

    line: int
    why: str


class _Number(str):
    """A JSON number with its digits as they were written."""

    __slots__ = ()


class _BadRequestError(Exception):
    """Why one row is no request; becomes an `Unreadable`."""


def read_requests(source: str | Path) -> Iterator[Request | Unreadable]:
    """Read the requests of a file, or of standard input if `source` is `-`.

    The suffix tells the format (.jsonl, .json, .csv, .txt); the first line does for any other suffix and for standard
    input, and tells a .json file of JSON lines from one that is a single value. A request without an id gets its line
    (or position) as id. Raises `InputError`, at the first item asked for, if the file is missing, not allowed, binary,
    in UTF-32 or in UTF-16 without a byte order mark, or not of its format as a whole.
    """
    with _opened(source) as binary:
        try:
            text = io.TextIOWrapper(binary, encoding=_encoding(binary, source), errors="surrogateescape", newline="")
            try:
                yield from _unique(_rows(text, _FORMS.get(Path(source).suffix.lower())))
            finally:
                text.detach()  # standard input stays open
        except (OSError, UnicodeDecodeError) as error:
            hint = "a copy may be incomplete: fetch or save the file again"
            raise InputError(f"{_name(source)} cannot be read to its end: {error}", hint=hint) from error


@contextmanager
def _opened(source: str | Path) -> Generator[io.BufferedReader]:
    if str(source) == "-":
        binary = sys.stdin.buffer
        # A replaced standard input may be any binary stream; only a BufferedReader lets us peek.
        yield binary if isinstance(binary, io.BufferedReader) else io.BufferedReader(cast("io.RawIOBase", binary))
        return
    try:
        file = Path(source).open("rb")  # noqa: SIM115 - only opening may fail as below, not what is done with the file
    except FileNotFoundError as error:
        raise InputError(f"there is no file {source}", hint="check the path; `-` reads standard input") from error
    except IsADirectoryError as error:
        raise InputError(f"{source} is a folder", hint="name one file in it") from error
    except PermissionError as error:
        raise InputError(f"you may not read {source}", hint=f"`ls -l {source}` shows who may") from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise InputError(f"{source} cannot be opened: {error}", hint="check the path") from error
    with file:
        yield file


def _name(source: str | Path) -> str:
    return "standard input" if str(source) == "-" else str(source)


def _encoding(binary: io.BufferedReader, source: str | Path) -> str:
    """`utf-8-sig` (UTF-8 with or without a byte order mark) or `utf-16`, judged by the first bytes."""
    head = binary.peek()
    if head.startswith((b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff")):
        raise InputError(f"{_name(source)} is UTF-32", hint="`iconv -f UTF-32 -t UTF-8 OLD > NEW` converts it")
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    for name, zeros, others in (("UTF-16LE", head[1::2], head[::2]), ("UTF-16BE", head[::2], head[1::2])):
        if len(zeros) > 1 and zeros.count(0) > 0.9 * len(zeros) and others.count(0) < 0.1 * len(others):
            hint = f"`iconv -f {name} -t UTF-8 OLD > NEW` converts it"
            raise InputError(f"{_name(source)} looks like {name} without a byte order mark", hint=hint)
    if b"\x00" in head:
        hint = "requests are JSON lines, JSON, CSV or plain text; unpack a compressed file first"
        raise InputError(f"{_name(source)} is a binary file", hint=hint)
    return "utf-8-sig"


# A row is what a line, a record or an item holds before it is judged: its fields, or why it has none.
_Row: TypeAlias = "tuple[int, object]"


def _rows(text: TextIO, form: _Form | None) -> Iterator[_Row]:
    numbered = _numbered_lines(text)
    number, first = next(((number, line) for number, line in numbered if line.strip()), (0, ""))
    if not first:
        return
    form = form or _sniff(first)
    if form == "json" and _is_document(first):
        yield from enumerate(_items(first + text.read(MAX_DOCUMENT_CHARS)), start=1)
        return
    lines = chain([(number, first)], numbered)
    if form == "csv":
        yield from _csv_rows((line for _, line in lines), skipped=number - 1)
    elif form == "text":
        yield from ((number, {"question": line.rstrip("\r\n")}) for number, line in lines if line.strip())
    else:
        yield from ((number, _fields(line)) for number, line in lines if line.strip())


def _numbered_lines(text: TextIO) -> Iterator[tuple[int, str]]:
    """The lines with their numbers; one that is too long is cut, and the rest of it passed over."""
    number = 0
    while line := text.readline(MAX_LINE_CHARS + 1):
        number += 1
        yield number, line
        while len(line) > MAX_LINE_CHARS and not line.endswith(("\n", "\r")):
            line = text.readline(MAX_LINE_CHARS + 1)


def _sniff(first: str) -> _Form:
    """The format by the first line that is not blank. A plain question may begin with a bracket too."""
    if re.match(r'\s*(\[\s*)?(\{\s*"|\{\s*$)|\s*\[\s*(\]\s*)?$', first):
        return "json"
    header = next(csv.reader([first[:1000]]))
    return "csv" if _column_names(header) & {"question", "input"} else "text"


def _is_document(first: str) -> bool:
    """Is a JSON file that begins with this line one value, and not JSON lines?"""
    if first.lstrip().startswith("[") or len(first) > MAX_LINE_CHARS:
        return True
    value = _fields(first)
    if isinstance(value, dict):
        return "examples" in value
    # One object over several lines breaks where another thing must follow; a damaged JSON line seldom does.
    return first.rstrip().endswith(("{", "[", ","))


def _loads(text: str) -> object:
    """Parse JSON, keeping the digits of numbers. Raises `ValueError` or `RecursionError`."""
    return json.loads(text, parse_int=_Number, parse_float=_Number, parse_constant=_refuse_constant)


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def _fields(line: str) -> object:
    if len(line) > MAX_LINE_CHARS:
        return _BadRequestError(f"the line is longer than {MAX_LINE_CHARS} characters")
    try:
        return _loads(line)
    except RecursionError:
        return _BadRequestError("the JSON is nested too deeply")
    except ValueError as error:
        return _BadRequestError(f"the line is not JSON: {error}")


def _items(text: str) -> list[object]:
    """The items of a JSON array or a BIG-bench file. Raises `InputError`."""
    if len(text) > MAX_DOCUMENT_CHARS:
        hint = "a JSON array is read whole; write it as JSON lines, which are read one by one"
        raise InputError(f"the JSON is longer than {MAX_DOCUMENT_CHARS} characters", hint=hint)
    try:
        value = _loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"not valid JSON: {error}", hint=f"one request a line is simpler: {_ROW_EXAMPLE}") from error
    if isinstance(value, dict):
        fields = cast("dict[str, object]", value)
        value = fields.get("examples", [fields])
    if not isinstance(value, list):
        hint = 'give a list of objects, or {"examples": [...]} as BIG-bench files do'
        raise InputError("the JSON holds no list of requests", hint=hint)
    return cast("list[object]", value)


def _csv_rows(lines: Iterator[str], *, skipped: int) -> Iterator[_Row]:
    # The limit is the whole process's, so it is only ever raised.
    csv.field_size_limit(max(csv.field_size_limit(), MAX_QUESTION_CHARS))
    reader = csv.reader(lines, strict=True)
    header = _csv_header(reader)
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield skipped + reader.line_num, _BadRequestError(f"the CSV is broken here: {error}")
            continue
        if cells:
            yield skipped + reader.line_num, _csv_fields(header, cells)


def _csv_header(reader: Iterator[list[str]]) -> list[str]:
    try:
        header = next(reader)
    except (csv.Error, StopIteration) as error:
        raise InputError(
            f"the CSV header cannot be read: {error}", hint="begin with a line such as id,question"
        ) from error
    if not _column_names(header) & {"question", "input"}:
        hint = "name the columns in the first line, separated by commas; one must be `question` (or `input`)"
        raise InputError(f"the CSV has no column `question`: {', '.join(header)[:80]!r}", hint=hint)
    return [cell.strip().lower() for cell in header]


def _column_names(header: Iterable[str]) -> set[str]:
    return {cell.strip().lower() for cell in header}


def _csv_fields(header: list[str], cells: list[str]) -> object:
    if len(cells) != len(header):
        return _BadRequestError(
            f"it has {len(cells)} cells under {len(header)} columns: put quotes around a cell that holds a comma"
        )
    # An empty cell is how CSV leaves an answer out.
    return {name: cell for name, cell in zip(header, cells, strict=True) if cell or name not in ("answer", "target")}


def _unique(rows: Iterator[_Row]) -> Iterator[Request | Unreadable]:
    seen: set[str] = set()
    for line, row in rows:
        try:
            request = _request(line, row)
        except _BadRequestError as error:
            yield Unreadable(line=line, why=str(error))
            continue
        if request.id in seen:
            yield Unreadable(line=line, why=f"its id {request.id!r} was there before: ids must differ")
            continue
        seen.add(request.id)
        yield request


def _request(line: int, row: object) -> Request:
    if isinstance(row, _BadRequestError):
        raise row
    if not isinstance(row, dict):
        raise _BadRequestError(f"it is not a JSON object like {_ROW_EXAMPLE}")
    fields = cast("dict[str, object]", row)
    return Request(
        id=_text(fields, "id") or str(line),
        question=_question(fields),
        task=_text(fields, "task") or None,
        answer=_text(fields, "answer", "target"),
    )


def _question(fields: Mapping[str, object]) -> str:
    value = _first_of(fields, "question", "input")
    if value is None:
        raise _BadRequestError("it has no `question` (or `input`)")
    if not isinstance(value, str) or isinstance(value, _Number):
        raise _BadRequestError("its question is not a string")
    if not value.strip():
        raise _BadRequestError("its question is empty")
    if len(value) > MAX_QUESTION_CHARS:
        raise _BadRequestError(f"its question has {len(value)} characters; {MAX_QUESTION_CHARS} are allowed")
    return _sound(value, "question")


def _text(fields: Mapping[str, object], *names: str) -> str | None:
    """A field as text: a number as it was written, `true` or `false`, and of a list (BIG-bench's targets) the first."""
    value = _first_of(fields, *names)
    if isinstance(value, list):
        value = next(iter(cast("list[object]", value)), None)
    if value is None:
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str):
        raise _BadRequestError(f"its {names[0]} is neither a string nor a number")
    return _sound(str(value), names[0])


def _first_of(fields: Mapping[str, object], *names: str) -> object:
    return next((fields[name] for name in names if fields.get(name) is not None), None)


def _sound(value: str, name: str) -> str:
    """The text, if it can be stored and sent. A byte that is not UTF-8 is a surrogate here (`surrogateescape`)."""
    if "\x00" in value:
        raise _BadRequestError(f"its {name} holds a NUL character")
    bad = re.search("[\ud800-\udfff]", value)
    if bad is None:
        return value
    if bad[0] < "\udc80" or bad[0] > "\udcff":
        raise _BadRequestError(f"its {name} holds half of a surrogate pair")
    raise _BadRequestError(
        f"its {name} is not UTF-8 (byte 0x{ord(bad[0]) - 0xDC00:02X}); if the file is Windows-1252, "
        "`iconv -f WINDOWS-1252 -t UTF-8 OLD > NEW` converts it"
    )


def write_instances(instances: Iterable[Instance], stream: TextIO, form: InstanceForm = "jsonl") -> None:
    """Write instances as `read_requests` reads them: JSON lines, or one object in the shape of BIG-bench files."""
    if form == "jsonl":
        for instance in instances:
            row = {"question": instance.question, "answer": instance.answer}
            stream.write(json.dumps(row, ensure_ascii=False) + "\n")
        return
    separator = '{"examples": ['
    for instance in instances:
        example = {"input": instance.question, "target": instance.answer}
        stream.write(f"{separator}\n{json.dumps(example, ensure_ascii=False)}")
        separator = ","
    stream.write("\n]}\n" if separator == "," else '{"examples": []}\n')
