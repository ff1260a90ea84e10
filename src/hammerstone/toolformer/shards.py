"""Stages run shard by shard: what is finished is never done twice, and a broken run goes on to the same bytes.

target/
  manifest.json      the stage, its settings, and its source: a run with others is refused
  00000.jsonl        a finished shard, of the same name as the source's; written whole or not at all
  00000.counts.json  what was counted while it was made
  finished.json      what all shards counted: there are no more to come
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count, islice, takewhile
from pathlib import Path
from typing import NamedTuple, TypeAlias

from hammerstone.errors import InputError, OperatorError
from hammerstone.toolformer.corpus_document import Document, document_line, read_document
from hammerstone.types import JSON

__all__ = ["Block", "Progress", "Work", "read_shards", "run_first_stage", "run_stage", "shard_paths", "write_shards"]

Work: TypeAlias = Callable[[Sequence[Document]], "tuple[Sequence[Document], Mapping[str, int]]"]
"""What a stage does with one shard: the documents that it hands on, and what it counted."""

SHARD = 500  # documents, where a stage makes shards of its own
MANIFEST, FINISHED = "manifest.json", "finished.json"


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a stage has come, in shards. `total` and `seconds_left` are `None` where the end is not known.

    `documents` were read in this run, so many `per_second`.
    """

    stage: str
    done: int
    total: int | None
    documents: int
    per_second: float
    seconds_left: float | None


class Block(NamedTuple):
    """A shard to be: its documents, what was counted while they were made, and how much of all sources was read then.

    The share is `None` where the size of the sources is not known.
    """

    documents: Sequence[Document]
    counts: Mapping[str, int]
    share: float | None = None


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
    paths = _finished_shards(source)
    with _claimed(target, {"stage": stage, "settings": dict(settings), "source": _digest(paths)}):
        waiting = [path for path in paths if not _is_finished(target / path.name)]
        started, documents = time.monotonic(), 0
        for number, path in enumerate(waiting, 1):
            read = tuple(_documents(path))
            made, counts = work(read)
            _finish(target / path.name, made, counts)
            documents += len(read)
            seconds = time.monotonic() - started
            rest = len(waiting) - number
            on_progress(
                Progress(
                    stage=stage,
                    done=len(paths) - rest,
                    total=len(paths),
                    documents=documents,
                    per_second=documents / seconds if seconds else 0.0,
                    seconds_left=seconds / number * rest,
                )
            )
        return _close(target, [target / path.name for path in paths])


