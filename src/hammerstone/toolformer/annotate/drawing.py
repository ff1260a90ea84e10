"""Calls drawn from a model, many at a time (Toolformer, section 2: "we sample up to m API calls").

The model has read the texts. Each draw continues one of them from the middle, where a call could begin:

    x_1 … x_{i-1}     shared by all draws of the text, whatever their i
    `[Name`           the opening, read once for the m draws of a position, then copied for each of them
    (input)]          drawn token by token; the first token is one of those that begin with `(`

The paper draws from `[` on, and the model has to write the name. Here it is written for the model. Over the calls of
this tool both have the same distribution: p(call | `[`) = p(`[Name(` | `[`) · p(call | `[Name(`), and the first factor
is the same for all of them. The paper's draws with another name are dropped anyway, and small models write little else.

A draw ends with its `]`, or with the first token after which it cannot become a call, and the next one takes its place
at once. Draws of a position that have the same tokens so far are one row: the model would say the same of each.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# torch's own types are partial.
from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from hammerstone.toolformer.annotate.call_tokens import CallName, CallTokens, UnfinishedCall
from hammerstone.toolformer.gumbel import draw_tokens
from hammerstone.toolformer.rows import OpenRows

__all__ = ["CallDrawer", "CallOpening", "DrawnCall"]


class CallOpening(NamedTuple):
    """Where calls are drawn: after the first `length` tokens of a text that is row `source` of what has been read.

    `form` is the token for `[`; `keys` are the numbers of its draws (`gumbel.draw_key`).
    """

    source: int
    length: int
    form: int
    keys: Sequence[int]


@dataclass(kw_only=True, eq=False)
class DrawnCall:
    """`ids` are the tokens from `[` on, the last of which were `drawn`. It has `ended`, or reached the most tokens."""

    key: int
    ids: list[int]
    drawn: int = 0
    ended: bool = False


class _Row(NamedTuple):
    """Draws that have the same tokens so far, and what these are as a call."""

    calls: list[DrawnCall]
    progress: UnfinishedCall

    def grown(self, tokens: Sequence[int], texts: CallTokens, most: int) -> list[_Row]:
        """The rows that go on after a token for each draw."""
        members: dict[int, list[DrawnCall]] = {}
        for call, token in zip(self.calls, tokens, strict=True):
            call.ids.append(token)
            call.drawn += 1
            members.setdefault(token, []).append(call)
        open_rows: list[_Row] = []
        for token, calls in members.items():
            progress = self.progress.after(texts.text(token))
            if progress is None:
                for call in calls:
                    call.ended = True
            elif calls[0].drawn < most:
                open_rows.append(_Row(calls, progress))
        return open_rows


@dataclass(kw_only=True)
class CallDrawer:
    """Draws the calls of one tool: at most `limit` at a time, and of each at most `most` tokens after its opening.

    `limit` counts draws, though only rows take memory: the next token may part a row into as many as it has draws.
    `branch` gives rows that continue texts: their numbers and how many of their tokens.
    """

    api: str
    name: CallName | None  # as the tokenizer writes it
    tokens: CallTokens
    branch: Callable[[Sequence[int], Sequence[int]], OpenRows]
    limit: int
    most: int
    temperature: float
    _read: OpenRows = field(init=False)
    _rows: list[_Row] = field(default_factory=list[_Row])  # of `_read`
    _openings: OpenRows | None = None
    _waiting: deque[tuple[int, _Row]] = field(default_factory=deque[tuple[int, _Row]])  # each after an opening

    def draw(self, openings: Sequence[CallOpening]) -> list[list[DrawnCall]]:
        """The draws of each opening, in the order of its keys."""
        self._read = self.branch([], [])
        calls: list[list[DrawnCall]] = []
        while len(calls) < len(openings) or self._waiting or self._rows:
            if not self._waiting and self._free > 0:
                calls += self._opened(openings[len(calls) : len(calls) + self.limit])
            self._fill()
            if self._rows:
                self._step()
        return calls

    @property
    def _free(self) -> int:
        return self.limit - sum(len(row.calls) for row in self._rows)

    def _opened(self, openings: Sequence[CallOpening]) -> list[list[DrawnCall]]:
        """Read the openings, and draw the first tokens of their calls, which then wait for a free row."""
        if not openings:
            return []
        written, logits = self._written(openings)
        drawn = draw_tokens(logits, [one.keys for one in openings], [0] * len(openings), self.temperature)
        progress = UnfinishedCall(name="(" if self.name else f"{self.api}(")
        calls = [
            [DrawnCall(key=key, ids=[*ids]) for key in one.keys] for one, ids in zip(openings, written, strict=True)
        ]
        for at, tokens in enumerate(drawn):
            rows = _Row(calls[at], progress).grown(tokens, self.tokens, self.most)
            self._waiting += [(at, row) for row in rows]
        return calls

    def _written(self, openings: Sequence[CallOpening]) -> tuple[list[list[int]], Tensor]:
        """The tokens of each opening, and logits (openings, vocabulary) for what may follow."""
        written = [[one.form, *(self.name.ids if self.name else [])] for one in openings]
        self._openings = self.branch([one.source for one in openings], [one.length for one in openings])
        logits = self._openings.read(written)
        if self.name is None:
            return written, logits
        allowed = torch.full_like(logits, -torch.inf)
        allowed[:, self.name.next_ids] = logits[:, self.name.next_ids]
        return written, allowed

    def _fill(self) -> None:
        """Let rows in that have waited; the first one in any case if there is no other."""
        entering: list[tuple[int, _Row]] = []
        free = self._free
        while self._waiting and (len(self._waiting[0][1].calls) <= free or not (entering or self._rows)):
            entering.append(self._waiting.popleft())
            free -= len(entering[-1][1].calls)
        if entering and self._openings is not None:
            self._read.join(self._openings, [at for at, _ in entering])
            self._rows += [row for _, row in entering]

    def _step(self) -> None:
        """One more token for each draw. Where draws differ from now on, their row is copied."""
        logits = self._read.read([row.calls[0].ids[-1:] for row in self._rows])
        keys = [[call.key for call in row.calls] for row in self._rows]
        drawn = draw_tokens(logits, keys, [row.calls[0].drawn for row in self._rows], self.temperature)
        grown = [row.grown(tokens, self.tokens, self.most) for row, tokens in zip(self._rows, drawn, strict=True)]
        copies = [(at, row) for at, rows in enumerate(grown) for row in rows[1:]]
        self._read.join(self._read, [at for at, _ in copies])
        present = [*(rows[:1] for rows in grown), *([row] for _, row in copies)]
        order = self._read.drop([at for at, rows in enumerate(grown) if not rows])
        self._rows = [row for at in order for row in present[at]]
