"""Calls are run once, side by side and within their time; whatever a tool does is counted, and the run goes on."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import textwrap
import threading
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hammerstone.errors import InputError, ModelError, SettingsError
from hammerstone.toolformer.apis.calculator import Calculator
from hammerstone.toolformer.apis.calendar import Calendar
from hammerstone.toolformer.apis.contract import ApiError, Context
from hammerstone.toolformer.apis.python_file import PythonFunction
from hammerstone.toolformer.calls import Call, find_calls, insert_calls, remove_calls
from hammerstone.toolformer.execute import Asked, ExecuteSettings, Executor, Ran, execute, unquoted
from hammerstone.toolformer.records import Document, Proposal
from hammerstone.toolformer.stages import Progress, read_shards, write_shards

pytestmark = pytest.mark.anyio


@dataclass
class Tool:
    """A tool that a test's function answers for."""

    answer: Callable[[str], Awaitable[object]]
    name: str = "T"
    description: str = "A tool of a test."

    def __post_init__(self) -> None:
        self.inputs: list[str] = []
        self.dates: list[str | None] = []
        self.most = self.under_way = 0

    async def __call__(self, text: str, context: Context) -> str:
        self.inputs.append(text)
        self.dates.append(context.date)
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            return await self.answer(text)  # type: ignore[return-value] - a tool may give anything
        finally:
            self.under_way -= 1


async def echo(text: str) -> str:
    await anyio.lowlevel.checkpoint()
    return text


def giving(value: object) -> Tool:
    async def answer(_: str) -> object:
        return value

    return Tool(answer)


def raising(error: BaseException) -> Tool:
    async def answer(_: str) -> object:
        raise error

    return Tool(answer)


# One call


async def test_a_result_is_made_safe_for_a_text() -> None:
    ran = await Executor([giving("see [1]\n -> " + "x" * 500)]).run("T", "")
    assert ran.result is not None
    assert ran.result.startswith("see (1) to xxx")
    assert len(ran.result) == 200


@given(st.text(), st.text(st.sampled_from("ab (),.\n"), max_size=20), st.integers(0, 20))
def test_any_result_can_be_inserted_and_removed_again(result: str, text: str, position: int) -> None:
    ran = anyio.run(Executor([giving(result)]).run, "T", "")
    if ran.result is None:
        assert not " ".join(result.split())
        return
    call = Call(api="T", input="x", result=ran.result)
    written = insert_calls(text, [(min(position, len(text)), call)])
    assert [found.call for found in find_calls(written, ["T"])] == [call]
    assert remove_calls(written, ["T"]) == text


@pytest.mark.parametrize(
    ("tool", "reason"),
    [
        (raising(ApiError("nothing found")), "nothing found"),
        (raising(ApiError("")), "no reason given"),
        (raising(ApiError("a\nb" + "c" * 1000)), "a b" + "c" * 57),
        (raising(ZeroDivisionError("1 / 0")), "error: ZeroDivisionError"),
        (raising(RecursionError()), "error: RecursionError"),
        (raising(TimeoutError()), "error: TimeoutError"),
        (raising(asyncio.CancelledError()), "cancelled"),
        (giving(None), "empty"),
        (giving(""), "empty"),
        (giving(" \n\t"), "empty"),
        (giving(42), "no text"),
        (giving(b"bytes"), "no text"),
        (giving("x" * 2_000_000), "too long"),
    ],
)
async def test_a_tool_that_fails_is_a_failure_with_a_reason(tool: Tool, reason: str) -> None:
    assert await Executor([tool]).run("T", "whatever") == Ran(failure=reason)


async def test_a_tool_that_hangs_is_given_up() -> None:
    async def hang(_: str) -> object:
        await anyio.sleep_forever()

    assert await Executor([Tool(hang)], seconds=0.01).run("T", "") == Ran(failure="time")


