"""The batch: which rows read what, and when.

Rows stand at different points. Those that run read one token a step, together. One that has asked for a call leaves
them, with its own part of the cache, and they go on. When its result is there, it is read in one go (with the results
of other rows that came meanwhile), and the row stands among the others again. New prompts enter in the same way.

Reading is synchronous and happens in a thread of its own; tools run on the event loop at the same time.
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
from hammerstone.toolformer.apis.api import Api, Context
from hammerstone.toolformer.decode.call_runner import Answer, Tools
from hammerstone.toolformer.decode.decoding_row import Choice, Row, begin_rows
from hammerstone.toolformer.decode.generation import DecodeSettings, Generated, Piece, one_context_each
from hammerstone.toolformer.decode.partial_call import Vocabulary, vocabulary_of
from hammerstone.toolformer.kv_cache import Past, join
from hammerstone.toolformer.lm import LanguageModel

__all__ = ["generate"]


async def generate(
    lm: LanguageModel,
    prompts: Sequence[str],
    apis: Mapping[str, Api],
    settings: DecodeSettings | None = None,
    *,
    contexts: Sequence[Context] | None = None,
    on_piece: Callable[[Piece], None] = lambda _: None,
) -> list[Generated]:
    """What the model writes after each prompt, in order, with calls of `apis`, by the names under which they stand.

    `contexts` are handed to the tools, one for each prompt. `on_piece` is told of tokens as they become final. No tool
    can make this fail; a prompt that the model cannot read whole ends at once, with the reason "context".
    Raises `InputError` if there is not one context for each prompt.
    """
    contexts = one_context_each(prompts, contexts)
    settings = settings or DecodeSettings()
    rows = await to_thread.run_sync(begin_rows, lm, prompts, apis, settings)
    async with task_group() as tasks:
        batch = _Batch(lm, vocabulary_of(lm), settings)
        await _Engine(batch, Tools(apis, settings), contexts, on_piece, tasks).run(rows)
    return [row.generated() for row in rows]


@dataclass(frozen=True)
class _Group:
    """Rows, and what the model has read of each: nothing at all, or the first `cached` of its tokens and maybe more."""

    rows: Sequence[Row]
    past: Past | None = None

    def only(self, places: Sequence[int]) -> _Group:
        if self.past is None or len(places) == len(self.rows):
            return self
        return _Group([self.rows[at] for at in places], self.past.rows(places)) if places else _Group(())

    def going_on(self) -> _Group:
        return self.only([at for at, row in enumerate(self.rows) if row.asked is None and row.ended is None])

    def trimmed(self) -> Past | None:
        """Without what rows have gone back from."""
        lengths = [row.cached for row in self.rows]
        return self.past if self.past is None or self.past.lengths.tolist() == lengths else self.past.cut(lengths)


def _merged(groups: Iterable[_Group]) -> _Group:
    parts = [(group.rows, past) for group in groups if (past := group.trimmed()) is not None]
    rows = [row for some, _ in parts for row in some]
    return _Group(rows, join([past for _, past in parts]) if len(parts) > 1 else parts[0][1] if parts else None)


class _Step(NamedTuple):
    """After a step: the rows that go on, and those that wait for a tool, each for itself."""

    running: _Group
    away: list[_Group]


@dataclass(frozen=True)
class _Batch:
    """The synchronous part: read, choose, take. One thread at a time is in it, and only it changes rows."""

    lm: LanguageModel
    vocabulary: Vocabulary
    settings: DecodeSettings

    def step(self, running: _Group, answered: Sequence[tuple[_Group, Answer]], fresh: Sequence[Row]) -> _Step:
        """One token more in each row. Results and prompts are read apart from the rows that need but one token.

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
        logits, past = self.lm.forward(new, group.past, keep=1)  # (rows, 1, vocabulary)
        choices = self._choose(logits[:, -1, : self.vocabulary.size], group.rows)
        for row, choice in zip(group.rows, choices, strict=True):
            row.cached = len(row.ids)
            row.take(choice)
        return _Group(group.rows, past)

    def _choose(self, logits: Tensor, rows: Sequence[Row]) -> list[Choice]:
        """The next token of each row, of logits (rows, vocabulary): `[` where it is among the k most likely."""
        own = [self._drawn(logits[at], row) for at, row in enumerate(rows)]
        starts, ranks = self._best_starts(logits)
        choices: list[Choice] = []
        for at, row in enumerate(rows):
            if own[at] in self.vocabulary.brackets:
                choices.append(Choice(token=own[at], instead=self._drawn(self._without_brackets(logits[at]), row)))
            elif row.may_be_forced and ranks[at] < self.settings.k:
                choices.append(Choice(token=starts[at], instead=own[at], forced=True))
            else:
                choices.append(Choice(token=own[at]))
        return choices

    def _best_starts(self, logits: Tensor) -> tuple[list[int], list[int]]:
        """In each row the most likely token that is `[`, and how many tokens are likelier."""
        if not self.vocabulary.starts:
            return [0] * len(logits), [self.vocabulary.size] * len(logits)
        starts = torch.tensor(self.vocabulary.starts, device=logits.device)
        best, which = logits[:, starts].max(dim=1)  # (rows,)
        return starts[which].tolist(), (logits > best[:, None]).sum(dim=1).tolist()

    def _drawn(self, logits: Tensor, row: Row) -> int:
        """The most likely token, or one drawn by the row's own generator."""
        if self.settings.temperature == 0:
            return int(logits.argmax())
        exact = logits.to("cpu", torch.promote_types(logits.dtype, torch.float32))
        probabilities = torch.softmax(exact / self.settings.temperature, dim=-1)
        return int(torch.multinomial(probabilities, 1, generator=row.generator))

    def _without_brackets(self, logits: Tensor) -> Tensor:
        brackets = torch.tensor([*self.vocabulary.brackets], device=logits.device)
        return logits.index_fill(0, brackets, -torch.inf)


class _Engine:
    """The asynchronous part: hands rows from one state to the next until all are done."""

    def __init__(
        self,
        batch: _Batch,
        tools: Tools,
        contexts: Sequence[Context],
        on_piece: Callable[[Piece], None],
        tasks: TaskGroup,
    ) -> None:
        self._batch = batch
        self._tools = tools
        self._contexts = contexts
        self._on_piece = on_piece
        self._tasks = tasks
        self._waiting = 0
        self._answered: list[tuple[_Group, Answer]] = []
        self._news = anyio.Event()

    async def run(self, rows: Sequence[Row]) -> None:
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
        assert row.asked is not None  # noqa: S101 - that is why it is away
        answer = await self._tools.answer(row.asked, self._contexts[row.number])
        self._answered.append((group, answer))
        self._news.set()
