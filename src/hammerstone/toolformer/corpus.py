"""The first stage: texts become documents, short enough for a model to read, and each good for at least one tool.

What is read, by its ending (also in `.gz`, but for Parquet); of a folder or pattern (`texts/*.txt`) each file:

    .txt               one text; of a long one, each megabyte or so, cut at a blank line, is a text of its own
    .jsonl .json       an object a line, with a text and perhaps an id, a URL and a date
    .parquet           the same in columns
    anything else      a name for `datasets`: `owner/name`, or `owner/name:config`

A text is cut into pieces of at most `max_tokens` before anything is proposed in it. So no later stage crops a row, and
no call is lost by it. What is wrong with one text among many is counted.
"""

from __future__ import annotations

import glob
import gzip
import hashlib
import json
import os
import re
import time
import zlib
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date
from importlib import import_module
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TypeAlias, cast

from hammerstone.errors import InputError, SettingsError
from hammerstone.toolformer.calls import find_calls
from hammerstone.toolformer.heuristics import LanguageId, Rules, count_words, iso_date, split_text, url_date
from hammerstone.toolformer.records import Document
from hammerstone.toolformer.stages import Progress, write_shards
from hammerstone.types import JSON

__all__ = ["CorpusSettings", "Load", "Source", "build_corpus", "find_sources", "open_dataset"]

Load: TypeAlias = Callable[[str, str], Iterable[Mapping[str, object]]]
"""The rows of a dataset, by its name and the split."""

SHARD = 500  # documents
SECTION = 1 << 20  # bytes of a long .txt file that are a text of their own
LONGEST_LINE = 1 << 24  # bytes of a line of JSON
UNREADABLE = 0.01  # of the characters of a text: with more that are not UTF-8 it is in another encoding, or no text
ENDINGS = (".txt", ".txt.gz", ".jsonl", ".jsonl.gz", ".json", ".json.gz", ".parquet")
ENDINGS_TOLD = ", ".join(ENDINGS)


@dataclass(frozen=True, kw_only=True)
class CorpusSettings:
    """What the corpus depends on, besides its sources and the tools.

    Pieces have `min_tokens` to `max_tokens`; `limit` ends the stage after so many of them. `tokenizer` and
    `language_id` name what counts the tokens and tells the languages: a folder that was made with others is refused.
    """

    text_field: str = "text"
    id_field: str = "id"
    url_field: str = "url"
    date_field: str = "date"
    split: str = "train"
    min_tokens: int = 10
    max_tokens: int = 512
    limit: int | None = None
    seed: int = 0
    tokenizer: str = "words"
    language_id: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.min_tokens <= self.max_tokens or self.max_tokens < 1:
            raise SettingsError(
                f"pieces of {self.min_tokens} to {self.max_tokens} tokens cannot be made",
                hint="give a maximum of 1 or more, and a minimum that is not above it",
            )
        if self.limit is not None and self.limit < 1:
            raise SettingsError(f"a limit of {self.limit} documents keeps none", hint="give 1 or more, or no limit")


def open_dataset(name: str, split: str) -> Iterable[Mapping[str, object]]:
    """The rows of a dataset of the Hugging Face hub, or of a folder, as they come; nothing is stored.

    Raises `SettingsError` without the package `datasets`.
    """
    datasets = _optional("datasets")
    path, _, config = name.partition(":")
    return cast(
        "Iterable[Mapping[str, object]]", datasets.load_dataset(path, config or None, split=split, streaming=True)
    )


def build_corpus(
    sources: Sequence[str | Path],
    target: Path,
    apis: Sequence[str],
    settings: CorpusSettings,
    *,
    count_tokens: Callable[[str], int] = count_words,
    identify: LanguageId | None = None,
    load: Load = open_dataset,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> Counter[str]:
    """Write the documents that are good for at least one of `apis` (all documents, if there are none) in shards.

    Returns what was counted: texts `read`, the `pieces` of those that are usable, pieces `kept`, by which rule of which
    tool, and why others were `dropped`. In its progress, `total` is estimated, or 0 where the size of a source is not
    known. Raises `InputError` for sources that are not there, cannot be read or hold nothing to keep; `SettingsError`
    for MT without `identify`, and for a dataset that cannot be opened; else as `write_shards`.
    """
    rules = Rules(apis=apis, seed=settings.seed, identify=identify)
    found = find_sources(sources)
    manifest: dict[str, JSON] = {
        **asdict(settings),
        "apis": [*apis],
        "sources": [[source.name, source.digest()] for source in found],
    }
    making = _Making(rules, settings, count_tokens)
    counts: Counter[str] = Counter()
    blocks = _told(making.blocks(_all_rows(found, settings, load)), counts, on_progress)
    first = next(blocks, ())
    if not first:
        raise _nothing_kept(counts)
    write_shards(target, chain(first, chain.from_iterable(blocks)), settings=manifest, size=SHARD)
    return counts


def _nothing_kept(counts: Counter[str]) -> InputError:
    why = ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) or "read 0"
    hint = "check what the rules of `corpus` keep"
    if not counts["read"]:
        hint = "check the path: there is nothing in it"
    elif counts["dropped: no text"] == counts["read"]:
        hint = "name the field that holds the text (`text_field`)"
    return InputError(f"the corpus holds no document ({why})", hint=hint)