async def test_a_function_that_never_returns_is_given_up_and_nothing_waits_for_it() -> None:
    release = threading.Event()

    def Hangs(text: str) -> str:  # noqa: N802 - as it stands in a text
        """Hangs."""
        release.wait()
        return text

    executor = Executor([PythonFunction(Hangs), Calculator()], seconds=1)  # the calculator needs a thousandth
    try:
        hung, computed = await executor.run_all([Asked("Hangs", ""), Asked("Calculator", "1+1")])
    finally:
        release.set()
    assert (hung, computed) == (Ran(failure="time"), Ran(result="2"))


async def test_half_a_surrogate_pair_does_not_reach_the_disk() -> None:
    assert await Executor([giving("a\ud800b")]).run("T", "") == Ran(result="a?b")


async def test_a_model_that_is_down_is_told_apart_and_asked_again() -> None:
    error = ModelError("down")
    tool = raising(error)
    executor = Executor([tool])
    for _ in range(2):
        assert await executor.run("T", "") == Ran(failure="error: ModelError", outage=error)
    assert len(tool.inputs) == 2


async def test_a_tool_that_is_not_there_is_a_failure() -> None:
    assert await Executor([]).run("T", "") == Ran(failure="no such tool")


@pytest.mark.parametrize("written", ["1+2", '"1+2"', "'1+2'", "“1+2”", "”1+2”", ' " 1+2 " '])
async def test_an_argument_runs_with_quotation_marks_and_without(written: str) -> None:
    """Where arguments had to be quoted, `Calculator(1+2)` never ran."""
    (found,) = find_calls(f"[Calculator({written})]", ["Calculator"])
    assert await Executor([Calculator()]).run(found.call.api, found.call.input) == Ran(result="3")


@pytest.mark.parametrize("text", ['"a" and "b"', '"a', 'a"', '"', "", "it's", "“a“", "a 'b'", "'it's'"])
def test_quotation_marks_that_do_not_enclose_the_whole_stay(text: str) -> None:
    assert unquoted(text) == text


@pytest.mark.parametrize("name", ["", "two words", "1st", "_x", "a-b", "T("])
def test_a_name_that_cannot_stand_in_a_text_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match="cannot name a tool") as caught:
        Executor([Tool(echo, name=name)])
    assert caught.value.hint


def test_two_tools_of_one_name_are_refused() -> None:
    with pytest.raises(SettingsError, match="two tools are named T"):
        Executor([Tool(echo), Tool(echo)])


# Many calls


async def test_equal_calls_are_run_once() -> None:
    tool = Tool(echo)
    executor = Executor([tool])
    ran = await executor.run_all([Asked("T", text) for text in ["a", "b", "a", ' "a"', "b"] * 10])
    assert [one.result for one in ran] == ["a", "b", "a", "a", "b"] * 10
    assert sorted(tool.inputs) == ["a", "b"]
    assert await executor.run("T", "a") == Ran(result="a")
    assert len(tool.inputs) == 2


async def test_failures_are_remembered_as_well() -> None:
    tool = raising(ApiError("nothing found"))
    executor = Executor([tool])
    assert {(await executor.run("T", "a")).failure for _ in range(3)} == {"nothing found"}
    assert len(tool.inputs) == 1


async def test_a_call_on_another_date_or_of_another_tool_is_another_call() -> None:
    one, other = Tool(echo), Tool(echo, name="U")
    executor = Executor([one, other])
    dates = [Context(), Context(date="2023-01-30"), Context(date="")]
    await executor.run_all([Asked(name, "a", context) for name in "TU" for context in [*dates, *dates]])
    assert len(one.inputs) == len(other.inputs) == 3


async def test_now_is_a_date_for_every_tool() -> None:
    tool = Tool(echo)
    await Executor([tool]).run("T", "a")
    assert len(tool.dates[0] or "") == len("2023-01-30")


async def test_no_more_calls_than_allowed_run_side_by_side() -> None:
    tool = Tool(echo)
    executor = Executor([tool], at_once=3)
    async with anyio.create_task_group() as group:
        group.start_soon(executor.run_all, [Asked("T", f"a{k}") for k in range(20)])
        group.start_soon(executor.run_all, [Asked("T", f"b{k}") for k in range(20)])
        for k in range(20):
            group.start_soon(executor.run, "T", f"c{k}")
    assert tool.most == 3
    assert len(tool.inputs) == 60


