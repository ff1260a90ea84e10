"""The batch: which rows read what, and when.

Rows are at different points. Running rows read one token per step, together. A row that asks for a call leaves them
with its part of the cache, and they continue. Once its result has arrived, it is read in one step (with other results
that have arrived meanwhile), and the row joins the others again. New prompts enter in the same way.

Reading is synchronous and runs in its own thread; tools run on the event loop at the same time.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# torch's own types are partial.
from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import anyio
import torch
from anyio import to_thread
from anyio.abc import TaskGroup
from torch import Tensor

from hammerstone.concurrency import task_group
from hammerstone.toolformer.apis.api import Api, CallContext
from hammerstone.toolformer.decode.call_runner import CallResult, CallRunner
from hammerstone.toolformer.decode.decoding_row import DecodingRow, TokenChoice, begin_rows
from hammerstone.toolformer.decode.generation import DecodeSettings, GeneratedText, TokenPiece, one_context_each
from hammerstone.toolformer.decode.partial_call import CallVocabulary, vocabulary_of
from hammerstone.toolformer.kv_cache import KVCache, join_caches
from hammerstone.toolformer.lm import LanguageModel

__all__ = ["generate"]


async def generate(
    lm: LanguageModel,
    prompts: Sequence[str],
    apis: Mapping[str, Api],
    settings: DecodeSettings | None = None,
    *,
    contexts: Sequence[CallContext] | None = None,
    on_piece: Callable[[TokenPiece], None] = lambda _: None,
) -> list[GeneratedText]:
    """Continue each prompt, in order, with calls of `apis`, which are given by name.

    `contexts` are passed to the tools, one per prompt. `on_piece` receives tokens as they become final. No tool can
    make this fail; a prompt that does not fit into the model's context ends at once with the reason "context".
    Raises `InputError` unless there is one context per prompt.
    """
    contexts = one_context_each(prompts, contexts)
    settings = settings or DecodeSettings()
    rows = await to_thread.run_sync(begin_rows, lm, prompts, apis, settings)
    async with task_group() as tasks:
        batch = _Batch(lm, vocabulary_of(lm), settings)
        await _BatchEngine(batch, CallRunner(apis, settings), contexts, on_piece, tasks).run(rows)
    return [row.generated() for row in rows]


@dataclass(frozen=True)
class _Group:
    """Rows, and what the model has read of each: nothing, or at least the first `cached` of its tokens."""

    rows: Sequence[DecodingRow]
    cache: KVCache | None = None

    def only(self, places: Sequence[int]) -> _Group:
        if self.cache is None or len(places) == len(self.rows):
            return self
        return _Group([self.rows[at] for at in places], self.cache.rows(places)) if places else _Group(())

    def going_on(self) -> _Group:
        return self.only([at for at, row in enumerate(self.rows) if row.asked is None and row.ended is None])

    def trimmed(self) -> KVCache | None:
        """Without the tokens that rows have taken back."""
        lengths = [row.cached for row in self.rows]
        return self.cache if self.cache is None or self.cache.lengths.tolist() == lengths else self.cache.cut(lengths)


def _merged(groups: Iterable[_Group]) -> _Group:
    parts = [(group.rows, cache) for group in groups if (cache := group.trimmed()) is not None]
    rows = [row for some, _ in parts for row in some]
    return _Group(
        rows, join_caches([cache for _, cache in parts]) if len(parts) > 1 else parts[0][1] if parts else None
    )


class _Step(NamedTuple):
    """After a step: the rows that continue, and those that wait for a tool, each in a group of its own."""

    running: _Group
    away: list[_Group]


@dataclass(frozen=True)
class _Batch:
    """The synchronous part: read, choose, take. Only one thread at a time runs it, and nothing else changes rows."""

    lm: LanguageModel
    vocabulary: CallVocabulary
    settings: DecodeSettings

    def step(
        self, running: _Group, answered: Sequence[tuple[_Group, CallResult]], fresh: Sequence[DecodingRow]
    ) -> _Step:
        """One more token in each row. Results and prompts are read apart from rows that need only one token.

        In one tensor with them, each of those would be padded to the longest result.
        """
        for group, answer in answered:
            group.rows[0].answer(*answer)
        back = [group for group, _ in answered]
        asked_again = [group for group in back if group.rows[0].asked]
        groups = (running, _merged(group.going_on() for group in back), _Group(fresh))
        read = [self._advanced(group) for group in groups if group.rows]
        asked = [group.only([at]) for group in read for at, row in enumerate(group.rows) if row.asked]
        return _Step(_merged(group.going_on() for group in read), [*asked_again, *asked])

    def _advanced(self, group: _Group) -> _Group:
        new = [row.ids[row.cached :] for row in group.rows]
        logits, cache = self.lm.forward(new, group.cache, keep=1)  # (rows, 1, vocabulary)
        choices = self._choose(logits[:, -1, : self.vocabulary.size], group.rows)
        for row, choice in zip(group.rows, choices, strict=True):
            row.cached = len(row.ids)
            row.take(choice)
        return _Group(group.rows, cache)

    def _choose(self, logits: Tensor, rows: Sequence[DecodingRow]) -> list[TokenChoice]:
        """The next token of each row from logits (rows, vocabulary): `[` if it is among the k most likely."""
        own = [self._drawn(logits[at], row) for at, row in enumerate(rows)]
        starts, ranks = self._best_starts(logits)
        choices: list[TokenChoice] = []
        for at, row in enumerate(rows):
            if own[at] in self.vocabulary.brackets:
                choices.append(TokenChoice(token=own[at], instead=self._drawn(self._without_brackets(logits[at]), row)))
            elif row.may_be_forced and ranks[at] < self.settings.k:
                choices.append(TokenChoice(token=starts[at], instead=own[at], forced=True))
            else:
                choices.append(TokenChoice(token=own[at]))
        return choices

    def _best_starts(self, logits: Tensor) -> tuple[list[int], list[int]]:
        """For each row, the most likely token for `[`, and how many tokens are likelier."""
        if not self.vocabulary.starts:
            return [0] * len(logits), [self.vocabulary.size] * len(logits)
        starts = torch.tensor(self.vocabulary.starts, device=logits.device)
        best, which = logits[:, starts].max(dim=1)  # (rows,)
        return starts[which].tolist(), (logits > best[:, None]).sum(dim=1).tolist()

    def _drawn(self, logits: Tensor, row: DecodingRow) -> int:
        """The most likely token, or one sampled with the row's own generator."""
        if self.settings.temperature == 0:
            return int(logits.argmax())
        exact = logits.to("cpu", torch.promote_types(logits.dtype, torch.float32))
        probabilities = torch.softmax(exact / self.settings.temperature, dim=-1)
        return int(torch.multinomial(probabilities, 1, generator=row.generator))

    def _without_brackets(self, logits: Tensor) -> Tensor:
        brackets = torch.tensor([*self.vocabulary.brackets], device=logits.device)
        return logits.index_fill(0, brackets, -torch.inf)


