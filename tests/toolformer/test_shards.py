"""Shards: none is processed twice, an interrupted run resumes to the same bytes, lines are read as written."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hammerstone.errors import InputError, OperatorError
from hammerstone.toolformer.corpus_document import CorpusDocument, Losses, Proposal, document_line, read_document
from hammerstone.toolformer.shard_units import UNIT
from hammerstone.toolformer.shards import (
    UnwrittenShard,
    read_shards,
    run_first_stage,
    run_stage,
    write_shards,
)
from hammerstone.toolformer.stage_folder import shard_paths
from hammerstone.toolformer.stage_progress import StageProgress

DOCUMENTS = [CorpusDocument(id=f"d{k}", text=f"text {k} [1] a -> b é\u2028\n") for k in range(7)]
SIZE = 2  # documents a shard: four shards


def corpus(folder: Path, documents: Sequence[CorpusDocument] = DOCUMENTS) -> Path:
    write_shards(folder, documents, settings={"seed": 1}, size=SIZE)
    return folder


class StoppedError(Exception):
    pass


class Work:
    """Puts a mark behind each text, and counts; stops at a shard if asked to. `done` are the shards it was given."""

    def __init__(self, *, stop_at: int | None = None) -> None:
        self.done: list[str] = []
        self._stop_at = stop_at

    def __call__(self, documents: Sequence[CorpusDocument]) -> tuple[Sequence[CorpusDocument], Mapping[str, int]]:
        if len(self.done) == self._stop_at:
            raise StoppedError
        self.done.append(documents[0].id)
        made = [CorpusDocument(id=document.id, text=document.text + "!") for document in documents]
        return made, {"documents": len(documents), f"first {documents[0].id}": 1}


def snapshot(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*")}


def run(source: Path, target: Path, work: Work | None = None, **more: object) -> Mapping[str, int]:
    return run_stage("mark", source, target, work or Work(), settings={"mark": "!"}, **more)  # type: ignore[arg-type]


# --- The first shards ---


def test_documents_are_written_in_shards_and_read_back(tmp_path: Path) -> None:
    assert write_shards(tmp_path, DOCUMENTS, settings={}, size=SIZE) == 7
    assert [path.name for path in shard_paths(tmp_path)] == [f"0000{k}.jsonl" for k in range(4)]
    assert [*read_shards(tmp_path)] == DOCUMENTS


@pytest.mark.parametrize(("documents", "shards"), [(1, 1), (2, 1), (3, 2), (4, 2)])
def test_the_last_shard_holds_the_rest(tmp_path: Path, documents: int, shards: int) -> None:
    corpus(tmp_path, DOCUMENTS[:documents])
    assert len(shard_paths(tmp_path)) == shards
    assert len([*read_shards(tmp_path)]) == documents


def test_documents_are_not_held_in_memory(tmp_path: Path) -> None:
    def documents() -> Iterator[CorpusDocument]:
        for k, document in enumerate(DOCUMENTS):
            assert len([*tmp_path.glob("*.jsonl")]) == k // SIZE
            yield document

    write_shards(tmp_path, documents(), settings={}, size=SIZE)


def test_a_corpus_without_documents_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the corpus holds no document") as caught:
        write_shards(tmp_path / "out", [], settings={})
    assert caught.value.hint


def test_a_broken_corpus_is_written_again_to_the_same_bytes(tmp_path: Path) -> None:
    def broken() -> Iterator[CorpusDocument]:
        yield from DOCUMENTS[:5]
        raise StoppedError

    with pytest.raises(StoppedError):
        write_shards(tmp_path / "out", broken(), settings={"seed": 1}, size=SIZE)
    assert [*read_shards(tmp_path / "out")] == DOCUMENTS[:4]
    corpus(tmp_path / "out")
    assert snapshot(tmp_path / "out") == snapshot(corpus(tmp_path / "whole"))


# --- A stage ---


def test_a_stage_hands_on_shard_for_shard(tmp_path: Path) -> None:
    counts = run(corpus(tmp_path / "in"), tmp_path / "out")
    assert [document.text for document in read_shards(tmp_path / "out")] == [each.text + "!" for each in DOCUMENTS]
    assert [path.name for path in shard_paths(tmp_path / "out")] == [path.name for path in shard_paths(tmp_path / "in")]
    assert counts == {"documents": 7, "first d0": 1, "first d2": 1, "first d4": 1, "first d6": 1}


def test_what_a_shard_counted_lies_beside_it(tmp_path: Path) -> None:
    run(corpus(tmp_path / "in"), tmp_path / "out")
    assert json.loads((tmp_path / "out" / "00001.counts.json").read_text()) == {"documents": 2, "first d2": 1}


def test_a_shard_of_which_nothing_is_left_is_finished(tmp_path: Path) -> None:
    corpus(tmp_path / "in")
    for _ in range(2):
        assert run_stage("drop", tmp_path / "in", tmp_path / "out", lambda _: ([], {"n": 1}), settings={}) == {"n": 4}
    assert [*read_shards(tmp_path / "out")] == []


@pytest.mark.parametrize("stop_at", range(5))
def test_a_stage_that_breaks_goes_on_and_does_no_finished_shard_twice(tmp_path: Path, stop_at: int) -> None:
    source = corpus(tmp_path / "in")
    whole = run(source, tmp_path / "whole")
    first, second = Work(stop_at=stop_at), Work()
    if stop_at < 4:
        with pytest.raises(StoppedError):
            run(source, tmp_path / "out", first)
    else:
        run(source, tmp_path / "out", first)
    before = {name: (tmp_path / "out" / name).stat().st_mtime_ns for name in snapshot(tmp_path / "out")}
    assert run(source, tmp_path / "out", second) == whole, "all shards are counted, not only those of this run"
    assert first.done + second.done == ["d0", "d2", "d4", "d6"]
    assert snapshot(tmp_path / "out") == snapshot(tmp_path / "whole")
    assert {name: (tmp_path / "out" / name).stat().st_mtime_ns for name in before} == before


def test_a_stage_may_be_interrupted_by_its_progress(tmp_path: Path) -> None:
    def interrupt(progress: StageProgress) -> None:
        if progress.done == 4:
            raise KeyboardInterrupt

    source, again = corpus(tmp_path / "in"), Work()
    with pytest.raises(KeyboardInterrupt):
        run(source, tmp_path / "out", on_progress=interrupt)
    run(source, tmp_path / "out", again)
    assert again.done == ["d4", "d6"]


KILLED = """
import os, signal, sys
from pathlib import Path
from hammerstone.toolformer.corpus_document import CorpusDocument, document_line, read_document
from hammerstone.toolformer.shards import run_stage