async def test_calls_run_side_by_side() -> None:
    """Each waits until all have begun."""
    begun: list[str] = []
    all_begun = anyio.Event()

    async def meet(text: str) -> str:
        begun.append(text)
        if len(begun) == 4:
            all_begun.set()
        await all_begun.wait()
        return text

    ran = await Executor([Tool(meet)], at_once=4).run_all([Asked("T", text) for text in "abcd"])
    assert [one.result for one in ran] == list("abcd")


async def test_who_waits_for_an_equal_call_goes_on_when_that_one_is_cancelled() -> None:
    begun, release = anyio.Event(), anyio.Event()

    async def wait(text: str) -> str:
        begun.set()
        await release.wait()
        return text

    tool = Tool(wait)
    executor = Executor([tool])
    results: list[Ran] = []

    async def second() -> None:
        results.append(await executor.run("T", "a"))

    async with anyio.create_task_group() as group:
        async with anyio.create_task_group() as first:
            first.start_soon(executor.run, "T", "a")
            await begun.wait()
            group.start_soon(second)
            await anyio.wait_all_tasks_blocked()
            first.cancel_scope.cancel()
        release.set()
    assert results == [Ran(result="a")]
    assert len(tool.inputs) == 2


async def test_only_the_latest_results_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hammerstone.toolformer.execute.KEPT", 2)
    tool = Tool(echo)
    executor = Executor([tool])
    for text in ["a", "b", "a", "c", "a", "b"]:
        assert await executor.run("T", text) == Ran(result=text)
    assert tool.inputs == ["a", "b", "c", "b"]


def test_an_executor_works_in_one_event_loop_after_another() -> None:
    executor = Executor([Tool(echo)], at_once=1)
    for text in "ab":
        ran = anyio.run(executor.run_all, [Asked("T", f"{text}{k}") for k in range(5)])
        assert [one.result for one in ran] == [f"{text}{k}" for k in range(5)]


calls = st.lists(st.tuples(st.sampled_from("TU"), st.sampled_from(["a", "b", "c", "fail"])), max_size=20)


@given(calls, st.integers(1, 4))
def test_many_calls_give_what_each_alone_does(asked: list[tuple[str, str]], at_once: int) -> None:
    async def answer(text: str) -> str:
        await anyio.lowlevel.checkpoint()
        if text == "fail":
            raise ApiError("failed")
        return text.upper()

    tools = [Tool(answer), Tool(answer, name="U")]
    ran = anyio.run(Executor(tools, at_once=at_once).run_all, [Asked(*call) for call in asked])
    expected = [Ran(failure="failed") if text == "fail" else Ran(result=text.upper()) for _, text in asked]
    assert ran == expected
    assert all(Counter(tool.inputs).total() == len(set(tool.inputs)) for tool in tools)


# The stage


def proposal(text: str, position: int = 0, api: str = "Calculator") -> Proposal:
    return Proposal(api=api, input=text, position=position, probability=0.5)


DOCUMENTS = (
    Document(
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
    Document(id="b", text="Undated.", proposals=(proposal("", 0, "Calendar"), proposal("x", 1, "Missing"))),
    Document(id="c", text="Without proposals."),
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

    def stop(progress: Progress) -> None:
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
    write_shards(tmp_path / "in", [Document(id="a", text="x", proposals=proposals)], settings={})
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
    documents = [Document(id="a", text="x", proposals=many[:2]), Document(id="b", text="x", proposals=many)]
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
    write_shards(tmp_path / "in", [Document(id="a", text="x", proposals=many)], settings={})
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
        from hammerstone.toolformer.execute import execute
        from hammerstone.toolformer.records import Document, Proposal
        from hammerstone.toolformer.stages import write_shards

        class Hangs:
            name, description = "T", ""
            async def __call__(self, text, context):
                os.kill(os.getpid(), signal.SIGINT)
                await anyio.sleep_forever()

        folder = Path(sys.argv[1])
        calls = (Proposal(api="T", input="", position=0, probability=1.0),)
        write_shards(folder / "in", [Document(id="a", text="x", proposals=calls)], settings={})
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