def _told(
    blocks: Iterator[_Block], counts: Counter[str], on_progress: Callable[[Progress], None]
) -> Iterator[Sequence[Document]]:
    """Each block's documents; sums its counts and tells the progress."""
    started = time.monotonic()
    for number, block in enumerate(blocks, 1):
        counts.update(block.counts)
        seconds = time.monotonic() - started
        yield block.documents
        on_progress(
            Progress(
                stage="corpus",
                done=number,
                total=max(number, round(number / block.share)) if block.share else 0,
                documents=counts["read"],
                per_second=counts["read"] / seconds if seconds else 0.0,
                seconds_left=seconds * (1 - block.share) / block.share if block.share else None,
            )
        )


# --- From texts to documents ---


class _Block(NamedTuple):
    """The documents of a shard, what was counted for them, and how much of all sources was read by then, if known."""

    documents: Sequence[Document]
    counts: Mapping[str, int]
    share: float | None


class _Text(NamedTuple):
    id: str
    text: str
    date: str | None
    dated: str | None  # the rule of the calendar that its date fulfils


class _Making:
    """Makes documents of rows. Of what came before it remembers 16 bytes for each text and id."""

    def __init__(self, rules: Rules, settings: CorpusSettings, count_tokens: Callable[[str], int]) -> None:
        self._rules, self._settings, self._count_tokens = rules, settings, count_tokens
        self._seen: set[bytes] = set()

    def blocks(self, rows: Iterable[_Row]) -> Iterator[_Block]:
        """Blocks of `SHARD` documents or a few more; each but the last ends just before a row that gives some."""
        documents: list[Document] = []
        counts: Counter[str] = Counter()
        left, share = self._settings.limit, None
        for row in rows:
            made, counted = self._documents(row, left)
            if made and len(documents) >= SHARD:
                yield _Block(documents, counts, share)
                documents, counts = [], Counter()
            documents.extend(made)
            counts, share = counts + counted, row.share
            left = None if left is None else left - len(made)
            if left == 0:
                break
        yield _Block(documents, counts, share)

    def _documents(self, row: _Row, limit: int | None) -> tuple[list[Document], Counter[str]]:
        counts = Counter({"read": 1})
        text = self._usable(row, counts)
        documents: list[Document] = []
        if text is None:
            return documents, counts
        pieces = split_text(text.text, self._settings.max_tokens, self._count_tokens)
        for number, piece in enumerate(pieces, 1):
            counts["pieces"] += 1
            piece_id = text.id if len(pieces) == 1 else f"{text.id}#{number}"
            documents.extend(self._judged(text._replace(id=piece_id, text=piece), counts))
            if len(documents) == limit:
                break
        return documents, counts

    def _usable(self, row: _Row, counts: Counter[str]) -> _Text | None:
        """The row's text, unless something is wrong with it; that is counted."""
        fields, names = row.fields, self._settings
        if fields is None:
            counts["dropped: not a JSON object"] += 1
            return None
        text, bad = _repaired(fields.get(names.text_field))
        if not text:
            counts["dropped: no text"] += 1
        elif bad > UNREADABLE * len(text):
            counts["dropped: not UTF-8"] += 1
        elif not self._new(f"text {text}"):
            counts["dropped: same text as before"] += 1
        else:
            counts["repaired: invalid UTF-8"] += bool(bad)
            return _Text(self._id(row, counts), text, *_date(fields, names, counts))
        return None

    def _id(self, row: _Row, counts: Counter[str]) -> str:
        given = (row.fields or {}).get(self._settings.id_field)
        name, _ = _repaired(str(given) if isinstance(given, int) else given)
        if name and self._new(f"id {name}"):
            return name
        counts["repaired: id given before"] += bool(name)
        return row.name

    def _new(self, value: str) -> bool:
        digest = hashlib.blake2b(value.encode(), digest_size=16).digest()
        before = len(self._seen)
        self._seen.add(digest)
        return len(self._seen) > before

    def _judged(self, piece: _Text, counts: Counter[str]) -> Iterator[Document]:
        """The piece as a document, if it is good for a tool."""
        apis = self._rules.apis
        if self._count_tokens(piece.text) < self._settings.min_tokens:
            counts["dropped: too short"] += 1
        elif find_calls(piece.text, apis):
            counts["dropped: holds a call of its own"] += 1
        elif kept := self._rules.that_keep(piece.id, piece.text, piece.dated):
            counts.update(["kept", *(f"kept: {api}: {rule}" for api, rule in kept.items())])
            yield Document(id=piece.id, text=piece.text, date=piece.date, apis=tuple(kept))
        elif apis:
            counts["dropped: good for no tool"] += 1
        else:
            counts["kept"] += 1
            yield Document(id=piece.id, text=piece.text, date=piece.date)