read_document(document_line(CorpusDocument(id="", text="")))  # what it imports is no step
source, targets = Path(sys.argv[1]), Path(sys.argv[2])
left = -1

def die(event="", _=()):
    global left
    if event in ("", "open", "os.rename", "os.mkdir"):
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1

def work(documents):
    die()
    made = [CorpusDocument(id=each.id, text=each.text + "!") for each in documents]
    die()
    return made, {"documents": len(made), f"first {documents[0].id}": 1}

sys.addaudithook(die)
step = status = -1
while status != 0:
    step += 1
    child = os.fork()
    if child == 0:
        left = step
        run_stage("mark", source, targets / f"{step:03}", work, settings={"mark": "!"}, on_progress=lambda _: die())
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert status in (0, signal.SIGKILL), status
"""
"""Runs a stage that dies by SIGKILL at its first step, then one that dies at its second, and so on.

A step is a file that is opened or moved into place, a folder that is made, and each end of the work on a shard.
"""


def test_a_stage_killed_at_any_step_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    source, targets = corpus(tmp_path / "in"), tmp_path / "killed"
    run(source, tmp_path / "whole")
    subprocess.run([sys.executable, "-c", KILLED, str(source), str(targets)], check=True)
    whole = snapshot(tmp_path / "whole")
    finished_then: set[int] = set()
    for target in sorted(targets.iterdir()):
        finished = {path.name.partition(".")[0] for path in target.glob("*.counts.json")}
        finished_then.add(len(finished))
        for units in target.glob(".*.units.part"):
            finished |= {units.name.split(".")[1]} if units.read_text().endswith("\n") else set()
        again = Work()
        run(source, target, again)
        assert snapshot(target) == whole, target
        assert again.done == [f"d{SIZE * k}" for k in range(4) if f"{k:05}" not in finished]
    assert finished_then == {0, 1, 2, 3, 4}


UNITS = [CorpusDocument(id=f"u{k}", text=f"text {k}") for k in range(2 * UNIT + 3)]


@pytest.mark.parametrize("stop_at", range(4))
def test_a_shard_that_breaks_loses_one_unit_at_most(tmp_path: Path, stop_at: int) -> None:
    write_shards(tmp_path / "in", UNITS, settings={})
    whole = run(tmp_path / "in", tmp_path / "whole")
    first, second, told = Work(stop_at=stop_at), Work(), list[StageProgress]()
    with suppress(StoppedError):
        run(tmp_path / "in", tmp_path / "out", first)
    assert run(tmp_path / "in", tmp_path / "out", second, on_progress=told.append) == whole
    assert first.done + second.done == ["u0", f"u{UNIT}", f"u{2 * UNIT}"]
    assert snapshot(tmp_path / "out") == snapshot(tmp_path / "whole")
    done = [UNIT, 2 * UNIT, 2 * UNIT + 3][stop_at:]
    assert [(each.done, each.total) for each in told] == [(each, len(UNITS)) for each in done]


@pytest.mark.parametrize(
    ("file", "kept"), [("00000.jsonl.part", 20), ("00000.units.part", 20), ("00000.units.part", 0)]
)
def test_what_a_power_cut_has_left_of_a_unit_is_written_again(tmp_path: Path, file: str, kept: int) -> None:
    write_shards(tmp_path / "in", UNITS, settings={})
    run(tmp_path / "in", tmp_path / "whole")
    with pytest.raises(StoppedError):
        run(tmp_path / "in", tmp_path / "out", Work(stop_at=2))
    part = tmp_path / "out" / f".{file}"
    part.write_bytes(part.read_bytes()[:kept])
    run(tmp_path / "in", tmp_path / "out")
    assert snapshot(tmp_path / "out") == snapshot(tmp_path / "whole")


def test_lines_of_an_unfinished_unit_are_not_kept(tmp_path: Path) -> None:
    write_shards(tmp_path / "in", UNITS, settings={})
    run(tmp_path / "in", tmp_path / "whole")
    with pytest.raises(StoppedError):
        run(tmp_path / "in", tmp_path / "out", Work(stop_at=1))
    with (tmp_path / "out" / ".00000.jsonl.part").open("a") as file:
        file.write('{"id": "half')
    run(tmp_path / "in", tmp_path / "out")
    assert snapshot(tmp_path / "out") == snapshot(tmp_path / "whole")


def test_the_progress_counts_what_was_done_before(tmp_path: Path) -> None:
    source, told = corpus(tmp_path / "in"), list[StageProgress]()
    with pytest.raises(StoppedError):
        run(source, tmp_path / "out", Work(stop_at=1))
    run(source, tmp_path / "out", on_progress=told.append)
    assert [(each.stage, each.done, each.total) for each in told] == [("mark", 4, 7), ("mark", 6, 7), ("mark", 7, 7)]
    assert all(each.per_second > 0 for each in told)
    assert [each.seconds_left == 0 for each in told] == [False, False, True]


@pytest.mark.parametrize("change", ["stage", "settings", "source"])
def test_a_folder_of_another_run_is_refused_and_left_alone(tmp_path: Path, change: str) -> None:
    source = corpus(tmp_path / "in")
    run(source, tmp_path / "out")
    before = snapshot(tmp_path / "out")
    if change == "source":
        source = corpus(tmp_path / "other", DOCUMENTS[:6])
    with pytest.raises(InputError, match="other settings or from another source") as caught:
        run_stage(
            "other" if change == "stage" else "mark",
            source,
            tmp_path / "out",
            Work(),
            settings={"mark": "?" if change == "settings" else "!"},
        )
    assert caught.value.hint
    assert snapshot(tmp_path / "out") == before


def test_a_source_at_another_place_is_the_same_source(tmp_path: Path) -> None:
    run(corpus(tmp_path / "in"), tmp_path / "out", Work())
    again = Work()
    run(corpus(tmp_path / "moved"), tmp_path / "out", again)
    assert again.done == []


def test_a_folder_with_things_of_ones_own_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("all I have")
    with pytest.raises(InputError, match="not the folder of a stage"):
        run(corpus(tmp_path / "in"), tmp_path / "out")
    assert snapshot(tmp_path / "out") == {"thesis.txt": b"all I have"}


@pytest.mark.parametrize("source", ["none", "empty", "file"])
def test_a_source_without_shards_is_reported(tmp_path: Path, source: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="contains no shards") as caught:
        run(tmp_path / source, tmp_path / "out")
    assert "previous stage" in caught.value.hint
    assert not (tmp_path / "out").exists()


def test_a_damaged_line_is_reported_with_its_place(tmp_path: Path) -> None:
    source = corpus(tmp_path / "in")
    with (source / "00002.jsonl").open("ab") as file:
        file.write(b'{"id": "cut o')
    with pytest.raises(InputError, match=r"00002\.jsonl, line 3 is not a document"):
        run(source, tmp_path / "out")
    assert len([*tmp_path.glob("out/*.counts.json")]) == 2, "what was finished stays"


def test_a_target_that_is_a_file_is_reported(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(OperatorError, match="cannot write"):
        run(corpus(tmp_path / "in"), tmp_path / "out")
    assert (tmp_path / "out").read_text() == "mine"


FULL = """
import resource, sys
from pathlib import Path
from hammerstone.errors import OperatorError
from hammerstone.toolformer.corpus_document import CorpusDocument
from hammerstone.toolformer.shards import run_stage
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, resource.RLIM_INFINITY))

