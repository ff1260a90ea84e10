"""Reads sources, by file ending (also with `.gz`, except Parquet); of a folder or pattern, each file:

    .txt               one text; a long one is split into texts of about a megabyte, at blank lines
    .jsonl .json       one object per line, with a text and optionally an id, a URL and a date
    .parquet           the same in columns
    anything else      a name of `datasets`: `owner/name`, or `owner/name:config`

Everything is read as a stream.
"""

from __future__ import annotations

import glob
import gzip
import hashlib
import json
import os
import zlib
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TypeAlias, cast

from hammerstone.errors import InputError, SettingsError

__all__ = ["DatasetLoader", "SourceRow", "TextSource", "find_sources", "open_dataset", "read_rows"]

DatasetLoader: TypeAlias = Callable[[str, str], Iterable[Mapping[str, object]]]
"""The rows of a dataset, by its name and split."""

SECTION = 1 << 20  # bytes: a longer .txt file is split
SHUFFLED = 10_000  # rows of a dataset that are in memory when it is shuffled
LONGEST_LINE = 1 << 24  # bytes of a line of JSON
ENDINGS = (".txt", ".txt.gz", ".jsonl", ".jsonl.gz", ".json", ".json.gz", ".parquet")
ENDINGS_SHOWN = ", ".join(ENDINGS)


class SourceRow(NamedTuple):
    """A text of a source with its fields, `None` if it cannot be read; `name` says where it is.

    `share` is how much of the source, or later of all sources, has been read; `None` if that is not known.
    """

    name: str
    fields: Mapping[str, object] | None
    share: float | None


@dataclass(frozen=True, kw_only=True)
class TextSource:
    """A file, or a dataset, which has no path. `name` is unique among all sources, and the same on every machine."""

    name: str
    path: Path | None = None

    def digest(self) -> str:
        """SHA-256 of a file; empty for a dataset."""
        if self.path is None:
            return ""
        with _readable(self.path), self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


def find_sources(sources: Sequence[str | Path]) -> list[TextSource]:
    """The files and datasets, each once, in the given order; files of a folder or pattern are sorted by name.

    A file's name starts at the folder that all files have in common. Raises `InputError` for a missing file.
    """
    found = list(dict.fromkeys(chain.from_iterable(map(_expanded, sources))))
    files = [path.resolve() for path in found if isinstance(path, Path)]
    common = os.path.commonpath([path.parent for path in files]) if files else ""
    return [
        TextSource(name=path.resolve().relative_to(common).as_posix(), path=path)
        if isinstance(path, Path)
        else TextSource(name=path)
        for path in found
    ]


def _expanded(source: str | Path) -> Iterator[Path | str]:
    """The files of a folder or pattern, a file itself, or the name of a dataset."""
    path = Path(source)
    if path.is_dir():
        files = [each for each in sorted(path.rglob("*")) if each.is_file() and _ending(each)]
        if not files:
            raise InputError(f"{path} contains no texts", hint=f"supported file endings: {ENDINGS_SHOWN}")
        yield from files
    elif path.exists():
        if not _ending(path):
            raise InputError(f"{path} has an unsupported file ending", hint=f"supported file endings: {ENDINGS_SHOWN}")
        yield path
    elif any(mark in str(source) for mark in "*?["):
        files = [Path(each) for each in sorted(glob.glob(str(source), recursive=True))]  # noqa: PTH207 - may begin with /
        if not files:
            raise InputError(f"no file matches {source}", hint="check the pattern, and put it in quotes")
        yield from chain.from_iterable(map(_expanded, files))
    elif isinstance(source, Path) or _ending(path) or source.startswith((".", "/", "~")):
        raise InputError(f"there is no file {source}", hint="check the path")
    else:
        yield source


def _ending(path: Path) -> str:
    return next((ending for ending in sorted(ENDINGS, key=len, reverse=True) if path.name.lower().endswith(ending)), "")


def open_dataset(name: str, split: str, *, seed: int | None = None) -> Iterable[Mapping[str, object]]:
    """The rows of a dataset of the Hugging Face hub or of a folder, streamed; nothing is stored.

    With a `seed` they are shuffled as far as a stream can be: its files, and the rows among `SHUFFLED`.

    Raises `SettingsError` without the package `datasets`.
    """
    datasets = _optional("datasets")
    path, _, config = name.partition(":")
    rows = datasets.load_dataset(path, config or None, split=split, streaming=True)
    if seed is not None:
        rows = rows.shuffle(seed=seed, buffer_size=SHUFFLED)
    return cast("Iterable[Mapping[str, object]]", rows)


def read_rows(
    sources: Sequence[TextSource], fields: Sequence[str], split: str, load: DatasetLoader
) -> Iterator[SourceRow]:
    """The rows of all sources, each with the share of all bytes that has been read.

    From Parquet only `fields` are read; the first of them is the text. Raises `InputError` for an unreadable file and
    `SettingsError` for a dataset or a missing package.
    """
    paths = [source.path for source in sources]
    total = sum(path.stat().st_size for path in paths if path)
    known = all(paths) and total
    before = 0
    for source in sources:
        size = source.path.stat().st_size if source.path else 0
        for row in _rows(source, fields, split, load):
            share = None if row.share is None or not known else (before + row.share * size) / total
            yield row._replace(share=share)
        before += size


