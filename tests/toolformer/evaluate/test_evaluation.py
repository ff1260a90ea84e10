"""Rows against counting by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

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
    model_rows,
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
async def test_a_model_is_asked_once_at_each_k_and_its_rows_are_told_as_they_come() -> None:
    told: list[EvaluationRow] = []
    asked: list[int] = []

    def answering(k: int) -> Answerer:
        asked.append(k)
        return CALLS if k else NEVER_CALLS

    rows = await model_rows("fine-tuned", [TASK], answering, (0, 10, 0, 3, 10), on_row=told.append)
    assert asked == [0, 10, 3]
    assert [(row.name, row.benchmark, row.k, row.right, row.called) for row in rows] == [
        *(("fine-tuned", "sums", k, 3 if k else 1, 3 if k else 0) for k in (0, 10, 3)),
    ]
    assert tuple(told) == rows


@pytest.mark.anyio
async def test_four_rows_of_each_task_and_those_by_k_are_made_of_the_same_answers() -> None:
    other = replace(TASK, name="others")
    plain = [await model_rows(name, [TASK, other], lambda _: NEVER_CALLS) for name in ("base", "control")]
    fine_tuned = await model_rows("fine-tuned", [TASK, other], lambda k: CALLS if k else NEVER_CALLS, (0, 3, 10))
    rows = four_rows(*plain, fine_tuned, 10)
    assert [(row.benchmark, row.name, row.k, row.right) for row in rows] == [
        (name, *row)
        for name in ("sums", "others")
        for row in (("base", 0, 1), ("control", 0, 1), ("disabled", 0, 1), ("fine-tuned", 10, 3))
    ]
    assert [(row.benchmark, row.name, row.k) for row in by_k(fine_tuned, (0, 3))] == [
        (name, "fine-tuned", k) for name in ("sums", "others") for k in (0, 3)
    ]