class _BatchEngine:
    """The asynchronous part: moves rows from one state to the next until all are done."""

    def __init__(
        self,
        batch: _Batch,
        tools: CallRunner,
        contexts: Sequence[CallContext],
        on_piece: Callable[[TokenPiece], None],
        tasks: TaskGroup,
    ) -> None:
        self._batch = batch
        self._tools = tools
        self._contexts = contexts
        self._on_piece = on_piece
        self._tasks = tasks
        self._waiting = 0
        self._answered: list[tuple[_Group, CallResult]] = []
        self._news = anyio.Event()

    async def run(self, rows: Sequence[DecodingRow]) -> None:
        fresh = deque(row for row in rows if row.ended is None)
        running = _Group(())
        while fresh or running.rows or self._waiting:
            answered, self._answered = self._answered, []
            free = self._batch.settings.rows - len(running.rows) - self._waiting
            entering = [fresh.popleft() for _ in range(min(free, len(fresh)))]
            if not (running.rows or answered or entering):
                self._news = anyio.Event()
                await self._news.wait()
                continue
            touched = [*running.rows, *(row for group, _ in answered for row in group.rows), *entering]
            running, away = await to_thread.run_sync(self._batch.step, running, answered, entering)
            self._waiting += len(away) - len(answered)
            for piece in (piece for row in touched for piece in row.pieces()):
                self._on_piece(piece)
            for group in away:
                self._tasks.start_soon(self._ask, group)

    async def _ask(self, group: _Group) -> None:
        (row,) = group.rows
        assert row.asked is not None  # noqa: S101 - it left the batch for its call
        answer = await self._tools.answer(row.asked, self._contexts[row.number])
        self._answered.append((group, answer))
        self._news.set()