def _rows(source: TextSource, fields: Sequence[str], split: str, load: DatasetLoader) -> Iterator[SourceRow]:
    if source.path is None:
        return _dataset_rows(source.name, split, load)
    if _ending(source.path) == ".parquet":
        return _parquet_rows(source.path, source.name, fields)
    return _file_rows(source.path, source.name, fields[0])


def _file_rows(path: Path, name: str, text: str) -> Iterator[SourceRow]:
    """The texts of a text file, or of a file of JSON lines."""
    size = max(path.stat().st_size, 1)
    with _readable(path), path.open("rb") as raw:
        file = cast("BinaryIO", gzip.GzipFile(fileobj=raw)) if path.suffix.lower() == ".gz" else raw
        if _ending(path).startswith(".txt"):
            read = ({text: section} for section in _sections(file))
        else:
            read = (_object(line, path) for line in _lines(file))
        for number, fields in enumerate(read, 1):
            yield SourceRow(f"{name}:{number}", fields, raw.tell() / size)


def _sections(file: BinaryIO) -> Iterator[bytes]:
    """A file in parts of about `SECTION` bytes that end at a blank line, or else at the end of a line or a word."""
    held = b""
    while more := file.read(SECTION):
        held += more
        if len(held) >= SECTION:
            end = _last_break(held)
            yield held[:end]
            held = held[end:]
    if held.strip():
        yield held


def _last_break(held: bytes) -> int:
    for mark in (b"\n\n", b"\n\r\n", b"\n", b" "):
        if (at := held.rfind(mark, len(held) // 2)) >= 0:
            return at + len(mark)
    end = len(held) - 1
    while held[end] & 0xC0 == 0x80 and end > len(held) - 4:  # within a character of several bytes
        end -= 1
    return end


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """The lines that are not blank. An excessively long one is cut, so it is invalid JSON, and its rest is skipped."""
    while line := file.readline(LONGEST_LINE):
        rest = line
        while len(rest) == LONGEST_LINE and not rest.endswith(b"\n"):
            rest = file.readline(LONGEST_LINE)
        if line.strip():
            yield line


def _object(line: bytes, path: Path) -> Mapping[str, object] | None:
    try:
        # A byte that is not UTF-8 becomes a surrogate, and is repaired in the text that holds it.
        value = json.loads(line.decode("utf-8", "surrogateescape").removeprefix("\ufeff"))
    except (ValueError, RecursionError):
        if line.lstrip().startswith(b"["):
            hint = f"write one object per line: `jq -c '.[]' {path.name}` does that"
            raise InputError(f"{path} is a JSON array, not JSON lines", hint=hint) from None
        return None
    return cast("Mapping[str, object]", value) if isinstance(value, dict) else None


def _parquet_rows(path: Path, name: str, fields: Sequence[str]) -> Iterator[SourceRow]:
    pa, parquet = (_optional(each) for each in ("pyarrow", "pyarrow.parquet"))
    with _readable(path), parquet.ParquetFile(path) as file:
        columns: list[str] = file.schema_arrow.names
        if fields[0] not in columns:
            hint = f"name the one that contains the text (`text_field`); the columns are {', '.join(columns)}"
            raise InputError(f"{path} has no column {fields[0]!r}", hint=hint)
        number, rows = 0, max(file.metadata.num_rows, 1)
        for batch in file.iter_batches(columns=[column for column in fields if column in columns], batch_size=256):
            values = {name: _values(pa, batch.column(name)) for name in batch.schema.names}
            for k in range(batch.num_rows):
                number += 1
                yield SourceRow(f"{name}:{number}", {key: column[k] for key, column in values.items()}, number / rows)


def _values(pa: Any, column: Any) -> list[object]:
    """The values of a column; text as bytes, since it may not be valid UTF-8."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        column = column.cast(pa.large_binary())
    return column.to_pylist()


def _dataset_rows(name: str, split: str, load: DatasetLoader) -> Iterator[SourceRow]:
    try:
        for number, fields in enumerate(load(name, split), 1):
            yield SourceRow(f"{name}:{number}", fields, None)
    except SettingsError:
        raise
    except Exception as error:  # of `datasets`, the hub, the network and the file formats
        raise SettingsError(
            f"the dataset {name} (split {split}) cannot be read: {error}",
            hint="check its name (`owner/name`, or `owner/name:config`), the split and the connection; "
            "no file has this name either",
        ) from error


def _optional(module: str) -> Any:
    try:
        return import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise SettingsError(
            f"the package `{package}` is not installed", hint="uv run --extra toolformer hammerstone …"
        ) from error


@contextmanager
def _readable(path: Path) -> Generator[None]:
    """A file that is damaged or unreadable is an `InputError`."""
    try:
        yield
    except (OSError, EOFError, ValueError, zlib.error) as error:  # ValueError: of a damaged Parquet file
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise InputError(
            f"{path} cannot be read: {reason}", hint="check that the file is complete and readable"
        ) from error