def run_first_stage(
    stage: str,
    target: Path,
    blocks: Callable[[Counter[str]], Iterator[Block]],
    *,
    settings: Mapping[str, JSON],
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> Counter[str]:
    """A stage without a source of shards: it makes them, one of each block. Returns what all of them counted.

    `blocks` is given what the finished shards counted, and gives those after them. `settings` are all that the
    documents depend on. Raises as `run_stage`; `InputError`, and leaves no folder, where there is no document at all.
    """
    with _claimed(target, {"stage": stage, "settings": dict(settings), "source": ""}):
        shards = [*takewhile(_is_finished, (target / f"{number:05}.jsonl" for number in count()))]
        if not shards or not _is_closed(target, shards):
            started, documents = time.monotonic(), 0
            for number, block in enumerate(blocks(_sum(shards)), 1):
                shards.append(target / f"{len(shards):05}.jsonl")
                _finish(shards[-1], block.documents, block.counts)
                documents += len(block.documents)
                seconds = time.monotonic() - started
                left = len(shards) / block.share - len(shards) if block.share else None  # shards, estimated
                on_progress(
                    Progress(
                        stage=stage,
                        done=len(shards),
                        total=None if left is None else len(shards) + round(left),
                        documents=documents,
                        per_second=documents / seconds if seconds else 0.0,
                        seconds_left=None if left is None else seconds / number * left,
                    )
                )
        if not shards:
            raise InputError("the corpus holds no document", hint="check the path, and what the rules of `corpus` keep")
        return _close(target, shards)


def write_shards(
    target: Path, documents: Iterable[Document], *, settings: Mapping[str, JSON], size: int = SHARD
) -> int:
    """Documents as they come, in shards of `size`. Returns how many there were. Raises as `run_first_stage`."""

    def blocks(done: Counter[str]) -> Iterator[Block]:
        rest = islice(documents, done["documents"], None)
        while block := tuple(islice(rest, size)):
            yield Block(block, {"documents": len(block)})

    return run_first_stage("corpus", target, blocks, settings=settings)["documents"]


def shard_paths(folder: Path) -> tuple[Path, ...]:
    """The shards of a finished or unfinished stage, in order. Raises `InputError` if there are none."""
    paths = tuple(sorted(folder.glob("*.jsonl"))) if folder.is_dir() else ()
    if not paths:
        raise InputError(
            f"{folder} holds no shards (*.jsonl)", hint="give the folder that the stage before has written"
        )
    return paths


def _finished_shards(folder: Path) -> tuple[Path, ...]:
    """As `shard_paths`; more of what is not finished would come too late. Shards of one's own need no manifest."""
    paths = shard_paths(folder)
    if (folder / MANIFEST).exists() and not (folder / FINISHED).exists():
        raise InputError(f"{folder} is not finished", hint="run the stage before this one again: it goes on by itself")
    return paths


def read_shards(folder: Path) -> Iterator[Document]:
    """All documents of a stage, in order."""
    for path in shard_paths(folder):
        yield from _documents(path)


def _documents(path: Path) -> Iterator[Document]:
    with _readable(path), path.open("rb") as file:
        for number, line in enumerate(file, 1):
            yield read_document(line, f"{path}, line {number}")


@contextmanager
def _readable(path: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}", hint="check that you may read it") from error


@contextmanager
def _claimed(target: Path, manifest: Mapping[str, JSON]) -> Generator[None]:
    """The folder, for this process alone. A run that fails before its first shard leaves no claim behind."""
    made, path = not target.exists(), target / MANIFEST
    _claim(target, manifest)
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            hint = "wait for it, or give another folder"
            raise InputError(f"another process is at work in {target}", hint=hint) from error
        try:
            yield
        finally:
            if [each.name for each in target.iterdir()] == [MANIFEST]:
                path.unlink()
                if made:
                    target.rmdir()


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
    if any(each.name != _unfinished(path).name for each in target.iterdir()):
        raise InputError(f"{target} exists and is no stage's folder", hint="give a new or empty folder")
    _write(path, text)


def _finish(path: Path, documents: Sequence[Document], counts: Mapping[str, int]) -> None:
    """The shard, then its counts: only a shard with counts is finished."""
    _write(path, "".join(map(document_line, documents)))
    _write(_counts_path(path), json.dumps(dict(sorted(counts.items()))) + "\n")


def _close(target: Path, shards: Sequence[Path]) -> Counter[str]:
    if not _is_closed(target, shards):
        _write(target / FINISHED, _totals(shards))
    return _sum(shards)


def _is_closed(target: Path, shards: Sequence[Path]) -> bool:
    """Are these the shards with which the stage ended?"""
    path = target / FINISHED
    return path.exists() and path.read_text(encoding="utf-8") == _totals(shards)


def _totals(shards: Sequence[Path]) -> str:
    return json.dumps(dict(sorted(_sum(shards).items())), ensure_ascii=False, indent=1) + "\n"


def _is_finished(shard: Path) -> bool:
    return shard.exists() and _counts_path(shard).exists()


def _counts_path(shard: Path) -> Path:
    return shard.with_suffix(".counts.json")


def _write(path: Path, text: str) -> None:
    unfinished = _unfinished(path)
    try:
        with unfinished.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError as error:
        with suppress(OSError):
            unfinished.unlink()
        raise _unwritable(path, error) from error


def _unfinished(path: Path) -> Path:
    return path.with_name(f".{path.name}.tmp")


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
        with _readable(path), path.open("rb") as file:
            total.update(hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()


def _sum(shards: Iterable[Path]) -> Counter[str]:
    total: Counter[str] = Counter()
    for shard in shards:
        total.update(json.loads(_counts_path(shard).read_text(encoding="utf-8")))
    return total
