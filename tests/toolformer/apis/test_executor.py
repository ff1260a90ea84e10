"""Running calls: their outcomes, the cache, and how many run concurrently."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hammerstone.errors import ModelError, SettingsError
from hammerstone.toolformer.apis.api import ApiError, CallContext
from hammerstone.toolformer.apis.calculator import Calculator
from hammerstone.toolformer.apis.executor import CallOutcome, Executor, RequestedCall, unquoted
from hammerstone.toolformer.apis.python_file import PythonFunction
from hammerstone.toolformer.call_format import ApiCall, find_calls, insert_calls, remove_calls

from ..fake_tools import Tool, echo, giving, raising

pytestmark = pytest.mark.anyio


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
    call = ApiCall(api="T", input="x", result=ran.result)
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
    assert await Executor([tool]).run("T", "whatever") == CallOutcome(failure=reason)


async def test_a_tool_that_hangs_is_given_up() -> None:
    async def hang(_: str) -> object:
        await anyio.sleep_forever()

    assert await Executor([Tool(hang)], seconds=0.01).run("T", "") == CallOutcome(failure="time")


async def test_a_function_that_never_returns_is_given_up_and_nothing_waits_for_it() -> None:
    release = threading.Event()

    def Hangs(text: str) -> str:  # noqa: N802 - as it stands in a text
        """Hangs."""
        release.wait()
        return text

    executor = Executor([PythonFunction(Hangs), Calculator()], seconds=1)  # the calculator needs a thousandth
    try:
        hung, computed = await executor.run_all([RequestedCall("Hangs", ""), RequestedCall("Calculator", "1+1")])
    finally:
        release.set()
    assert (hung, computed) == (CallOutcome(failure="time"), CallOutcome(result="2"))


async def test_half_a_surrogate_pair_does_not_reach_the_disk() -> None:
    assert await Executor([giving("a\ud800b")]).run("T", "") == CallOutcome(result="a?b")


async def test_a_model_that_is_down_is_told_apart_and_asked_again() -> None:
    error = ModelError("down")
    tool = raising(error)
    executor = Executor([tool])
    for _ in range(2):
        assert await executor.run("T", "") == CallOutcome(failure="error: ModelError", outage=error)
    assert len(tool.inputs) == 2


async def test_a_tool_that_is_not_there_is_a_failure() -> None:
    assert await Executor([]).run("T", "") == CallOutcome(failure="no such tool")


@pytest.mark.parametrize("written", ["1+2", '"1+2"', "'1+2'", "“1+2”", "”1+2”", ' " 1+2 " '])
async def test_an_argument_runs_with_quotation_marks_and_without(written: str) -> None:
    """`Calculator(1+2)` must run too, though the paper's prompts quote some arguments."""
    (found,) = find_calls(f"[Calculator({written})]", ["Calculator"])
    assert await Executor([Calculator()]).run(found.call.api, found.call.input) == CallOutcome(result="3")


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
    ran = await executor.run_all([RequestedCall("T", text) for text in ["a", "b", "a", ' "a"', "b"] * 10])
    assert [one.result for one in ran] == ["a", "b", "a", "a", "b"] * 10
    assert sorted(tool.inputs) == ["a", "b"]
    assert await executor.run("T", "a") == CallOutcome(result="a")
    assert len(tool.inputs) == 2


async def test_failures_are_remembered_as_well() -> None:
    tool = raising(ApiError("nothing found"))
    executor = Executor([tool])
    assert {(await executor.run("T", "a")).failure for _ in range(3)} == {"nothing found"}
    assert len(tool.inputs) == 1


async def test_a_call_on_another_date_or_of_another_tool_is_another_call() -> None:
    one, other = Tool(echo), Tool(echo, name="U")
    executor = Executor([one, other])
    dates = [CallContext(), CallContext(date="2023-01-30"), CallContext(date="")]
    await executor.run_all([RequestedCall(name, "a", context) for name in "TU" for context in [*dates, *dates]])
    assert len(one.inputs) == len(other.inputs) == 3


async def test_now_is_a_date_for_every_tool() -> None:
    tool = Tool(echo)
    await Executor([tool]).run("T", "a")
    assert len(tool.dates[0] or "") == len("2023-01-30")


async def test_no_more_calls_than_allowed_run_side_by_side() -> None:
    tool = Tool(echo)
    executor = Executor([tool], at_once=3)
    async with anyio.create_task_group() as group:
        group.start_soon(executor.run_all, [RequestedCall("T", f"a{k}") for k in range(20)])
        group.start_soon(executor.run_all, [RequestedCall("T", f"b{k}") for k in range(20)])
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

    ran = await Executor([Tool(meet)], at_once=4).run_all([RequestedCall("T", text) for text in "abcd"])
    assert [one.result for one in ran] == list("abcd")


async def test_who_waits_for_an_equal_call_goes_on_when_that_one_is_cancelled() -> None:
    begun, release = anyio.Event(), anyio.Event()

    async def wait(text: str) -> str:
        begun.set()
        await release.wait()
        return text

    tool = Tool(wait)
    executor = Executor([tool])
    results: list[CallOutcome] = []

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
    assert results == [CallOutcome(result="a")]
    assert len(tool.inputs) == 2


async def test_only_the_latest_results_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hammerstone.toolformer.apis.executor.REMEMBERED", 2)
    tool = Tool(echo)
    executor = Executor([tool])
    for text in ["a", "b", "a", "c", "a", "b"]:
        assert await executor.run("T", text) == CallOutcome(result=text)
    assert tool.inputs == ["a", "b", "c", "b"]


def test_an_executor_works_in_one_event_loop_after_another() -> None:
    executor = Executor([Tool(echo)], at_once=1)
    for text in "ab":
        ran = anyio.run(executor.run_all, [RequestedCall("T", f"{text}{k}") for k in range(5)])
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
    ran = anyio.run(Executor(tools, at_once=at_once).run_all, [RequestedCall(*call) for call in asked])
    expected = [
        CallOutcome(failure="failed") if text == "fail" else CallOutcome(result=text.upper()) for _, text in asked
    ]
    assert ran == expected
    assert all(Counter(tool.inputs).total() == len(set(tool.inputs)) for tool in tools)
