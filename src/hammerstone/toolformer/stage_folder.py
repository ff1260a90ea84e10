"""The folder of a stage: whose it is, which shards are finished, and files that are written whole or not at all."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections import Counter
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from hammerstone.errors import InputError, OperatorError
from hammerstone.toolformer.corpus_document import CorpusDocument, document_line
from hammerstone.toolformer.shard_units import ShardUnits
from hammerstone.types import JSON

__all__ = [
    "claimed",
    "close_folder",
    "digest_of",
    "finish_shard",
    "finish_units",
    "finished_shards",
    "is_closed",
    "is_finished",
    "readable",
    "shard_paths",
    "total_counts",
    "writable",
]

MANIFEST, FINISHED = "manifest.json", "finished.json"


def shard_paths(folder: Path) -> tuple[Path, ...]:
    """The shards of a stage, finished or not, in order. Raises `InputError` if there are none."""
    paths = tuple(sorted(folder.glob("*.jsonl"))) if folder.is_dir() else ()
    if not paths:
        raise InputError(
            f"{folder} contains no shards (*.jsonl)", hint="give the folder that the previous stage has written"
        )
    return paths


def finished_shards(folder: Path) -> tuple[Path, ...]:
    """Like `shard_paths`, but refuses an unfinished stage. Shards without a manifest are accepted."""
    paths = shard_paths(folder)
    if (folder / MANIFEST).exists() and not (folder / FINISHED).exists():
        raise InputError(f"{folder} is not finished", hint="run the previous stage again: it resumes by itself")
    return paths


@contextmanager
def claimed(target: Path, manifest: Mapping[str, JSON]) -> Generator[None]:
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


def is_finished(shard: Path) -> bool:
    return shard.exists() and _counts_path(shard).exists()


def finish_shard(path: Path, documents: Sequence[CorpusDocument], counts: Mapping[str, int]) -> None:
    """Write the shard, then its counts: only a shard with counts is finished."""
    _write(path, "".join(map(document_line, documents)))
    _write(_counts_path(path), _counts_text(counts))


def finish_units(path: Path, units: ShardUnits) -> None:
    """Write the counts, then put the shard in its place."""
    _write(_counts_path(path), _counts_text(units.counts))
    with writable(path):
        units.close()


def close_folder(target: Path, shards: Sequence[Path]) -> Counter[str]:
    """Write the counts of all shards: the stage is complete. Returns them."""
    if not is_closed(target, shards):
        _write(target / FINISHED, _totals(shards))
    return total_counts(shards)


def is_closed(target: Path, shards: Sequence[Path]) -> bool:
    """Whether the stage ended with these shards."""
    path = target / FINISHED
    return path.exists() and path.read_text(encoding="utf-8") == _totals(shards)


def total_counts(shards: Iterable[Path]) -> Counter[str]:
    total: Counter[str] = Counter()
    for shard in shards:
        total.update(json.loads(_counts_path(shard).read_text(encoding="utf-8")))
    return total


def digest_of(paths: Sequence[Path]) -> str:
    """SHA-256 over names and bytes."""
    total = hashlib.sha256()
    for path in paths:
        total.update(path.name.encode())
        with readable(path), path.open("rb") as file:
            total.update(hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()


@contextmanager
def readable(path: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}", hint="check that you may read it") from error


@contextmanager
def writable(path: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> OperatorError:
    return OperatorError(
        f"cannot write {path}: {error.strerror}",
        hint="free some space, or give another folder: finished shards stay, and the same command resumes",
    )


def _write(path: Path, text: str) -> None:
    unfinished = _unfinished(path)
    with writable(path):
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


def _unfinished(path: Path) -> Path:
    return path.with_name(f".{path.name}.tmp")


def _totals(shards: Sequence[Path]) -> str:
    return json.dumps(dict(sorted(total_counts(shards).items())), ensure_ascii=False, indent=1) + "\n"


def _counts_text(counts: Mapping[str, int]) -> str:
    return json.dumps(dict(sorted(counts.items()))) + "\n"


def _counts_path(shard: Path) -> Path:
    return shard.with_suffix(".counts.json")
