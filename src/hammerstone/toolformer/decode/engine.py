"""The batch: decides which rows read what, and when.

Rows are at different points. Running rows read one token per step, together. A row that asks for a call leaves them
with what has been read of it, and they continue. Once its result has arrived, it is read in one step (with other
results that have arrived meanwhile), and the row joins the others again. New prompts enter in the same way. Nobody's
keys and values are copied but those of the row that moves (`rows/`).

Reading is synchronous and runs in its own thread; tools run on the event loop at the same time.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# torch's own types are partial.
from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

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
from hammerstone.toolformer.gumbel import draw_tokens
from hammerstone.toolformer.lm import LanguageModel
from hammerstone.toolformer.rows import OpenRows, open_rows

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
        batch = _Batch(lm=lm, vocabulary=vocabulary_of(lm), settings=settings)
        await _BatchEngine(batch, CallRunner(apis, settings), contexts, on_piece, tasks).run(rows)
    return [row.generated() for row in rows]


@dataclass(kw_only=True)
class _Group:
    """Rows, and what the model has read of each: between steps the first `cached` of its tokens."""

    read: OpenRows
    rows: list[DecodingRow] = field(default_factory=list[DecodingRow])

    def join(self, other: _Group) -> None:
        self.read.join(other.read, range(len(other.rows)))
        self.rows += other.rows

    def split(self) -> list[_Group]:
        """Keep the rows that continue. Returns those that have asked for a call, each in a group of its own."""
        asked = [at for at, row in enumerate(self.rows) if row.asked]
        over = [at for at, row in enumerate(self.rows) if row.asked or row.ended]
        away = [_Group(read=self.read.chosen([at]), rows=[self.rows[at]]) for at in asked]
        if over:
            self.rows = [self.rows[at] for at in self.read.drop(over)]
        return away

    def trim(self) -> None:
        """Drop the tokens that rows have taken back."""
        self.read.cut([row.cached for row in self.rows])


@dataclass(kw_only=True)
class _Batch:
    """The synchronous part: read, choose, take. Only one thread at a time runs it, and nothing else changes rows."""

    lm: LanguageModel
    vocabulary: CallVocabulary
    settings: DecodeSettings
    running: _Group = field(init=False)

    def __post_init__(self) -> None:
        self.running = _Group(read=open_rows(self.lm))

    def step(self, answered: Sequence[tuple[_Group, CallResult]], fresh: Sequence[DecodingRow]) -> list[_Group]:
        """One more token in each row. Returns those that wait for a tool, each in a group of its own.

        Results and prompts are read apart from rows that need only one token: in one tensor with them, each of those
        would be padded to the longest result.
        """
        back = _Group(read=open_rows(self.lm))
        away: list[_Group] = []
        for group, answer in answered:
            (row,) = group.rows
            row.answer(*answer)
            group.trim()
            if row.asked:
                away.append(group)
            elif row.ended is None:
                back.join(group)
        for group in (self.running, back):
            if group.rows:
                self._take(group, group.read.read([row.ids[row.cached :] for row in group.rows]))
        groups = [self.running, back]
        if fresh:
            logits, cache = self.lm.forward([row.ids for row in fresh], keep=1)
            groups.append(_Group(read=open_rows(self.lm, cache), rows=[*fresh]))
            self._take(groups[-1], logits[:, -1])
        for group in groups:
            away += group.split()
            group.trim()
        for group in groups[1:]:
            self.running.join(group)
        for group in away:
            group.trim()
        return away

    def _take(self, group: _Group, logits: Tensor) -> None:
        choices = self._choose(logits[:, : self.vocabulary.size], group.rows)
        for row, choice in zip(group.rows, choices, strict=True):
            row.cached = len(row.ids)
            row.take(choice)

    def _choose(self, logits: Tensor, rows: Sequence[DecodingRow]) -> list[TokenChoice]:
        """The next token of each row from logits (rows, vocabulary): `[` if it is among the k most likely."""
        own = self._picked(logits, rows)
        instead = self._instead(logits, rows, own)
        forced = self._forced(logits, rows, instead)
        return [
            TokenChoice(token=forced[at], instead=token, forced=True)
            if at in forced
            else TokenChoice(token=token, instead=instead.get(at))
            for at, token in enumerate(own)
        ]

    def _picked(self, logits: Tensor, rows: Sequence[DecodingRow]) -> list[int]:
        """The most likely tokens, or tokens drawn by the rows' own numbers."""
        if self.settings.temperature == 0:
            return logits.argmax(dim=-1).tolist()
        steps = [row.picked for row in rows]
        for row in rows:
            row.picked += 1
        drawn = draw_tokens(logits, [[row.key] for row in rows], steps, self.settings.temperature)
        return [token for (token,) in drawn]

    def _instead(self, logits: Tensor, rows: Sequence[DecodingRow], own: Sequence[int]) -> dict[int, int]:
        """The token that each row whose token has a bracket takes if it goes back."""
        at = [row for row, token in enumerate(own) if token in self.vocabulary.brackets]
        if not at:
            return {}
        return dict(zip(at, self._picked(self._without_brackets(logits[at]), [rows[row] for row in at]), strict=True))

    def _forced(self, logits: Tensor, rows: Sequence[DecodingRow], bracketed: Collection[int]) -> dict[int, int]:
        """The most likely token for `[`, for rows in which it is among the k most likely."""
        at = [number for number, row in enumerate(rows) if row.may_be_forced and number not in bracketed]
        if not at or not self.vocabulary.starts:
            return {}
        some = logits if len(at) == len(rows) else logits[at]
        starts = torch.tensor(self.vocabulary.starts, device=logits.device)
        best, which = some[:, starts].max(dim=1)  # (rows,)
        ranks = (some > best[:, None]).sum(dim=1).tolist()
        found = zip(at, starts[which].tolist(), ranks, strict=True)
        return {number: start for number, start, rank in found if rank < self.settings.k}

    def _without_brackets(self, logits: Tensor) -> Tensor:
        brackets = torch.tensor([*self.vocabulary.brackets], device=logits.device)
        return logits.index_fill(1, brackets, -torch.inf)


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
        while fresh or self._batch.running.rows or self._waiting:
            running = self._batch.running.rows
            answered, self._answered = self._answered, []
            free = self._batch.settings.rows - len(running) - self._waiting
            entering = [fresh.popleft() for _ in range(min(free, len(fresh)))]
            if not (running or answered or entering):
                self._news = anyio.Event()
                await self._news.wait()
                continue
            touched = [*running, *(row for group, _ in answered for row in group.rows), *entering]
            away = await to_thread.run_sync(self._batch.step, answered, entering)
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
