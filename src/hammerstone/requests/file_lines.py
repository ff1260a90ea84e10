"""The file or the standard input that requests are read from, as lines of text."""

from __future__ import annotations

import gzip
import io
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO, cast

from hammerstone.errors import InputError
from hammerstone.paths import expanded
from hammerstone.requests.rows import MAX_LINE_CHARS, Line
from hammerstone.text_files import BOM, STANDARD_INPUT, encoding_of, stdin_binary

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

__all__ = ["numbered_lines", "opened_text"]


@contextmanager
def opened_text(source: str | Path) -> Generator[TextIO]:
    """The text of a file, or of standard input if `source` is `-`; a byte that is not UTF-8 is a surrogate in it.

    Raises `InputError`, also for what goes wrong while it is read.
    """
    name = STANDARD_INPUT if str(source) == "-" else str(source)
    with _opened(source) as packed:
        try:
            binary = _unpacked(packed)
            encoding = encoding_of(binary.peek(), name)
            errors = "surrogatepass" if encoding == "utf-16" else "surrogateescape"
            text = io.TextIOWrapper(binary, encoding=encoding, errors=errors, newline="")
            try:
                yield text
            finally:
                text.detach()  # standard input stays open
        except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
            hint = "a copy may be incomplete: fetch or save the file again"
            raise InputError(f"{name} cannot be read to its end: {error}", hint=hint) from error


@contextmanager
def _opened(source: str | Path) -> Generator[io.BufferedReader]:
    if str(source) == "-":
        yield stdin_binary()
        return
    if not str(source):
        raise InputError("no file is named", hint="name one, or `-` for standard input")
    path = expanded(source)
    try:
        file = path.open("rb")
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


def _unpacked(file: io.BufferedReader) -> io.BufferedReader:
    """What a file holds that was compressed with gzip; any other file as it is."""
    if not file.peek(2).startswith(b"\x1f\x8b"):
        return file
    return io.BufferedReader(cast("io.RawIOBase", gzip.GzipFile(fileobj=file)))


def numbered_lines(text: TextIO) -> Iterator[Line]:
    """The lines with their numbers; one that is too long is cut, and the rest of it passed over.

    A byte order mark is one at the beginning of the text; elsewhere it is a character like any other.
    """
    number = 0
    while line := text.readline(MAX_LINE_CHARS + 1):
        number += 1
        yield number, line.lstrip(BOM) if number == 1 else line
        while len(line) > MAX_LINE_CHARS and not line.endswith(("\n", "\r")):
            line = text.readline(MAX_LINE_CHARS + 1)
