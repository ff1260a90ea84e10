"""Measures whether the model is better with its tools (section 4, tables 3 to 7 and 9).

There are always four rows, so that an effect of the text is not mistaken for an effect of the calls:

    base         the model before fine-tuning
    control      fine-tuned on the same texts without calls
    disabled     fine-tuned on the texts with calls, and kept from calling
    fine-tuned   the same model, free to call

This module does not generate text: an `Answerer` does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import TypeAlias

from hammerstone.toolformer.apis.api import CallContext
from hammerstone.toolformer.call_format import ApiCall, remove_calls
from hammerstone.toolformer.evaluate.benchmark_files import Benchmark, BenchmarkQuestion

__all__ = [
    "Answerer",
    "Continuation",
    "EvaluationRow",
    "GradedAnswer",
    "ToolUse",
    "answer_questions",
    "by_k",
    "count_row",
    "four_rows",
    "model_rows",
]

K = 10  # a call begins where `[` is among the k most likely tokens (section 4.2)


@dataclass(frozen=True, kw_only=True)
class Continuation:
    """A continuation with its calls in it, and those calls."""

    text: str
    calls: tuple[ApiCall, ...] = ()


Answerer: TypeAlias = Callable[[Sequence[str], Sequence[CallContext]], Awaitable[Sequence[Continuation]]]
"""Continues each prompt in its context; the results are in the order of the prompts."""


@dataclass(frozen=True, kw_only=True)
class GradedAnswer:
    """A question, its continuation, and whether that is right."""

    question: BenchmarkQuestion
    continuation: Continuation
    right: bool


@dataclass(frozen=True, kw_only=True)
class ToolUse:
    """The number of answers in which a tool was called, and how many of them were right."""

    api: str
    called: int
    right: int


@dataclass(frozen=True, kw_only=True)
class EvaluationRow:
    """One line of tables 3 to 7 and 9: counts over the questions of one benchmark, for one model and one k.

    `called` answers contain a call of any tool; `right_with_call` of them are right.
    """

    name: str
    benchmark: str
    k: int
    n: int
    right: int
    called: int
    right_with_call: int
    tools: tuple[ToolUse, ...] = ()

    @property
    def right_without_call(self) -> int:
        return self.right - self.right_with_call


async def model_rows(
    name: str,
    benchmarks: Sequence[Benchmark],
    answering: Callable[[int], Answerer],
    ks: Sequence[int] = (0,),
    *,
    on_row: Callable[[EvaluationRow], None] = lambda _: None,
) -> tuple[EvaluationRow, ...]:
    """One model on each benchmark at each k, which are asked once each. `answering(k)` answers with that k."""
    rows: list[EvaluationRow] = []
    for benchmark in benchmarks:
        for k in dict.fromkeys(ks):
            row = count_row(name, benchmark, k, await answer_questions(benchmark, answering(k)))
            rows.append(row)
            on_row(row)
    return tuple(rows)


def four_rows(
    base: Sequence[EvaluationRow], control: Sequence[EvaluationRow], fine_tuned: Sequence[EvaluationRow], k: int = K
) -> tuple[EvaluationRow, ...]:
    """The four rows of each benchmark. `fine_tuned` has rows with k = 0, which is `disabled`, and with `k`."""
    disabled = [replace(row, name="disabled") for row in fine_tuned if row.k == 0]
    calling = [row for row in fine_tuned if row.k == k]
    return tuple(chain.from_iterable(zip(base, control, disabled, calling, strict=True)))


def by_k(fine_tuned: Sequence[EvaluationRow], ks: Sequence[int] = (0, 1, 3, K)) -> tuple[EvaluationRow, ...]:
    """Table 9: the fine-tuned model on each benchmark at each k. It calls more often the larger k is."""
    return tuple(row for row in fine_tuned if row.k in ks)


async def answer_questions(benchmark: Benchmark, answerer: Answerer) -> tuple[GradedAnswer, ...]:
    """Ask all questions of a benchmark. Calls are removed from a continuation before it is judged."""
    prompts = [question.prompt for question in benchmark.questions]
    continuations = await answerer(prompts, [CallContext(date=question.date) for question in benchmark.questions])
    return tuple(
        GradedAnswer(question=question, continuation=one, right=benchmark.metric(_plain(one), question.answers))
        for question, one in zip(benchmark.questions, continuations, strict=True)
    )


def _plain(continuation: Continuation) -> str:
    return remove_calls(continuation.text, sorted({call.api for call in continuation.calls}))


def count_row(name: str, benchmark: Benchmark, k: int, answered: Sequence[GradedAnswer]) -> EvaluationRow:
    """The row that counts these answers."""
    called, right = Counter[str](), Counter[str]()
    for one in answered:
        for api in {call.api for call in one.continuation.calls}:
            called[api] += 1
            right[api] += one.right
    return EvaluationRow(
        name=name,
        benchmark=benchmark.name,
        k=k,
        n=len(answered),
        right=sum(one.right for one in answered),
        called=sum(bool(one.continuation.calls) for one in answered),
        right_with_call=sum(one.right and bool(one.continuation.calls) for one in answered),
        tools=tuple(ToolUse(api=api, called=called[api], right=right[api]) for api in sorted(called)),
    )
