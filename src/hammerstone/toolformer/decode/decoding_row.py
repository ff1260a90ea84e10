"""One row of a batch, and what a token does to it.

    running ──`[Name(input) ->`──► waits for its tool ──result──► forced to take it ──► running … ──► done

A row may also go back. `[` begins a call where it is merely among the k most likely tokens; the model may then not
write a call of a tool in use, or not finish it. In that case the row becomes what it would have been without the
bracket: it returns to the place before it, takes the token that it would have taken, and the cache is cut. So:

    forced `[`, no name of a tool after it     taken back: the model would have chosen another token
    the model's own `[`, no name after it      stays: texts have brackets of their own, as in "[1]"
    the model's own `[`, and the text ends     cut off, as nobody knows what it would have become
    `[Name(` where no (more) call may begin    taken back: whatever looks like a call has been run
    `[Name(` and no end of the call            taken back, and counts as one of the row's calls, so that the model
                                               does not try again at every token
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from hammerstone.toolformer.call_format import ApiCall
from hammerstone.toolformer.decode.generation import DecodeSettings, EndReason, GeneratedText, TokenPiece
from hammerstone.toolformer.decode.partial_call import (
    CallVocabulary,
    PartialCall,
    answer_tokens,
    encode_prompt,
    read_partial_call,
    text_after,
    vocabulary_of,
)
from hammerstone.toolformer.gumbel import draw_key
from hammerstone.toolformer.lm import ModelTokenizer

__all__ = ["DecodingRow", "TokenChoice", "begin_rows"]


@dataclass(frozen=True, kw_only=True)
class TokenChoice:
    """The next token of a row; if it has a bracket, also the token to take `instead` if the row goes back.

    `forced`: the model did not choose it, but it was among the k most likely.
    """

    token: int
    instead: int | None = None
    forced: bool = False


@dataclass(kw_only=True)
class _OpenBracket:
    """A bracket at index `at` of `ids` that may begin a call. `named` counts the tokens sampled up to `[Name(`."""

    at: int
    skipped: int  # characters of its token before the bracket
    choice: TokenChoice
    named: int | None = None


class _FinishedCall(NamedTuple):
    """A call in the text, its index in `ids`, and why it failed, if it did."""

    at: int
    call: ApiCall
    failure: str | None


@dataclass(kw_only=True, eq=False)
class DecodingRow:
    """`ids` begin with the prompt. The cache has `cached` of them, never the last one.

    After `take` and `answer` the row has `ended`, has `asked` for a call, or continues.
    """

    number: int
    prompt: tuple[int, ...]
    tokenizer: ModelTokenizer
    vocabulary: CallVocabulary
    apis: Collection[str]
    settings: DecodeSettings
    ids: list[int] = field(init=False)
    sampled: list[bool] = field(default_factory=list[bool])
    cached: int = 0
    asked: ApiCall | None = None
    ended: EndReason | None = None
    openings: list[_OpenBracket] = field(default_factory=list[_OpenBracket])
    calls: list[_FinishedCall] = field(default_factory=list[_FinishedCall])
    begun: int = 0
    taken_back: int = 0
    key: int = field(init=False)  # of its random numbers
    picked: int = 0  # steps of them that have been used
    sent: int = field(init=False)
    searched: int = 0  # for stop strings
    cut_text: int = 0  # characters from the stop string on

    def __post_init__(self) -> None:
        self.ids, self.sent = [*self.prompt], len(self.prompt)
        self.key = draw_key("generate", self.settings.seed, self.number)
        self._go_on(self._limited())

    @property
    def may_call(self) -> bool:
        return bool(self.apis) and self.settings.k > 0 and self.begun < self.settings.calls

    @property
    def may_be_forced(self) -> bool:
        """Whether `[` may be chosen for the model: inside a call it decodes freely."""
        return self.may_call and not self.openings

    def take(self, choice: TokenChoice) -> None:
        """Take a sampled token."""
        self._go_on(self._append(choice))

    def answer(self, result: str, failure: str | None) -> None:
        """Insert the result of the call that was `asked`; `failure` is why the call failed, if it did."""
        assert self.asked is not None  # noqa: S101 - only a row that has asked gets a result
        call, opening = replace(self.asked, result=result), self.openings[-1]
        self.asked = None
        reading, text = self._read(opening)
        assert reading is not None  # noqa: S101 - nothing has been added since
        said = self.ids[opening.at :]
        kept, inserted = answer_tokens(self.tokenizer, said, text[: opening.skipped + reading.end], result)
        if opening.at + kept + len(inserted) > self.tokenizer.context:
            self._go_on(self._back())
            return
        self._cut(opening.at + kept)
        self.ids += inserted
        self.sampled += [False] * len(inserted)
        self.openings.pop()
        self.calls.append(_FinishedCall(opening.at, call, failure))
        self._go_on(self._settled(None))

    def _go_on(self, instead: int | None) -> None:
        while instead is not None:
            instead = self._append(TokenChoice(token=instead))

    # Each of the following returns the token to take next if the row went back, otherwise None.

    def _append(self, choice: TokenChoice) -> int | None:
        if choice.token in self.vocabulary.ends:
            return self._end("end")
        self.ids.append(choice.token)
        self.sampled.append(True)
        opening = None
        if choice.instead is not None:
            skipped = self.vocabulary.brackets[choice.token].rindex("[")
            opening = _OpenBracket(at=len(self.ids) - 1, skipped=skipped, choice=choice)
        return self._settled(opening)

    def _settled(self, fresh: _OpenBracket | None) -> int | None:
        instead = self._settle(fresh)
        return self._limited() if instead is None and self.asked is None else instead

    def _settle(self, fresh: _OpenBracket | None) -> int | None:
        """Settle what the last token means for the open brackets, innermost first; `fresh` is its own bracket."""
        while self.openings or fresh is not None:
            if fresh is not None and not self.openings:
                self.openings.append(fresh)
                fresh = None
            opening = self.openings[-1]
            reading, _ = self._read(opening)
            if reading is None and not opening.choice.forced and opening.named is None:
                self.openings.pop()  # the text's own bracket; the one around it is next
                continue
            if reading is None or not self._admits(opening, reading):
                return self._back()
            if reading.stage == "complete":
                self.asked = ApiCall(api=reading.api, input=reading.input)
                return None
            if fresh is None or reading.stage == "name" or not self.settings.nested:
                return None
            self.openings.append(fresh)
            fresh = None
        return None

    def _read(self, opening: _OpenBracket) -> tuple[PartialCall | None, str]:
        text = self.tokenizer.decode(self.ids[opening.at :])
        return read_partial_call(text[opening.skipped :], self.apis, nested=self.settings.nested), text

    def _admits(self, opening: _OpenBracket, reading: PartialCall) -> bool:
        """Whether the call may continue. It counts from its complete name on."""
        if reading.stage == "name":
            return True
        if opening.named is None:
            if not self.may_call:
                return False
            self.begun += 1
            opening.named = self.sampled.count(True)
        inside = self.sampled.count(True) - opening.named
        return reading.stage == "complete" or inside <= self.settings.longest_input

    def _limited(self) -> int | None:
        """End the row at a stop string, or if there is no room for another token."""
        if self.settings.stop and not self.openings and self._stops():
            return self._end("stop")
        if self.sampled.count(True) >= self.settings.max_tokens:
            return self._end("length")
        if len(self.ids) >= self.tokenizer.context:
            return self._end("context")
        return None

    def _stops(self) -> bool:
        """Whether a stop string was written since the last check. It has at most as many tokens as bytes."""
        longest = max(len(stop.encode()) for stop in self.settings.stop)
        written = next((back for back, sampled in enumerate(reversed(self.sampled)) if not sampled), len(self.sampled))
        text = self.tokenizer.decode(self.ids[max(len(self.ids) - written, self.searched - longest) :])
        self.searched = len(self.ids)
        first = min((text.index(stop) for stop in self.settings.stop if stop in text), default=None)
        self.cut_text = 0 if first is None else len(text) - first
        return first is not None

    def _end(self, reason: EndReason) -> int | None:
        """End the row; an unfinished call is taken back first, and the row continues without it.

        The model's own bracket that could still become a call is cut off: no text ends in half a call.
        """
        while self.openings:
            if self.openings[-1].choice.forced or self.openings[-1].named is not None:
                return self._back()
            self._cut(self.openings.pop().at)
        self.ended = reason
        return None

    def _back(self) -> int | None:
        """Return to the place before the innermost open bracket, as if it had never been written."""
        opening = self.openings.pop()
        self.taken_back += 1
        self._cut(opening.at)
        self.calls = [done for done in self.calls if done.at < opening.at]
        return opening.choice.instead

    def _cut(self, length: int) -> None:
        del self.ids[length:]
        del self.sampled[length - len(self.prompt) :]
        self.cached, self.searched = min(self.cached, length), min(self.searched, length)

    def pieces(self) -> list[TokenPiece]:
        """The pieces that have become final since the last call."""
        final = self.openings[0].at if self.openings else len(self.ids)
        pieces: list[TokenPiece] = []
        while self.sent < final:
            start, sampled = self.sent, self.sampled[self.sent - len(self.prompt)]
            while self.sent < final and self.sampled[self.sent - len(self.prompt)] == sampled:
                self.sent += 1
            pieces.append(TokenPiece(row=self.number, ids=tuple(self.ids[start : self.sent]), sampled=sampled))
        return pieces

    def generated(self) -> GeneratedText:
        assert self.ended is not None  # noqa: S101 - only for rows that are done
        ids = self.ids[len(self.prompt) :]
        text = text_after(self.tokenizer, self.prompt, ids)
        return GeneratedText(
            text=text[: len(text) - self.cut_text],
            ids=tuple(ids),
            sampled=tuple(self.sampled),
            calls=tuple(done.call for done in self.calls),
            failures=tuple(done.failure for done in self.calls if done.failure is not None),
            taken_back=self.taken_back,
            ended=self.ended,
        )


def begin_rows(
    tokenizer: ModelTokenizer, prompts: Sequence[str], apis: Collection[str], settings: DecodeSettings
) -> list[DecodingRow]:
    """A row per prompt, numbered in order; rows whose prompts do not fit into the context have ended."""
    vocabulary = vocabulary_of(tokenizer)
    return [
        DecodingRow(
            number=number,
            prompt=tuple(encode_prompt(tokenizer, prompt)),
            tokenizer=tokenizer,
            vocabulary=vocabulary,
            apis=tuple(apis),
            settings=settings,
        )
        for number, prompt in enumerate(prompts)
    ]
