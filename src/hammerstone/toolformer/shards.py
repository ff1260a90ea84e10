"""Stages run shard by shard, and unit by unit: none is processed twice, and a run resumes to the same bytes.

target/
  manifest.json      the stage, its settings and its source: a run with different ones is refused
  00000.jsonl        a finished shard, named as in the source; written atomically
  00000.counts.json  what was counted in it
  .00000.*.part      the finished units of a shard in progress (`shard_units.py`)
  finished.json      the counts of all shards: the stage is complete
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import count, islice, takewhile
from pathlib import Path
from typing import NamedTuple, TypeAlias

from hammerstone.errors import InputError
from hammerstone.toolformer.corpus_document import CorpusDocument, document_line, read_document
from hammerstone.toolformer.shard_units import UNIT, ShardUnits
from hammerstone.toolformer.stage_folder import (
    claimed,
    close_folder,
    digest_of,
    finish_shard,
    finish_units,
    finished_shards,
    is_closed,
    is_finished,
    readable,
    shard_paths,
    total_counts,
    writable,
)
from hammerstone.toolformer.stage_progress import StageClock, StageProgress
from hammerstone.types import JSON

__all__ = [
    "ShardWork",
    "StageUnit",
    "StageWork",
    "UnitResult",
    "UnwrittenShard",
    "read_shards",
    "run_first_stage",
    "run_stage",
    "run_units",
    "write_shards",
]

SHARD = 500  # documents, where a stage creates the shards

ShardWork: TypeAlias = Callable[[Sequence[CorpusDocument]], "tuple[Sequence[CorpusDocument], Mapping[str, int]]"]
"""The work on some documents of a shard: it returns those to pass on, and its counts."""


class StageWork(NamedTuple):
    """The work of a stage, with its model or tools opened. `settings` are all that its results depend on."""

    settings: Mapping[str, JSON]
    work: ShardWork


class UnitResult(NamedTuple):
    """The result of a unit: its documents as the lines of a shard, and its counts."""

    lines: str
    counts: Mapping[str, int]


class StageUnit(NamedTuple):
    """A unit of work: the `number`-th group of `UNIT` documents in a shard of the previous stage."""

    shard: Path
    number: int

    def worked_on(self, work: ShardWork) -> UnitResult:
        """Read the documents and do the work. Raises `InputError` for a shard that cannot be read."""
        first = self.number * UNIT
        made, counts = work(tuple(islice(_documents(self.shard, first), UNIT)))
        return UnitResult("".join(map(document_line, made)), counts)


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

    `settings` are all that the result depends on. Raises as `run_units`, and what `work` raises.
    """

    def run(units: Sequence[StageUnit]) -> Iterator[UnitResult]:
        return (unit.worked_on(work) for unit in units)

    return run_units(stage, source, target, run, settings=settings, on_progress=on_progress)


def run_units(
    stage: str,
    source: Path,
    target: Path,
    run: Callable[[Sequence[StageUnit]], Iterator[UnitResult]],
    *,
    settings: Mapping[str, JSON],
    on_progress: Callable[[StageProgress], None] = lambda _: None,
) -> Counter[str]:
    """Like `run_stage`, with results that `run` gets from elsewhere, in the order of the units.

    Raises `InputError` for a source without shards, and for a target of another stage, with other settings or from
    another source; `OperatorError` if the disk is full or cannot be written: what is finished stays.
    """
    paths = finished_shards(source)
    with claimed(target, {"stage": stage, "settings": dict(settings), "source": digest_of(paths)}):
        sizes = {path: sum(1 for _ in _lines(path)) for path in paths}
        open_shards = [
            _OpenShard(path, sizes[path], ShardUnits(target / path.name))
            for path in paths
            if not is_finished(target / path.name)
        ]
        clock = StageClock(stage, total=sum(sizes.values()))
        clock.skip(
            sum(sizes.values()) - sum(shard.length(number) for shard in open_shards for number in shard.unfinished)
        )
        results = run([StageUnit(shard.path, number) for shard in open_shards for number in shard.unfinished])
        for shard in open_shards:
            _fill(shard, target / shard.path.name, results, clock, on_progress)
        return close_folder(target, [target / path.name for path in paths])


class _OpenShard(NamedTuple):
    """A shard that is not finished: where its documents come from, how many they are, and its finished units."""

    path: Path
    documents: int
    units: ShardUnits

    @property
    def unfinished(self) -> range:
        """The numbers of its units that are not finished; a shard without documents has one unit."""
        return range(self.units.finished, max(1, math.ceil(self.documents / UNIT)))

    def length(self, unit: int) -> int:
        """The number of documents in a unit."""
        return min(UNIT, self.documents - unit * UNIT)


def _fill(
    shard: _OpenShard,
    target: Path,
    results: Iterator[UnitResult],
    clock: StageClock,
    on_progress: Callable[[StageProgress], None],
) -> None:
    """Append the results of the unfinished units. The shard is finished before its last unit is reported."""
    rest = shard.unfinished
    for number in rest:
        result = next(results)
        with writable(target):
            shard.units.append(*result)
        if number < rest[-1]:
            on_progress(clock.advance(shard.length(number)))
    finish_units(target, shard.units)
    on_progress(clock.advance(sum(map(shard.length, rest[-1:]))))


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
    with claimed(target, {"stage": stage, "settings": dict(settings), "source": ""}):
        shards = [*takewhile(is_finished, (target / f"{number:05}.jsonl" for number in count()))]
        if not shards or not is_closed(target, shards):
            clock = StageClock(stage, total=None)
            clock.skip(sum(1 for path in shards for _ in _lines(path)))
            documents = clock.advance(0).done
            for block in blocks(total_counts(shards)):
                shards.append(target / f"{len(shards):05}.jsonl")
                finish_shard(shards[-1], block.documents, block.counts)
                documents += len(block.documents)
                clock.total = round(documents / block.share) if block.share else None  # an estimate
                on_progress(clock.advance(len(block.documents)))
        if not shards:
            raise InputError("the corpus holds no document", hint="check the path, and what the rules of `corpus` keep")
        return close_folder(target, shards)


def write_shards(
    target: Path, documents: Iterable[CorpusDocument], *, settings: Mapping[str, JSON], size: int = SHARD
) -> int:
    """Write documents in shards of `size`. Returns how many there were. Raises as `run_first_stage`."""

    def blocks(done: Counter[str]) -> Iterator[UnwrittenShard]:
        rest = islice(documents, done["documents"], None)
        for block in _batched(rest, size):
            yield UnwrittenShard(block, {"documents": len(block)})

    return run_first_stage("corpus", target, blocks, settings=settings)["documents"]


def read_shards(folder: Path) -> Iterator[CorpusDocument]:
    """All documents of a stage, in order."""
    for path in shard_paths(folder):
        yield from _documents(path)


def _documents(path: Path, first: int = 0) -> Iterator[CorpusDocument]:
    for number, line in islice(enumerate(_lines(path), 1), first, None):
        yield read_document(line, f"{path}, line {number}")


def _batched(documents: Iterable[CorpusDocument], size: int) -> Iterator[tuple[CorpusDocument, ...]]:
    rest = iter(documents)
    while batch := tuple(islice(rest, size)):
        yield batch


def _lines(path: Path) -> Iterator[bytes]:
    with readable(path), path.open("rb") as file:
        yield from file
