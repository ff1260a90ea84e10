"""Stages run shard by shard: what is finished is never done twice, and a broken run goes on to the same bytes.

target/
  manifest.json      the stage, its settings, and its source: a run with others is refused
  00000.jsonl        a finished shard, of the same name as the source's; written whole or not at all
  00000.counts.json  what was counted while it was made
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hammerstone.errors import InputError, OperatorError
from hammerstone.toolformer.records import Document, document_line, read_document
from hammerstone.types import JSON

__all__ = ["Progress", "Work", "read_shards", "run_stage", "shard_paths", "write_shards"]

Work = Callable[[Sequence[Document]], "tuple[Sequence[Document], Mapping[str, int]]"]
"""What a stage does with one shard: the documents that it hands on, and what it counted."""

SHARD = 500  # documents, where a stage makes shards of its own
MANIFEST = "manifest.json"


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a stage has come. `seconds_left` is an estimate, `None` until a shard was done in this run."""

    stage: str
    done: int
    total: int
    documents: int
    per_second: float
    seconds_left: float | None


def run_stage(
    stage: str,
    source: Path,
    target: Path,
    work: Work,
    *,
    settings: Mapping[str, JSON],
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> Counter[str]:
    """`work` on every shard of `source` that `target` does not have yet. Returns what all shards together counted.

    `settings` are all that the result depends on. Raises `InputError` for a source without shards, and for a target
    that was made by another stage, with other settings or from another source; `OperatorError` where the disk is full
    or cannot be written: then the finished shards stay.
    """
    paths = shard_paths(source)
    _claim(target, {"stage": stage, "settings": dict(settings), "source": _digest(paths)})
    waiting = [path for path in paths if not _counts_path(target / path.name).exists()]
    started, documents = time.monotonic(), 0
    for number, path in enumerate(waiting, 1):
        read = tuple(_documents(path))
        made, counts = work(read)
        _finish(target / path.name, made, counts)
        documents += len(read)
        seconds = time.monotonic() - started
        on_progress(
            Progress(
                stage=stage,
                done=len(paths) - len(waiting) + number,
                total=len(paths),
                documents=documents,
                per_second=documents / seconds if seconds else 0.0,
                seconds_left=seconds / number * (len(waiting) - number),
            )
        )
    return _sum(target / path.name for path in paths)


def write_shards(
    target: Path, documents: Iterable[Document], *, settings: Mapping[str, JSON], size: int = SHARD
) -> int:
    """The first stage's output: documents into shards of `size`. Returns how many there were.

    A folder that holds them already, made with the same settings, is written again to the same bytes.
    Raises as `run_stage`; `InputError` where there is no document at all.
    """
    _claim(target, {"stage": "corpus", "settings": dict(settings), "source": ""})
    shard: list[Document] = []
    total = 0
    for document in documents:
        shard.append(document)
        total += 1
        if len(shard) == size:
            _finish(target / f"{(total - 1) // size:05}.jsonl", shard, {})
            shard = []
    if shard:
        _finish(target / f"{total // size:05}.jsonl", shard, {})
    if not total:
        raise InputError("the corpus holds no document", hint="check the path, and what the rules of `corpus` keep")
    return total


def shard_paths(folder: Path) -> tuple[Path, ...]:
    """The shards of a finished or unfinished stage, in order. Raises `InputError` if there are none."""
    paths = tuple(sorted(folder.glob("*.jsonl"))) if folder.is_dir() else ()
    if not paths:
        raise InputError(
            f"{folder} holds no shards (*.jsonl)", hint="give the folder that the stage before has written"
        )
    return paths


def read_shards(folder: Path) -> Iterator[Document]:
    """All documents of a stage, in order."""
    for path in shard_paths(folder):
        yield from _documents(path)


def _documents(path: Path) -> Iterator[Document]:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            yield read_document(line, f"{path}, line {number}")


def _claim(target: Path, manifest: Mapping[str, JSON]) -> None:
    """A folder belongs to one stage with one set of settings."""
    text = json.dumps(manifest, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    path = target / MANIFEST
    if path.exists():
        if path.read_text(encoding="utf-8") != text:
            raise InputError(
                f"{target} was made with other settings or from another source ({path} tells)",
                hint="give another folder, or delete this one",
            )
        return
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(target, error) from error
    if any(target.iterdir()):
        raise InputError(f"{target} exists and is no stage's folder", hint="give a new or empty folder")
    _write(path, text)


def _finish(path: Path, documents: Sequence[Document], counts: Mapping[str, int]) -> None:
    """The shard, then its counts: only a shard with counts is finished."""
    _write(path, "".join(map(document_line, documents)))
    _write(_counts_path(path), json.dumps(dict(sorted(counts.items()))) + "\n")


def _counts_path(shard: Path) -> Path:
    return shard.with_suffix(".counts.json")


def _write(path: Path, text: str) -> None:
    unfinished = path.with_name(f".{path.name}.tmp")
    try:
        with unfinished.open("w", encoding="utf-8", errors="surrogatepass") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> OperatorError:
    return OperatorError(
        f"cannot write {path}: {error.strerror}",
        hint="make room, or give another folder: finished shards stay, and the same command goes on after them",
    )


def _digest(paths: Sequence[Path]) -> str:
    """SHA-256 over names and bytes."""
    total = hashlib.sha256()
    for path in paths:
        total.update(path.name.encode())
        with path.open("rb") as file:
            total.update(hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()


def _sum(shards: Iterable[Path]) -> Counter[str]:
    total: Counter[str] = Counter()
    for shard in shards:
        total.update(json.loads(_counts_path(shard).read_text(encoding="utf-8")))
    return total
