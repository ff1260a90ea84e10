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
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

from hammerstone.errors import InputError
from hammerstone.toolformer.apis.contract import Context
from hammerstone.toolformer.benchmark_files import Question, Task
from hammerstone.toolformer.calls import Call, remove_calls
from hammerstone.toolformer.lm import LanguageModel

__all__ = [
    "Answered",
    "Answerer",
    "Given",
    "Perplexity",
    "Row",
    "ToolUse",
    "answer",
    "by_k",
    "count",
    "four_rows",
    "perplexity",
]

K = 10  # a call begins where `[` is among the k most likely tokens (section 4.2)
BATCH_TOKENS = 4096  # read at once, padding included: the logits of so many take 0.8 GB at 50,000 words


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


@dataclass(frozen=True, kw_only=True)
class Perplexity:
    """exp of the mean loss of all tokens. `dropped` are documents without a token, or whose loss is no number."""

    perplexity: float
    tokens: int
    documents: int
    dropped: int


def perplexity(
    lm: LanguageModel,
    texts: Sequence[str],
    *,
    length: int = 1024,
    never: Sequence[int] = (),
    batch_tokens: int = BATCH_TOKENS,
) -> Perplexity:
    """How well a model predicts plain texts, without any call (table 8).

    Every text is read after the token that a text begins after, in parts of `length` tokens, or of the model's context
    where that is shorter. `never` are the tokens that begin a call: their probability is set to zero, as the paper does
    to disable calls, except where the text itself goes on with one. Raises `InputError` where no text is left.
    """
    room = min(length, lm.context)
    encoded = [lm.encode(text) for text in texts]
    parts = [(at, ids[begin : begin + room]) for at, ids in enumerate(encoded) for begin in range(0, len(ids), room)]
    losses = torch.zeros(len(texts), dtype=torch.float64)  # of all tokens of a text
    for batch in _batches(parts, batch_tokens):
        for (at, _), loss in zip(batch, _losses(lm, [ids for _, ids in batch], never), strict=True):
            losses[at] += loss
    kept = [at for at, ids in enumerate(encoded) if ids and losses[at].isfinite()]
    tokens = sum(len(encoded[at]) for at in kept)
    if not tokens:
        raise InputError(
            f"none of {len(texts)} texts has a perplexity", hint="they are empty, or the model's losses are no numbers"
        )
    mean = losses[kept].sum() / tokens
    return Perplexity(perplexity=float(mean.exp()), tokens=tokens, documents=len(kept), dropped=len(texts) - len(kept))


def _batches(parts: Sequence[tuple[int, list[int]]], batch_tokens: int) -> Iterator[Sequence[tuple[int, list[int]]]]:
    """The longest first, those of like length together: little padding, and too small a memory is seen at once."""
    ordered = sorted(parts, key=lambda part: -len(part[1]))
    begin = 0
    while begin < len(ordered):
        end = begin + max(1, batch_tokens // len(ordered[begin][1]))
        yield ordered[begin:end]
        begin = end


@torch.inference_mode()
def _losses(lm: LanguageModel, rows: Sequence[Sequence[int]], never: Sequence[int]) -> Tensor:
    """- Σ_j log p(x_j | x_1 … x_{j-1}) of each row: (rows,)."""
    logits, _ = lm.forward([[lm.start_id, *row[:-1]] for row in rows])
    width = logits.shape[1]
    targets = torch.tensor([[-100] * (width - len(row)) + [*row] for row in rows], device=logits.device)
    logits = logits.float()  # (rows, width, vocabulary)
    if never:
        banned = torch.tensor(never, device=logits.device)
        own = torch.isin(targets, banned)  # (rows, width): the text's own brackets
        logits[..., banned] = logits[..., banned].masked_fill(~own[..., None], -torch.inf)
    losses = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
    return losses.view(len(rows), width).sum(dim=1, dtype=torch.float64).cpu()
