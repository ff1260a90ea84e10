"""The requests of a file, or of standard input."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from hammerstone.errors import InputError
from hammerstone.paths import expanded
from hammerstone.requests.fields import given_id, ignored_fields, named_fields, request_of
from hammerstone.requests.formats import rows_of
from hammerstone.requests.log_rows import log_row
from hammerstone.requests.rows import NotForToolsError, Unreadable, UnreadableRowError

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator, Sequence
    from pathlib import Path

    from hammerstone.types import Request

__all__ = ["read_requests"]

_MOST_NAMES = 50  # of ignored fields: a file with more has no fixed names
_NUMBER = re.compile(r"(line )*\d+")  # what `_apart` makes


def read_requests(
    source: str | Path, *, on_ignored: Callable[[Sequence[str]], object] | None = None
) -> Iterator[Request | Unreadable]:
    """Read the requests of a file, or of standard input if `source` is `-`.

    The suffix tells the format; the first line does for any other suffix and for standard input, and tells a .json
    file of JSON lines from one that is a single value. A request without an id gets the number of its line (or its
    position) as id, and makes room for those that have one; an id that the file gives is kept, and is unreadable only
    where the file gives it twice. A stream is read once: there, an id that an earlier line got as its number counts as
    given. `on_ignored` is given the names of the fields that are passed over, each once.

    Raises `InputError`, at the first item asked for, if the file is missing, not allowed, binary, in UTF-32 or in
    UTF-16 without a byte order mark, or not of its format as a whole. Raises `SettingsError` for a path in
    the home folder of no user.
    """
    taken: dict[str, int] = {}  # where each id was
    reserved: frozenset[str] | None = None  # read for the first request without an id
    passed: set[str] = set()
    for line, row in rows_of(source):
        try:
            fields, logged = log_row(named_fields(row))
            ignored = [name for name in ignored_fields(fields) if name not in passed]
            request = request_of(fields, line)
            if given_id(fields) is None:
                reserved = _numbers_given(source) if reserved is None else reserved
                request = _apart(request, taken, reserved)
            _take(request, taken)
        except UnreadableRowError as error:
            yield Unreadable(line=line, why=str(error), group=error.group)
            continue
        if on_ignored and ignored and len(passed) < _MOST_NAMES:
            passed.update(ignored)
            on_ignored(ignored)
        yield replace(request, logged=logged)


def _numbers_given(source: str | Path) -> frozenset[str]:
    """The ids in a file that a line without one could get as well; none of a stream, which cannot be read twice."""
    found: set[str] = set()
    if str(source).lower().endswith(".txt"):  # a question a line
        return frozenset()
    with suppress(InputError):  # said where the requests themselves are read
        for _, row in rows_of(source) if str(source) != "-" and expanded(source).is_file() else ():
            with suppress(UnreadableRowError):
                found.add(given_id(log_row(named_fields(row))[0]) or "")
    return frozenset(filter(_NUMBER.fullmatch, found))


def _apart(request: Request, *taken: Container[str]) -> Request:
    """The request with the number of its line as id, or what makes it differ from all ids that are taken."""
    own = request.id
    while any(own in ids for ids in taken):
        own = f"line {own}"
    return replace(request, id=own, numbered=True)


def _take(request: Request, taken: dict[str, int]) -> None:
    """Raises `NotForToolsError` for an id that another request has."""
    first = taken.setdefault(request.id, request.line or 0)
    if first != request.line:
        why = f"its id {request.id!r} is that of line {first} already: ids must differ"
        raise NotForToolsError(why, "an id that was used before")
