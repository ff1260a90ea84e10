"""Calls are run once, side by side and within their time; whatever a tool does is counted, and the run goes on."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from dataclasses import replace
from functools import partial
from pathlib import Path

import anyio
import pytest

from hammerstone.errors import InputError, ModelError, SettingsError
from hammerstone.toolformer.annotate.execution import ExecuteSettings, execute
from hammerstone.toolformer.apis.calculator import Calculator
from hammerstone.toolformer.apis.calendar import Calendar
from hammerstone.toolformer.corpus_document import CorpusDocument, Proposal
from hammerstone.toolformer.shards import read_shards, write_shards
from hammerstone.toolformer.stage_progress import StageProgress

from ..fake_tools import Tool, echo, raising

pytestmark = pytest.mark.anyio


def proposal(text: str, position: int = 0, api: str = "Calculator") -> Proposal:
    return Proposal(api=api, input=text, position=position, probability=0.5)


DOCUMENTS = (
    CorpusDocument(
        id="a",
        text="Out of 1400 participants, 400 (or 29%) passed.",
        date="2023-01-30",
        proposals=(
            proposal("400 / 1400", 27),
            proposal("400 / 1400", 27),
            proposal("400 / 1400", 30),
            proposal("400 /", 27),
            proposal("1 / 0", 27),
            proposal("", 3, "Calendar"),
        ),
    ),
    CorpusDocument(id="b", text="Undated.", proposals=(proposal("", 0, "Calendar"), proposal("x", 1, "Missing"))),
    CorpusDocument(id="c", text="Without proposals."),
)
COUNTS = {
    "proposed: Calculator": 5,
    "proposed: Calendar": 2,
    "proposed: Missing": 1,
    "kept: Calculator": 2,
    "kept: Calendar": 1,
    "dropped: Calculator: duplicate": 1,
    "dropped: Calculator: bad syntax": 1,
    "dropped: Calculator: division by zero": 1,
    "dropped: Calendar: no date": 1,
    "dropped: Missing: no such tool": 1,
}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    write_shards(tmp_path / "annotated", DOCUMENTS, settings={}, size=1)
    return tmp_path / "annotated"


async def test_proposals_with_a_result_are_kept_and_all_others_are_counted(source: Path, tmp_path: Path) -> None:
    counts = await execute(source, tmp_path / "executed", [Calculator(), Calendar()])
    assert counts == COUNTS
    a, b, c = read_shards(tmp_path / "executed")
    assert [(kept.input, kept.position, kept.result) for kept in a.proposals] == [
        ("400 / 1400", 27, "0.29"),
        ("400 / 1400", 30, "0.29"),
        ("", 3, "Today is Monday, January 30, 2023."),
    ]
    assert a.proposals[0] == replace(proposal("400 / 1400", 27), result="0.29")
    assert (b, c) == (replace(DOCUMENTS[1], proposals=()), DOCUMENTS[2])


async def test_todays_date_is_not_invented_for_a_document_without_one(source: Path, tmp_path: Path) -> None:
    tool = Tool(echo, name="Missing")
    await execute(source, tmp_path / "executed", [tool])
    assert tool.dates == [""]


async def test_a_duplicate_is_not_run(source: Path, tmp_path: Path) -> None:
    tool = Tool(echo, name="Calculator")
    counts = await execute(source, tmp_path / "executed", [tool])
    assert tool.inputs.count("400 / 1400") == 1
    assert counts["dropped: Calculator: duplicate"] == 1


async def test_what_is_finished_is_not_run_again_and_a_broken_run_comes_to_the_same_bytes(
    source: Path, tmp_path: Path
) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    await execute(source, whole, [Tool(echo, name="Missing")])
    shards: list[int] = []

    def stop(progress: StageProgress) -> None:
        shards.append(progress.done)
        raise RuntimeError("the power is cut")

    with pytest.raises(RuntimeError, match="power"):
        await execute(source, broken, [Tool(echo, name="Missing")], on_progress=stop)
    assert shards == [1]
    assert (broken / "00000.counts.json").exists()
    assert not (broken / "00001.counts.json").exists()
    tool = Tool(echo, name="Missing")
    counts = await execute(source, broken, [tool], on_progress=lambda progress: shards.append(progress.done))
    assert shards == [1, 2, 3]
    assert counts["kept: Missing"] == 1
    names = sorted(path.name for path in whole.iterdir())
    assert all((whole / name).read_bytes() == (broken / name).read_bytes() for name in names)
    assert await execute(source, broken, [tool]) == counts
    assert tool.inputs == ["x"]


async def test_other_tools_or_another_time_limit_are_other_settings(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "executed"
    await execute(source, target, [Calculator()], settings=ExecuteSettings(specs=("calculator",)))
    manifest = json.loads((target / "manifest.json").read_text())
    assert manifest["settings"] == {"tools": ["calculator"], "seconds": 30.0}
    await execute(source, target, [Calculator()], settings=ExecuteSettings(specs=("calculator",), at_once=2))
    for other in (ExecuteSettings(specs=("calculator", "calendar")), ExecuteSettings(seconds=1)):
        with pytest.raises(InputError, match="other settings"):
            await execute(source, target, [Calculator()], settings=other)


@pytest.mark.parametrize(("seconds", "at_once"), [(0, 1), (-1, 1), (1, 0)])
def test_settings_that_allow_nothing_are_refused(seconds: float, at_once: int) -> None:
    with pytest.raises(SettingsError):
        ExecuteSettings(seconds=seconds, at_once=at_once)


async def test_a_tool_that_does_its_worst_loses_nothing_of_the_others(tmp_path: Path) -> None:
    async def worst(text: str) -> object:
        match text:
            case "hang":
                await anyio.sleep_forever()
            case "raise":
                raise ValueError("of a tool")
            case "megabytes":
                return "x" * 5_000_000
            case "nothing":
                return None
        return text

    inputs = ["hang", "raise", "megabytes", "nothing", "well"]
    proposals = (*(proposal(text, 0, "T") for text in inputs), proposal("1 + 1"))
    write_shards(tmp_path / "in", [CorpusDocument(id="a", text="x", proposals=proposals)], settings={})
    counts = await execute(
        tmp_path / "in", tmp_path / "out", [Tool(worst), Calculator()], settings=ExecuteSettings(seconds=1)
    )
    assert counts == {
        "proposed: T": 5,
        "proposed: Calculator": 1,
        "kept: T": 1,
        "kept: Calculator": 1,
        "dropped: T: time": 1,
        "dropped: T: error: ValueError": 1,
        "dropped: T: too long": 1,
        "dropped: T: empty": 1,
    }
    (document,) = read_shards(tmp_path / "out")
    assert [kept.result for kept in document.proposals] == ["well", "2"]


async def test_a_model_that_is_down_stops_the_stage_and_leaves_its_shard_to_be_done(tmp_path: Path) -> None:
    many = tuple(proposal(f"question {k}", 0, "T") for k in range(10))
    documents = [CorpusDocument(id="a", text="x", proposals=many[:2]), CorpusDocument(id="b", text="x", proposals=many)]
    write_shards(tmp_path / "in", documents, settings={}, size=1)
    with pytest.raises(ModelError, match="down"):
        await execute(tmp_path / "in", tmp_path / "out", [raising(ModelError("down"))])
    assert (tmp_path / "out" / "00000.counts.json").exists()
    assert not (tmp_path / "out" / "00001.counts.json").exists()
    counts = await execute(tmp_path / "in", tmp_path / "out", [Tool(echo)])
    assert counts == {"proposed: T": 12, "kept: T": 10, "dropped: T: error: ModelError": 2}


async def test_one_refused_question_among_many_does_not_stop_the_stage(tmp_path: Path) -> None:
    async def refuse(text: str) -> str:
        if text != "question 3":
            raise ModelError("refused")
        return text

    many = tuple(proposal(f"question {k}", 0, "T") for k in range(20))
    write_shards(tmp_path / "in", [CorpusDocument(id="a", text="x", proposals=many)], settings={})
    counts = await execute(tmp_path / "in", tmp_path / "out", [Tool(refuse)])
    assert counts["kept: T"] == 1


async def test_a_stage_that_is_cancelled_cancels_its_calls(source: Path, tmp_path: Path) -> None:
    begun, ended = anyio.Event(), anyio.Event()

    async def hang(_: str) -> object:
        try:
            begun.set()
            await anyio.sleep_forever()
        finally:
            ended.set()

    async with anyio.create_task_group() as group:
        stage = partial(execute, settings=ExecuteSettings(seconds=1e6))
        group.start_soon(stage, source, tmp_path / "executed", [Tool(hang, name="Missing")])
        await begun.wait()
        group.cancel_scope.cancel()
    await ended.wait()
    assert not (tmp_path / "executed" / "00001.counts.json").exists()


def test_an_interrupt_ends_the_stage_at_once(tmp_path: Path) -> None:
    code = textwrap.dedent("""
        import os, signal, sys
        from pathlib import Path
        import anyio
        from hammerstone.toolformer.annotate.execution import execute
        from hammerstone.toolformer.corpus_document import CorpusDocument, Proposal
        from hammerstone.toolformer.shards import write_shards

        class Hangs:
            name, description = "T", ""
            async def __call__(self, text, context):
                os.kill(os.getpid(), signal.SIGINT)
                await anyio.sleep_forever()

        folder = Path(sys.argv[1])
        calls = (Proposal(api="T", input="", position=0, probability=1.0),)
        write_shards(folder / "in", [CorpusDocument(id="a", text="x", proposals=calls)], settings={})
        signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            anyio.run(execute, folder / "in", folder / "out", [Hangs()])
        except KeyboardInterrupt:
            print("interrupted")
    """)
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True, timeout=300
    )
    assert (done.stdout, done.stderr) == ("interrupted\n", "")
    assert not (tmp_path / "out").exists(), "nothing was finished, so nothing is claimed"
