"""Text as editors and spreadsheets save it: UTF-8 with or without a byte order mark, or UTF-16 with one."""

from __future__ import annotations

import codecs
import io
import re
import sys
from typing import TYPE_CHECKING, cast

from hammerstone.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = [
    "BAD_BYTE",
    "BOM",
    "CONVERSION",
    "STANDARD_INPUT",
    "bad_byte",
    "decoded",
    "encoding_of",
    "read_text",
    "stdin_binary",
    "stdin_lines",
    "text_lines",
    "typed_line",
]

BOM = "\ufeff"
CONVERSION = "`iconv -f WINDOWS-1252 -t UTF-8 OLD > NEW`"
STANDARD_INPUT = "standard input"
BAD_BYTE = re.compile("[\udc80-\udcff]")


def encoding_of(head: bytes, name: str) -> str:
    """`utf-8` or `utf-16`, judged by the first bytes of the text that is called `name`.

    Raises `InputError` for UTF-32, for UTF-16 without a byte order mark, and for what is no text.
    """
    if head.startswith((b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff")):
        raise InputError(f"{name} is UTF-32", hint="`iconv -f UTF-32 -t UTF-8 OLD > NEW` converts it")
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    for encoding, zeros, others in (("UTF-16LE", head[1::2], head[::2]), ("UTF-16BE", head[::2], head[1::2])):
        if len(zeros) > 1 and zeros.count(0) > 0.9 * len(zeros) and others.count(0) < 0.1 * len(others):
            hint = f"`iconv -f {encoding} -t UTF-8 OLD > NEW` converts it"
            raise InputError(f"{name} looks like {encoding} without a byte order mark", hint=hint)
    if _is_binary(head):
        raise InputError(f"{name} is a binary file", hint="text is read; unpack a compressed file first")
    return "utf-8"


def _is_binary(head: bytes) -> bool:
    """One NUL is a stray character of a text; many of them, or one among bytes that are not UTF-8, are not text."""
    nuls = head.count(0)
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)  # the last character may be cut
    except UnicodeDecodeError:
        return nuls > 0
    return nuls > 0.05 * len(head)


def decoded(data: bytes, name: str) -> str:
    """The text, without a byte order mark. Raises `InputError` for bytes that are not text."""
    try:
        return data.decode(encoding_of(data[:8192], name)).lstrip(BOM)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _undecodable(f"{name}, line {line}", data[error.start], error.encoding) from error


def _undecodable(what: str, byte: int, encoding: str) -> InputError:
    hint = f"if it is Windows-1252 or Latin-1, {CONVERSION} converts it"
    return InputError(f"cannot read {what}: it is not {encoding.upper()} (byte 0x{byte:02X})", hint=hint)


def read_text(path: Path) -> str:
    """The text of a file that is read whole. Raises `OSError`, and `InputError` for a file that is not text."""
    return decoded(path.read_bytes(), str(path))


def text_lines(path: Path) -> Iterator[str]:
    """The lines of a file of any size. Raises `OSError`, and `InputError` for a file that is not text."""
    with path.open("rb") as binary:
        lines = io.TextIOWrapper(binary, encoding=encoding_of(binary.peek(), str(path)), newline="\n")
        try:
            yield from (line.lstrip(BOM) for line in lines)
        except UnicodeDecodeError as error:
            raise _undecodable(str(path), error.object[error.start], error.encoding) from error


def bad_byte(text: str) -> int | None:
    """The first byte that was not UTF-8, in a text that was decoded with `surrogateescape`."""
    found = None if text.isascii() else BAD_BYTE.search(text)
    return None if found is None else ord(found[0]) - 0xDC00


def stdin_binary() -> io.BufferedReader:
    """Standard input's bytes. A replaced standard input may be any binary stream; only a BufferedReader can peek."""
    binary = cast("io.BufferedReader", sys.stdin.buffer)
    return binary if type(binary) is io.BufferedReader else io.BufferedReader(cast("io.RawIOBase", binary))


def stdin_lines() -> Iterator[str]:
    """The lines of standard input without their ends. Raises `InputError` for bytes that are not text."""
    text = decoded(stdin_binary().read(), STANDARD_INPUT)
    yield from (line.rstrip("\n") for line in io.StringIO(text, newline=None))


def typed_line() -> str:
    """The next line of standard input. Raises `EOFError`, and `InputError` for bytes that are not text."""
    try:
        line = input()
    except UnicodeDecodeError as error:
        raise _undecodable(STANDARD_INPUT, error.object[error.start], error.encoding) from error
    byte = bad_byte(line)
    if byte is not None:
        raise _undecodable(STANDARD_INPUT, byte, "utf-8")
    return line.lstrip(BOM)
