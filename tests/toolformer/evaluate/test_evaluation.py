"""Rows against counting by hand."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from hammerstone.toolformer.apis.api import CallContext
from hammerstone.toolformer.call_format import ApiCall
from hammerstone.toolformer.evaluate.benchmark_files import Benchmark, BenchmarkQuestion
from hammerstone.toolformer.evaluate.evaluation import (
    Answerer,
    Continuation,
    EvaluationRow,
    ToolUse,
    answer_questions,
    by_k,
    count_row,
    four_rows,
)
from hammerstone.toolformer.evaluate.metrics import first_number_is

SUM = ApiCall(api="Calculator", input="5 + 3", result="8")
TODAY = ApiCall(api="Calendar", input="", result="Today is the 3rd.")
TASK = Benchmark(
    name="sums",
    questions=tuple(
        BenchmarkQuestion(prompt=f"Sum {number}. The answer is", answers=("8",), date=f"2020-01-0{number}")
        for number in range(1, 6)
    ),
    metric=first_number_is,
)


def said(*given: Continuation) -> Answerer:
    async def answerer(prompts: Sequence[str], contexts: Sequence[CallContext]) -> Sequence[Continuation]:
        assert list(prompts) == [question.prompt for question in TASK.questions]
        assert [context.date for context in contexts] == [question.date for question in TASK.questions]
        return given

    return answerer


NEVER_CALLS = said(Continuation(text=" 8"), *[Continuation(text=" 9")] * 4)
CALLS = said(
    Continuation(text=f" {SUM.answered} 8", calls=(SUM,)),
    Continuation(text=f" {SUM.answered} 5", calls=(SUM,)),
    Continuation(text=f" {TODAY.answered} 8", calls=(TODAY,)),
    Continuation(text=" 8"),
    Continuation(text=" 9"),
)


@pytest.mark.anyio
async def test_a_continuation_is_judged_without_its_calls() -> None:
    answered = await answer_questions(TASK, CALLS)
    assert [one.right for one in answered] == [True, False, True, True, False]


@pytest.mark.anyio
async def test_a_row_counts_calls_and_right_answers_with_and_without_them() -> None:
    row = count_row("fine-tuned", TASK, 10, await answer_questions(TASK, CALLS))
    assert (row.n, row.right, row.called, row.right_with_call, row.right_without_call) == (5, 3, 3, 2, 1)
    assert row.tools == (
        ToolUse(api="Calculator", called=2, right=1),
        ToolUse(api="Calendar", called=1, right=1),
    )


@pytest.mark.anyio
async def test_an_answer_with_two_calls_of_a_tool_counts_once() -> None:
    one = Benchmark(name="one", questions=TASK.questions[:1], metric=first_number_is)

    async def twice(prompts: Sequence[str], contexts: Sequence[CallContext]) -> Sequence[Continuation]:
        assert len(prompts) == len(contexts) == 1
        return [Continuation(text=f"{SUM.answered} {SUM.answered} 8", calls=(SUM, SUM))]

    row = count_row("fine-tuned", one, 10, await answer_questions(one, twice))
    assert (row.called, row.tools) == (1, (ToolUse(api="Calculator", called=1, right=1),))


@pytest.mark.anyio
async def test_four_rows_of_each_task_are_told_as_they_come() -> None:
    told: list[EvaluationRow] = []
    asked: list[int] = []

    def fine_tuned(k: int) -> Answerer:
        asked.append(k)
        return CALLS if k else NEVER_CALLS

    rows = await four_rows(
        [TASK], base=NEVER_CALLS, control=NEVER_CALLS, fine_tuned=fine_tuned, k=10, on_row=told.append
    )
    assert [(row.name, row.k, row.right, row.called) for row in rows] == [
        ("base", 0, 1, 0),
        ("control", 0, 1, 0),
        ("disabled", 0, 1, 0),
        ("fine-tuned", 10, 3, 3),
    ]
    assert asked == [0, 10]
    assert tuple(told) == rows


@pytest.mark.anyio
async def test_the_fine_tuned_model_is_tried_with_each_k() -> None:
    rows = await by_k([TASK], lambda k: CALLS if k else NEVER_CALLS, (0, 3))
    assert [(row.benchmark, row.k, row.called) for row in rows] == [("sums", 0, 0), ("sums", 3, 3)]
