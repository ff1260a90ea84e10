"""Is the model as good a language model as before, and is it better with its tools (section 4, tables 3 to 9)?

Four rows always, so that what the text teaches is not taken for what the calls teach:

    untouched   the model as it was
    control     trained on the same texts without calls
    disabled    trained on the texts with calls, and kept from calling
    taught      the same, calling

How text is generated is not known here: an `Answerer` does that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from hammerstone.toolformer.apis.api import Context
from hammerstone.toolformer.call_format import Call, remove_calls
from hammerstone.toolformer.evaluate.benchmark_files import Question, Task

__all__ = [
    "Answered",
    "Answerer",
    "Given",
    "Row",
    "ToolUse",
    "answer",
    "by_k",
    "count",
    "four_rows",
]

K = 10  # a call begins where `[` is among the k most likely tokens (section 4.2)


@dataclass(frozen=True, kw_only=True)
class Given:
    """A continuation, with its calls in it, and those calls."""

    text: str
    calls: tuple[Call, ...] = ()


Answerer: TypeAlias = Callable[[Sequence[str], Sequence[Context]], Awaitable[Sequence[Given]]]
"""Continues each prompt, in its context, in order."""


@dataclass(frozen=True, kw_only=True)
class Answered:
    """A question with what was given for it."""

    question: Question
    given: Given
    right: bool


@dataclass(frozen=True, kw_only=True)
class ToolUse:
    """In how many answers a tool was called, and how many of them were right."""

    api: str
    called: int
    right: int


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of tables 3 to 7 and 9: counts of one task's questions, for one model and one k.

    `called` answers hold a call, by whichever tool; `right_with_call` of them are right.
    """

    name: str
    task: str
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
    tasks: Sequence[Task],
    *,
    untouched: Answerer,
    control: Answerer,
    taught: Callable[[int], Answerer],
    k: int = K,
    on_row: Callable[[Row], None] = lambda _: None,
) -> tuple[Row, ...]:
    """The four rows of each task; `taught(k)` answers with that k, `taught(0)` never calls."""
    rows: list[Row] = []
    for task in tasks:
        for name, answerer, used in (
            ("untouched", untouched, 0),
            ("control", control, 0),
            ("disabled", taught(0), 0),
            ("taught", taught(k), k),
        ):
            rows.append(await _row(name, task, used, answerer, on_row))
    return tuple(rows)


async def by_k(
    tasks: Sequence[Task],
    taught: Callable[[int], Answerer],
    ks: Sequence[int] = (0, 1, 3, K),
    *,
    on_row: Callable[[Row], None] = lambda _: None,
) -> tuple[Row, ...]:
    """Table 9: the taught model on each task, the more willing to call the larger k."""
    return tuple([await _row("taught", task, k, taught(k), on_row) for task in tasks for k in ks])


async def _row(name: str, task: Task, k: int, answerer: Answerer, on_row: Callable[[Row], None]) -> Row:
    row = count(name, task, k, await answer(task, answerer))
    on_row(row)
    return row


async def answer(task: Task, answerer: Answerer) -> tuple[Answered, ...]:
    """All questions of a task, judged by the continuation with its calls removed."""
    prompts = [question.prompt for question in task.questions]
    given = await answerer(prompts, [Context(date=question.date) for question in task.questions])
    return tuple(
        Answered(question=question, given=one, right=task.metric(_plain(one), question.answers))
        for question, one in zip(task.questions, given, strict=True)
    )


def _plain(given: Given) -> str:
    return remove_calls(given.text, sorted({call.api for call in given.calls}))


def count(name: str, task: Task, k: int, answered: Sequence[Answered]) -> Row:
    """The row that these answers make."""
    called, right = Counter[str](), Counter[str]()
    for one in answered:
        for api in {call.api for call in one.given.calls}:
            called[api] += 1
            right[api] += one.right
    return Row(
        name=name,
        task=task.name,
        k=k,
        n=len(answered),
        right=sum(one.right for one in answered),
        called=sum(bool(one.given.calls) for one in answered),
        right_with_call=sum(one.right and bool(one.given.calls) for one in answered),
        tools=tuple(ToolUse(api=api, called=called[api], right=right[api]) for api in sorted(called)),
    )