def _repaired(value: object) -> tuple[str, int]:
    """A text without what cannot be written as UTF-8, and how many characters that were."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "surrogateescape")
    if not isinstance(value, str):
        return "", 0
    text, bad = re.subn("[\ud800-\udfff]", "\ufffd", value)
    return text.removeprefix("\ufeff").strip(), bad


def _date(fields: Mapping[str, object], names: CorpusSettings, counts: Counter[str]) -> tuple[str | None, str | None]:
    """When the text was written and how that is known; a date of the data goes before one of the URL."""
    given = fields.get(names.date_field)
    day = given.isoformat() if isinstance(given, date) else _repaired(given)[0]
    if found := iso_date(day):
        return found, "date in the data"
    counts["repaired: unreadable date left out"] += given is not None
    found = url_date(_repaired(fields.get(names.url_field))[0])
    return found, "date in the URL" if found else None


# --- Reading ---


class _Row(NamedTuple):
    """A text of a source with what is known of it, `None` if it cannot be read; `name` says where it stands.

    `share` is how much of the source, or later of all sources, was read by then; `None` if that is not known.
    """

    name: str
    fields: Mapping[str, object] | None
    share: float | None


@dataclass(frozen=True, kw_only=True)
class Source:
    """A file, or a dataset, which has no path. `name` is its own among all sources, and the same on every machine."""

    name: str
    path: Path | None = None

    def digest(self) -> str:
        """SHA-256 of a file; empty for a dataset."""
        if self.path is None:
            return ""
        with _readable(self.path), self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


def find_sources(sources: Sequence[str | Path]) -> list[Source]:
    """The files and datasets that are meant, each once, in the order given; those of a folder or pattern by name.

    A file's name begins at the folder that all files have in common. Raises `InputError`.
    """
    found = list(dict.fromkeys(chain.from_iterable(map(_expanded, sources))))
    files = [path.resolve() for path in found if isinstance(path, Path)]
    common = os.path.commonpath([path.parent for path in files]) if files else ""
    return [
        Source(name=path.resolve().relative_to(common).as_posix(), path=path)
        if isinstance(path, Path)
        else Source(name=path)
        for path in found
    ]


def _expanded(source: str | Path) -> Iterator[Path | str]:
    """The files of a folder or pattern, a file itself, or the name of a dataset."""
    path = Path(source)
    if path.is_dir():
        files = [each for each in sorted(path.rglob("*")) if each.is_file() and _ending(each)]
        if not files:
            raise InputError(f"{path} holds no texts", hint=f"files with these endings are read: {ENDINGS_TOLD}")
        yield from files
    elif path.exists():
        if not _ending(path):
            raise InputError(f"{path} is of no kind that is read", hint=f"the endings tell the kinds: {ENDINGS_TOLD}")
        yield path
    elif any(mark in str(source) for mark in "*?["):
        files = [Path(each) for each in sorted(glob.glob(str(source), recursive=True))]  # noqa: PTH207 - may begin with /
        if not files:
            raise InputError(f"no file is like {source}", hint="check the pattern, and put it in quotes")
        yield from chain.from_iterable(map(_expanded, files))
    elif isinstance(source, Path) or _ending(path) or source.startswith((".", "/", "~")):
        raise InputError(f"there is no file {source}", hint="check the path")
    else:
        yield source


def _ending(path: Path) -> str:
    return next((ending for ending in sorted(ENDINGS, key=len, reverse=True) if path.name.lower().endswith(ending)), "")


def _all_rows(sources: Sequence[Source], settings: CorpusSettings, load: Load) -> Iterator[_Row]:
    """The rows of all sources, with the share of all bytes that was read by then."""
    paths = [source.path for source in sources]
    total = sum(path.stat().st_size for path in paths if path)
    known = all(paths) and total
    before = 0
    for source in sources:
        size = source.path.stat().st_size if source.path else 0
        for row in _rows(source, settings, load):
            share = None if row.share is None or not known else (before + row.share * size) / total
            yield row._replace(share=share)
        before += size


def _rows(source: Source, settings: CorpusSettings, load: Load) -> Iterator[_Row]:
    if source.path is None:
        return _dataset_rows(source.name, settings, load)
    if _ending(source.path) == ".parquet":
        return _parquet_rows(source.path, source.name, settings)
    return _file_rows(source.path, source.name, settings)


def _file_rows(path: Path, name: str, settings: CorpusSettings) -> Iterator[_Row]:
    """The texts of a text file, or of a file of JSON lines."""
    size = max(path.stat().st_size, 1)
    with _readable(path), path.open("rb") as raw:
        file = cast("BinaryIO", gzip.GzipFile(fileobj=raw)) if path.suffix.lower() == ".gz" else raw
        if _ending(path).startswith(".txt"):
            read = ({settings.text_field: section} for section in _sections(file))
        else:
            read = (_object(line, path) for line in _lines(file))
        for number, fields in enumerate(read, 1):
            yield _Row(f"{name}:{number}", fields, raw.tell() / size)


def _sections(file: BinaryIO) -> Iterator[bytes]:
    """A file in parts of about `SECTION` bytes that end with a blank line; with a line, a word if there is none."""
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
    """The lines that are not blank; one beyond all measure is cut, so that it is no JSON, and its rest passed over."""
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
            hint = f"one object a line is read: `jq -c '.[]' {path.name}` makes it"
            raise InputError(f"{path} is a JSON array, not JSON lines", hint=hint) from None
        return None
    return cast("Mapping[str, object]", value) if isinstance(value, dict) else None


def _parquet_rows(path: Path, name: str, settings: CorpusSettings) -> Iterator[_Row]:
    pa, parquet = (_optional(each) for each in ("pyarrow", "pyarrow.parquet"))
    with _readable(path), parquet.ParquetFile(path) as file:
        columns: list[str] = file.schema_arrow.names
        if settings.text_field not in columns:
            hint = f"name the one that holds the text (`text_field`); there are: {', '.join(columns)}"
            raise InputError(f"{path} has no column {settings.text_field!r}", hint=hint)
        wanted = [settings.text_field, settings.id_field, settings.url_field, settings.date_field]
        number, rows = 0, max(file.metadata.num_rows, 1)
        for batch in file.iter_batches(columns=[column for column in wanted if column in columns], batch_size=256):
            values = {name: _values(pa, batch.column(name)) for name in batch.schema.names}
            for k in range(batch.num_rows):
                number += 1
                yield _Row(f"{name}:{number}", {key: column[k] for key, column in values.items()}, number / rows)


def _values(pa: Any, column: Any) -> list[object]:
    """The values of a column; text as bytes, for it need not be UTF-8."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        column = column.cast(pa.large_binary())
    return column.to_pylist()


def _dataset_rows(name: str, settings: CorpusSettings, load: Load) -> Iterator[_Row]:
    try:
        for number, fields in enumerate(load(name, settings.split), 1):
            yield _Row(f"{name}:{number}", fields, None)
    except SettingsError:
        raise
    except Exception as error:  # those of `datasets`, of the hub, of the network and of what the files are made of
        raise SettingsError(
            f"the dataset {name} (split {settings.split}) cannot be read: {error}",
            hint="check its name (`owner/name`, or `owner/name:config`), the split and the connection; "
            "there is no file of this name either",
        ) from error


def _optional(module: str) -> Any:
    try:
        return import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise SettingsError(
            f"the package `{package}` is not installed", hint="pip install 'hammerstone[toolformer]'"
        ) from error


@contextmanager
def _readable(path: Path) -> Generator[None]:
    """What a file that is damaged, or may not be read, is told as."""
    try:
        yield
    except (OSError, EOFError, ValueError, zlib.error) as error:  # ValueError: of a damaged Parquet file
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise InputError(
            f"{path} cannot be read: {reason}", hint="check that the file is whole, and may be read"
        ) from error