def work(documents):
    longer = 1000 if documents[0].id == "d4" and "full" in sys.argv else 1
    return [CorpusDocument(id=each.id, text=each.text * longer) for each in documents], {}

try:
    run_stage("copy", Path(sys.argv[1]), Path(sys.argv[2]), work, settings={})
except OperatorError as error:
    print(error.message, "|", error.hint)
"""


def test_a_full_disk_is_reported_and_the_same_command_goes_on(tmp_path: Path) -> None:
    """The disk has 2,000 bytes left, and the third shard needs more."""
    child = [sys.executable, "-c", FULL, str(corpus(tmp_path / "in")), str(tmp_path / "out")]
    done = subprocess.run([*child, "full"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"cannot write {tmp_path}/out/00002.jsonl: File too large | free some space")
    left = {"manifest.json", "00000.jsonl", "00000.counts.json", "00001.jsonl", "00001.counts.json"}
    assert snapshot(tmp_path / "out").keys() - {".00002.jsonl.part"} == left  # what fitted is written over
    assert subprocess.run(child, capture_output=True, text=True, check=True).stdout == ""
    assert [*read_shards(tmp_path / "out")] == DOCUMENTS


# --- A line ---

text = st.text(st.characters(exclude_categories=["Cs"]))
finite = st.floats(allow_nan=False, allow_infinity=False)
losses = st.builds(Losses, with_result=finite, with_call=finite, without=finite)
proposals = st.builds(
    Proposal,
    api=text,
    input=text,
    position=st.integers(0, 10**6),
    probability=finite,
    result=st.none() | text,
    failure=st.none() | text,
    losses=st.none() | losses,
)
documents = st.builds(
    CorpusDocument,
    id=text,
    text=text,
    date=st.none() | text,
    apis=st.lists(text, max_size=3).map(tuple),
    proposals=st.lists(proposals, max_size=3).map(tuple),
)


@given(documents)
def test_a_document_is_read_as_it_was_written(document: CorpusDocument) -> None:
    line = document_line(document)
    assert line.endswith("\n")
    assert line.count("\n") == 1
    assert read_document(line) == document
    assert read_document(line.encode()) == document
    assert document_line(read_document(line)) == line


def test_a_line_is_as_it_is_documented() -> None:
    proposal = Proposal(
        api="Calculator",
        input="400 / 1400",
        position=27,
        probability=0.31,
        result="0.29",
        losses=Losses(with_result=0.4, with_call=2.1, without=1.9),
    )
    document = CorpusDocument(
        id="a1", text="Out of 1400 …", date="2023-02-09", apis=("Calculator",), proposals=(proposal,)
    )
    line = (
        '{"id":"a1","text":"Out of 1400 …","date":"2023-02-09","apis":["Calculator"],"proposals":['
        '{"api":"Calculator","input":"400 / 1400","position":27,"probability":0.31,"result":"0.29","failure":null,'
        '"losses":{"with_result":0.4,"with_call":2.1,"without":1.9}}]}\n'
    )
    assert document_line(document) == line
    assert read_document('{"id": "a", "text": "b"}') == CorpusDocument(id="a", text="b")


def test_the_gain_is_over_the_better_of_no_call_and_a_call_without_a_result() -> None:
    assert math.isclose(Losses(with_result=0.4, with_call=2.1, without=1.9).gain, 1.5)
    assert math.isclose(Losses(with_result=0.4, with_call=0.9, without=1.9).gain, 0.5)
    assert Losses(with_result=3.0, with_call=2.0, without=1.0).gain == -2.0


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("", "not a document"),
        ("{", "not a document"),
        ("[]", "not a document"),
        ("null", "not a document"),
        ('{"id": "a"}', "text"),
        ('{"id": 5, "text": "b"}', "id"),
        ('{"id": "a", "text": null}', "text"),
        ('{"id": "a", "text": "b", "proposals": [{"api": "A"}]}', r"proposals\.0\.input"),
        (b'{"id": "a", "text": "\xff"}', "not a document"),
    ],
)
def test_a_line_of_another_kind_is_reported_with_its_place(line: str | bytes, why: str) -> None:
    with pytest.raises(InputError, match=why) as caught:
        read_document(line, "in.jsonl, line 3")
    assert caught.value.message.startswith("in.jsonl, line 3 is not a document")
    assert caught.value.hint


# --- What went wrong once ---


def test_two_processes_do_not_work_in_one_folder(tmp_path: Path) -> None:
    source = corpus(tmp_path / "in")

    def work(documents: Sequence[CorpusDocument]) -> tuple[Sequence[CorpusDocument], Mapping[str, int]]:
        with pytest.raises(InputError, match="another process"):
            run(source, tmp_path / "out")
        return documents, {}

    run_stage("mark", source, tmp_path / "out", work, settings={"mark": "!"})


def test_a_first_stage_goes_on_after_its_finished_shards(tmp_path: Path) -> None:
    asked: list[int] = []

    def blocks(done: Counter[str]) -> Iterator[UnwrittenShard]:
        asked.append(done["n"])
        for k in range(done["n"], 7):
            if len(asked) == 1 and k == 3:
                raise StoppedError
            yield UnwrittenShard([DOCUMENTS[k]], {"n": 1}, (k + 1) / 7)

    told: list[StageProgress] = []
    with pytest.raises(StoppedError):
        run_first_stage("first", tmp_path, blocks, settings={})
    assert run_first_stage("first", tmp_path, blocks, settings={}, on_progress=told.append) == {"n": 7}
    assert [*read_shards(tmp_path)] == DOCUMENTS
    assert [(each.done, each.total) for each in told] == [(4, 7), (5, 7), (6, 7), (7, 7)]
    assert [each.seconds_left == 0 for each in told] == [False, False, False, True]
    assert run_first_stage("first", tmp_path, blocks, settings={}) == {"n": 7}
    assert asked == [0, 3], "what is finished is not asked for again"


def test_a_stage_killed_while_it_claims_its_folder_goes_on(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / ".manifest.json.tmp").write_text("{")
    run(corpus(tmp_path / "in"), tmp_path / "out")
    assert len([*read_shards(tmp_path / "out")]) == 7


def test_half_of_a_surrogate_pair_can_be_read_back(tmp_path: Path) -> None:
    write_shards(tmp_path, [CorpusDocument(id="a", text="half \ud83d of it")], settings={})
    (document,) = read_shards(tmp_path)
    assert len(document.text) == len("half \ud83d of it"), "positions in it are still right"


def test_a_corpus_without_documents_claims_no_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the corpus holds no document"):
        write_shards(tmp_path / "out", [], settings={"seed": 1})
    write_shards(tmp_path / "out", DOCUMENTS, settings={"seed": 2})


def test_an_unfinished_source_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoppedError):
        run(corpus(tmp_path / "in"), tmp_path / "middle", Work(stop_at=2))
    with pytest.raises(InputError, match="not finished"):
        run_stage("next", tmp_path / "middle", tmp_path / "out", Work(), settings={})


def test_a_deleted_shard_is_made_again(tmp_path: Path) -> None:
    source = corpus(tmp_path / "in")
    run(source, tmp_path / "out")
    (tmp_path / "out" / "00001.jsonl").unlink()
    run(source, tmp_path / "out")
    assert len([*read_shards(tmp_path / "out")]) == 7


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_shard_that_may_not_be_read_is_reported(tmp_path: Path) -> None:
    source = corpus(tmp_path / "in")
    (source / "00001.jsonl").chmod(0)
    with pytest.raises(InputError, match="Permission"):
        run(source, tmp_path / "out")
