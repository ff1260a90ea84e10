"""Stages run shard by shard, and unit by unit: none is processed twice, and a run resumes to the same bytes.

target/
  manifest.json      the stage, its settings and its source: a run with different ones is refused
  00000.jsonl        a finished shard, named as in the source; written atomically
  00000.counts.json  what was counted in it
  .00000.*.part      the finished units of a shard in progress (`shard_units.py`)
  finished.json      the counts of all shards: the stage is complete
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import count, islice, takewhile
from pathlib import Path
from typing import NamedTuple, TypeAlias

from hammerstone.errors import InputError, OperatorError
from hammerstone.toolformer.corpus_document import CorpusDocument, document_line, read_document
from hammerstone.toolformer.shard_units import UNIT, ShardUnits
from hammerstone.toolformer.stage_progress import StageClock, StageProgress
from hammerstone.types import JSON

__all__ = [
    "ShardWork",
    "UnwrittenShard",
    "read_shards",
    "run_first_stage",
    "run_stage",
    "shard_paths",
    "write_shards",
]

ShardWork: TypeAlias = Callable[[Sequence[CorpusDocument]], "tuple[Sequence[CorpusDocument], Mapping[str, int]]"]
"""What a stage does with some documents of a shard: returns those to pass on, and its counts."""

SHARD = 500  # documents, where a stage creates the shards
MANIFEST, FINISHED = "manifest.json", "finished.json"


class UnwrittenShard(NamedTuple):
    """A shard before it is written: its documents, their counts, and the share of all sources read so far.

    The share is `None` if the size of the sources is not known.
    """

    documents: Sequence[CorpusDocument]
    counts: Mapping[str, int]
    share: float | None = None


def run_stage(
    stage: str,
    source: Path,
    target: Path,
    work: ShardWork,
    *,
    settings: Mapping[str, JSON],
    on_progress: Callable[[StageProgress], None] = lambda _: None,
) -> Counter[str]:
    """Apply `work` to every unit of every shard of `source` that `target` does not have yet. Returns all counts.

    `settings` are all that the result depends on. Raises `InputError` for a source without shards, and for a target
    of another stage, with other settings or from another source; `OperatorError` if the disk is full or cannot be
    written: what is finished stays.
    """
    paths = _finished_shards(source)
    with _claimed(target, {"stage": stage, "settings": dict(settings), "source": _digest(paths)}):
        sizes = {path: sum(1 for _ in _lines(path)) for path in paths}
        waiting = [path for path in paths if not _is_finished(target / path.name)]
        clock = StageClock(stage, total=sum(sizes.values()))
        clock.skip(sum(sizes[path] for path in paths if path not in waiting))
        for path in waiting:
            _work_on_shard(path, target / path.name, work, clock, on_progress)
        return _close(target, [target / path.name for path in paths])


def _work_on_shard(
    path: Path, target: Path, work: ShardWork, clock: StageClock, on_progress: Callable[[StageProgress], None]
) -> None:
    """One shard, from its first unfinished unit on."""
    units = ShardUnits(target)
    batches = [*_batched(_documents(path), UNIT)] or [()]
    clock.skip(sum(map(len, batches[: units.finished])))
    for documents in batches[units.finished :]:
        made, counts = work(documents)
        with _writable(target):
            units.append("".join(map(document_line, made)), counts)
        if units.finished < len(batches):
            on_progress(clock.advance(len(documents)))
    with _writable(target):
        _write(_counts_path(target), _counts_text(units.counts))
        units.close()
    on_progress(clock.advance(len(batches[-1])))


def run_first_stage(
    stage: str,
    target: Path,
    blocks: Callable[[Counter[str]], Iterator[UnwrittenShard]],
    *,
    settings: Mapping[str, JSON],
    on_progress: Callable[[StageProgress], None] = lambda _: None,
) -> Counter[str]:
    """A stage that creates shards, one from each block. Returns the counts of all shards.

    `blocks` receives the counts of the finished shards and yields the blocks after them. `settings` are all that the
    documents depend on. Raises as `run_stage`; `InputError`, leaving no folder, if there is no document at all.
    """
    with _claimed(target, {"stage": stage, "settings": dict(settings), "source": ""}):
        shards = [*takewhile(_is_finished, (target / f"{number:05}.jsonl" for number in count()))]
        if not shards or not _is_closed(target, shards):
            clock = StageClock(stage, total=None)
            clock.skip(sum(1 for path in shards for _ in _lines(path)))
            documents = clock.advance(0).done
            for block in blocks(_sum(shards)):
                shards.append(target / f"{len(shards):05}.jsonl")
                _finish(shards[-1], block.documents, block.counts)
                documents += len(block.documents)
                clock.total = round(documents / block.share) if block.share else None  # an estimate
                on_progress(clock.advance(len(block.documents)))
        if not shards:
            raise InputError("the corpus holds no document", hint="check the path, and what the rules of `corpus` keep")
        return _close(target, shards)


def write_shards(
    target: Path, documents: Iterable[CorpusDocument], *, settings: Mapping[str, JSON], size: int = SHARD
) -> int:
    """Write documents in shards of `size`. Returns how many there were. Raises as `run_first_stage`."""

    def blocks(done: Counter[str]) -> Iterator[UnwrittenShard]:
        rest = islice(documents, done["documents"], None)
        for block in _batched(rest, size):
            yield UnwrittenShard(block, {"documents": len(block)})

    return run_first_stage("corpus", target, blocks, settings=settings)["documents"]


def shard_paths(folder: Path) -> tuple[Path, ...]:
    """The shards of a stage, finished or not, in order. Raises `InputError` if there are none."""
    paths = tuple(sorted(folder.glob("*.jsonl"))) if folder.is_dir() else ()
    if not paths:
        raise InputError(
            f"{folder} contains no shards (*.jsonl)", hint="give the folder that the previous stage has written"
        )
    return paths


def _finished_shards(folder: Path) -> tuple[Path, ...]:
    """As `shard_paths`, but refuses an unfinished stage. Shards without a manifest are accepted."""
    paths = shard_paths(folder)
    if (folder / MANIFEST).exists() and not (folder / FINISHED).exists():
        raise InputError(f"{folder} is not finished", hint="run the previous stage again: it resumes by itself")
    return paths


def read_shards(folder: Path) -> Iterator[CorpusDocument]:
    """All documents of a stage, in order."""
    for path in shard_paths(folder):
        yield from _documents(path)


def _documents(path: Path) -> Iterator[CorpusDocument]:
    for number, line in enumerate(_lines(path), 1):
        yield read_document(line, f"{path}, line {number}")


def _batched(documents: Iterable[CorpusDocument], size: int) -> Iterator[tuple[CorpusDocument, ...]]:
    rest = iter(documents)
    while batch := tuple(islice(rest, size)):
        yield batch


def _lines(path: Path) -> Iterator[bytes]:
    with _readable(path), path.open("rb") as file:
        yield from file


@contextmanager
def _readable(path: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}", hint="check that you may read it") from error


@contextmanager
def _claimed(target: Path, manifest: Mapping[str, JSON]) -> Generator[None]:
    """Lock the folder for this process. A run that fails before its first shard leaves nothing behind."""
    made, path = not target.exists(), target / MANIFEST
    _claim(target, manifest)
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            hint = "wait for it, or give another folder"
            raise InputError(f"another process is writing to {target}", hint=hint) from error
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
                f"{target} was written with other settings or from another source (see {path})",
                hint="give another folder, or delete this one",
            )
        return
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(target, error) from error
    if any(each.name != _unfinished(path).name for each in target.iterdir()):
        raise InputError(f"{target} exists and is not the folder of a stage", hint="give a new or empty folder")
    _write(path, text)


def _finish(path: Path, documents: Sequence[CorpusDocument], counts: Mapping[str, int]) -> None:
    """Write the shard, then its counts: only a shard with counts is finished."""
    _write(path, "".join(map(document_line, documents)))
    _write(_counts_path(path), _counts_text(counts))


def _counts_text(counts: Mapping[str, int]) -> str:
    return json.dumps(dict(sorted(counts.items()))) + "\n"


def _close(target: Path, shards: Sequence[Path]) -> Counter[str]:
    if not _is_closed(target, shards):
        _write(target / FINISHED, _totals(shards))
    return _sum(shards)


def _is_closed(target: Path, shards: Sequence[Path]) -> bool:
    """Whether the stage ended with these shards."""
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
    with _writable(path):
        try:
            with unfinished.open("w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(path)
        except OSError:
            with suppress(OSError):
                unfinished.unlink()
            raise


@contextmanager
def _writable(path: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise _unwritable(path, error) from error


def _unfinished(path: Path) -> Path:
    return path.with_name(f".{path.name}.tmp")


def _unwritable(path: Path, error: OSError) -> OperatorError:
    return OperatorError(
        f"cannot write {path}: {error.strerror}",
        hint="free some space, or give another folder: finished shards stay, and the same command resumes",
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
