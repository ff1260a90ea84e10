"""Is the model better with its tools (section 4, tables 3 to 7 and 9)?

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
from dataclasses import dataclass
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
    """In how many answers a tool was called, and how many of them were right."""

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


async def four_rows(
    benchmarks: Sequence[Benchmark],
    *,
    base: Answerer,
    control: Answerer,
    fine_tuned: Callable[[int], Answerer],
    k: int = K,
    on_row: Callable[[EvaluationRow], None] = lambda _: None,
) -> tuple[EvaluationRow, ...]:
    """The four rows of each benchmark. `fine_tuned(k)` answers with that k; `fine_tuned(0)` never calls."""
    rows: list[EvaluationRow] = []
    for benchmark in benchmarks:
        for name, answerer, used in (
            ("base", base, 0),
            ("control", control, 0),
            ("disabled", fine_tuned(0), 0),
            ("fine-tuned", fine_tuned(k), k),
        ):
            rows.append(await _row(name, benchmark, used, answerer, on_row))
    return tuple(rows)


async def by_k(
    benchmarks: Sequence[Benchmark],
    fine_tuned: Callable[[int], Answerer],
    ks: Sequence[int] = (0, 1, 3, K),
    *,
    on_row: Callable[[EvaluationRow], None] = lambda _: None,
) -> tuple[EvaluationRow, ...]:
    """Table 9: the fine-tuned model on each benchmark at each k. It calls more often the larger k is."""
    return tuple(
        [await _row("fine-tuned", benchmark, k, fine_tuned(k), on_row) for benchmark in benchmarks for k in ks]
    )


async def _row(
    name: str, benchmark: Benchmark, k: int, answerer: Answerer, on_row: Callable[[EvaluationRow], None]
) -> EvaluationRow:
    row = count_row(name, benchmark, k, await answer_questions(benchmark, answerer))
    on_row(row)
    return row


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
