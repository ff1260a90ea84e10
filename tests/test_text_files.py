"""Text as editors and spreadsheets save it, read by one set of functions."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from hammerstone.errors import InputError
from hammerstone.text_files import decoded, read_text, stdin_lines, text_lines, typed_line

SAVED = {
    "UTF-8": "Größe\nzwei\n".encode(),
    "UTF-8 with a mark": b"\xef\xbb\xbf" + "Größe\nzwei\n".encode(),
    "two marks": b"\xef\xbb\xbf" * 2 + "Größe\nzwei\n".encode(),
    "UTF-16": "Größe\nzwei\n".encode("utf-16"),
    "big-endian UTF-16": b"\xfe\xff" + "Größe\nzwei\n".encode("utf-16-be"),
}
NO_TEXT = {
    "Latin-1": ("Größe\n".encode("latin-1"), "line 1: it is not UTF-8 (byte 0xF6)"),
    "cut UTF-8": ("one\ntwö".encode()[:-1], "line 2: it is not UTF-8 (byte 0xC3)"),
    "cut UTF-16": ("zwei".encode("utf-16")[:-1], "it is not UTF-16"),
    "UTF-32": ("zwei".encode("utf-32"), "is UTF-32"),
    "UTF-16 without a mark": ("zwei und drei".encode("utf-16-le"), "looks like UTF-16LE"),
    "no text": (b"PK\x03\x04\x00\x00", "is a binary file"),
}


def pipe(data: bytes, monkeypatch: pytest.MonkeyPatch, errors: str = "strict") -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data), encoding="utf-8", errors=errors))


@pytest.mark.parametrize("data", SAVED.values(), ids=SAVED)
def test_text_with_or_without_a_byte_order_mark_is_the_same(
    tmp_path: Path, data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "saved.txt"
    path.write_bytes(data)
    pipe(data, monkeypatch)
    assert read_text(path) == "Größe\nzwei\n"
    assert list(text_lines(path)) == ["Größe\n", "zwei\n"]
    assert list(stdin_lines()) == ["Größe", "zwei"]


@pytest.mark.parametrize(("data", "why"), NO_TEXT.values(), ids=NO_TEXT)
def test_what_is_no_text_is_refused_with_a_hint(tmp_path: Path, data: bytes, why: str) -> None:
    with pytest.raises(InputError) as whole:
        decoded(data, "the file")
    assert why in whole.value.message
    path = tmp_path / "file"
    path.write_bytes(data)
    with pytest.raises(InputError) as lines:
        list(text_lines(path))
    assert "iconv" in whole.value.hint + lines.value.hint or "unpack" in whole.value.hint


def test_lines_end_where_files_end_them_and_nowhere_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = "one\u2028still one\x0cand still\r\ntwo".encode()
    (tmp_path / "lines.txt").write_bytes(data)
    pipe(data, monkeypatch)
    assert [line.rstrip("\r\n") for line in text_lines(tmp_path / "lines.txt")] == list(stdin_lines())
    assert len(list(text_lines(tmp_path / "lines.txt"))) == 2


@pytest.mark.parametrize("errors", ["strict", "surrogateescape"])
def test_what_is_typed_in_another_encoding_is_refused_and_not_changed(
    monkeypatch: pytest.MonkeyPatch, errors: str
) -> None:
    pipe("café\n".encode("latin-1"), monkeypatch, errors)
    with pytest.raises(InputError, match="cannot read standard input: it is not UTF-8") as refused:
        typed_line()
    assert "iconv -f WINDOWS-1252 -t UTF-8" in refused.value.hint


def test_what_is_typed_after_a_byte_order_mark_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe(b"\xef\xbb\xbfpear\r\n", monkeypatch)
    assert typed_line() == "pear"
