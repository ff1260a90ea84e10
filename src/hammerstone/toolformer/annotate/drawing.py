"""Calls drawn from a model, many at a time (Toolformer, section 2: "we sample up to m API calls").

The model has read the texts. Each draw continues one of them from the middle, where a call could begin:

    x_1 … x_{i-1}     shared by all draws of the text, whatever their i
    `[Name(`          the opening, read once for the m draws of a position, then copied for each of them
    input)]           drawn token by token

The paper draws from `[` on, and the model has to write the name. Here it is written for the model. As long as the name
is right both have the same distribution over the calls of this tool: p(call | `[`) = p(`[Name(` | `[`) · p(call |
`[Name(`), and the first factor is the same for all of them. The paper's draws with another name are dropped by it
anyway, and small models write little else: of 1,600 draws of a model with 135 million parameters, 68 % had no such name.

A draw ends with its `]`, or with the first token after which it cannot become a call. The next one takes its place at
once.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# torch's own types are partial.
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from hammerstone.toolformer.annotate.call_tokens import CallTokens, UnfinishedCall
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
    """`ids` are the tokens from `[` on. It has `ended`, or reached the limit of tokens."""

    ids: list[int]
    key: int
    progress: UnfinishedCall
    drawn: int = 0
    ended: bool = False


@dataclass(kw_only=True)
class CallDrawer:
    """Draws the calls of one tool. `limit` is the most rows that are read at a time.

    `branch` gives rows that continue texts: their numbers and how many of their tokens.
    """

    api: str
    tokens: CallTokens
    branch: Callable[[Sequence[int], Sequence[int]], OpenRows]
    limit: int
    most: int
    temperature: float
    _rows: OpenRows = field(init=False)
    _running: list[DrawnCall] = field(default_factory=list[DrawnCall])
    _openings: OpenRows | None = None
    _waiting: list[tuple[int, DrawnCall]] = field(default_factory=list[tuple[int, DrawnCall]])

    def draw(self, openings: Sequence[CallOpening]) -> list[list[DrawnCall]]:
        """The draws of each opening, in the order of its keys."""
        self._rows = self.branch([], [])
        calls: list[list[DrawnCall]] = []
        while len(calls) < len(openings) or self._waiting or self._running:
            if not self._waiting and len(self._running) < self.limit:
                calls += self._opened(openings[len(calls) : len(calls) + self.limit])
            self._fill()
            if self._running:
                self._step()
        return calls

    def _opened(self, openings: Sequence[CallOpening]) -> list[list[DrawnCall]]:
        """Read the openings, and draw the first token of each of their calls, which then wait for a free row."""
        if not openings:
            return []
        self._openings = self.branch([one.source for one in openings], [one.length for one in openings])
        naming = self.tokens.naming(self.api)
        logits = self._openings.read([[one.form, *naming] for one in openings])
        calls = [[self._begun([one.form, *naming], key) for key in one.keys] for one in openings]
        for at, drawn in enumerate(calls):
            steps = [0] * len(drawn)
            tokens = draw_tokens(
                logits[at].expand(len(drawn), -1), [call.key for call in drawn], steps, self.temperature
            )
            for call, token in zip(drawn, tokens, strict=True):
                if self._goes_on(call, token):
                    self._waiting.append((at, call))
        return calls

    def _begun(self, ids: list[int], key: int) -> DrawnCall:
        progress = UnfinishedCall(self.api)
        progress.goes_on("".join(map(self.tokens.text, ids[1:])))
        return DrawnCall(ids=[*ids], key=key, progress=progress)

    def _fill(self) -> None:
        entering = self._waiting[: self.limit - len(self._running)]
        if entering and self._openings is not None:
            del self._waiting[: len(entering)]
            self._rows.join(self._openings, [at for at, _ in entering])
            self._running += [call for _, call in entering]

    def _step(self) -> None:
        """One more token for each running draw."""
        logits = self._rows.read([call.ids[-1:] for call in self._running])
        tokens = draw_tokens(
            logits, [call.key for call in self._running], [call.drawn for call in self._running], self.temperature
        )
        taken = zip(self._running, tokens, strict=True)
        over = [at for at, (call, token) in enumerate(taken) if not self._goes_on(call, token)]
        if over:
            self._running = [self._running[at] for at in self._rows.drop(over)]

    def _goes_on(self, call: DrawnCall, token: int) -> bool:
        call.ids.append(token)
        call.drawn += 1
        call.ended = not call.progress.goes_on(self.tokens.text(token))
        return not call.ended and call.drawn < self.most
