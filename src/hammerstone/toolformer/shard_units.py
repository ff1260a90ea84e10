"""A shard in progress: its finished units of work are on disk, so an interrupted run loses one unit at most.

    .00000.jsonl.part     the documents of the finished units
    .00000.units.part     a line for each of them: its counts, and the size of the other file with it

A unit is a fixed number of documents, not of seconds: what is read together decides how results are rounded, and a
resumed run ends with the same bytes.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, cast

__all__ = ["UNIT", "ShardUnits"]

UNIT = 16  # documents: a minute or two where a model proposes calls on a few cores


class _FinishedUnit(NamedTuple):
    counts: Mapping[str, int]
    size: int


class ShardUnits:
    """The finished units of the shard that will be at `path`. Raises `OSError` where the disk is full or read-only."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._documents = path.with_name(f".{path.name}.part")
        self._units = path.with_name(f".{path.stem}.units.part")
        self._finished = [*self._read()]

    @property
    def finished(self) -> int:
        """The number of finished units."""
        return len(self._finished)

    @property
    def counts(self) -> Counter[str]:
        """The counts of the finished units, added up."""
        total: Counter[str] = Counter()
        for unit in self._finished:
            total.update(unit.counts)
        return total

    def append(self, lines: str, counts: Mapping[str, int]) -> None:
        """Add a unit: its documents, as lines, and what was counted. It is finished once its own line is written."""
        size = self._finished[-1].size if self._finished else 0
        written = lines.encode()
        unit = _FinishedUnit(dict(sorted(counts.items())), size + len(written))
        _write_at(self._documents, size, written)  # over what an interrupted unit may have left
        before = "".join(json.dumps(each) + "\n" for each in self._finished)
        _write_at(self._units, len(before.encode()), (json.dumps(unit) + "\n").encode())
        self._finished.append(unit)

    def close(self) -> None:
        """Put the documents in the shard's place."""
        self._documents.replace(self._path)
        with suppress(FileNotFoundError):
            self._units.unlink()

    def _read(self) -> Iterable[_FinishedUnit]:
        try:
            held = self._documents.stat().st_size
            lines = self._units.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return
        for line in lines:
            try:
                counts, size = cast("tuple[dict[str, int], int]", json.loads(line))
            except ValueError:  # the machine lost power while it was written
                return
            if size > held:
                return
            yield _FinishedUnit(counts, size)


def _write_at(path: Path, size: int, data: bytes) -> None:
    """Write after the first `size` bytes of a file, instead of whatever stands there."""
    with path.open("ab") as file:
        file.truncate(size)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
