"""Batched, cut and cached, decoding writes what one row writes that reads its whole text again for each token."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

import anyio
import anyio.lowlevel
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hammerstone.toolformer.apis.api import Api, CallContext
from hammerstone.toolformer.call_format import ApiCall
from hammerstone.toolformer.decode import DecodeSettings, GeneratedText, generate
from hammerstone.toolformer.decode.partial_call import answer_tokens, encode_prompt, text_after
from hammerstone.toolformer.gumbel import draw_key, draw_tokens
from hammerstone.toolformer.lm import LanguageModel

from ..tiny_models import MODELS, TOKENIZERS, language_model

pytestmark = pytest.mark.anyio


# Random models write no calls. These like to: pairs of tokens that stand in NAMES much, those in TEXTS somewhat.
NAMES = ("[C(", " [C(", "[May(", " [May(", "[1", "([C(", "2) ->", "1) ->", "0)]", "May()]")
TEXTS = (
    "sum [C(1 + 2) -> 3] is [C(0)] or [C(10",
    "in (or [C(0)] the [1] in [C(1 + 1) -> ",
    "on [May()] the [May() -> ] day [C(1\n",
    "so [C([C(0) -> 1] + 2) -> 3] it [C([May() -> 0]) -> 1",
)


def led(lm: LanguageModel, texts: Mapping[str, float]) -> LanguageModel:
    """The same model, in double precision, with a liking for the pairs of tokens that stand in the texts.

    Double precision because two ways to the same number must not differ in which token is the largest.
    """
    pairs = torch.zeros(2 * [len(lm.tokenizer)], dtype=torch.float64)
    for text, strength in texts.items():
        ids = lm.encode(text)
        pairs[ids[:-1], ids[1:]] = strength
    known = pairs.any(dim=0).nonzero().flatten()
    for token in (~pairs.any(dim=1)).nonzero().flatten():  # and from anywhere else, back to some token of theirs
        pairs[token, known[token % len(known)]] = 8
    lm.model.double()

    def prefer(_model, _args, options, output):
        ids = options["input_ids"][:, options.get("logits_to_keep", slice(None))]
        output.logits = output.logits + pairs[ids]
        return output

    lm.model.register_forward_hook(prefer, with_kwargs=True)
    return lm


@cache
def led_model(
    model: str, tokenizer: str, *, seed: int = 0, context: int = 512, strength: float = 12.0
) -> LanguageModel:
    liked = dict.fromkeys(TEXTS, strength) | dict.fromkeys(NAMES, 3 * strength)
    return led(language_model(model, tokenizer, seed=seed, context=context), liked)


@dataclass(frozen=True)
class FakeApi:
    """Answers with `result` after `wait`; a result that is an exception is raised."""

    name: str
    result: Callable[[str], object] = lambda text: f"<{text}>"
    wait: Callable[[str], Awaitable[object]] = lambda _: anyio.lowlevel.checkpoint()
    asked: list[tuple[str, CallContext]] = field(default_factory=list)
    description: str = ""

    async def __call__(self, text: str, context: CallContext) -> str:
        self.asked.append((text, context))
        await self.wait(text)
        result = self.result(text)
        if isinstance(result, BaseException):
            raise result
        return result  # type: ignore[return-value]  # some tests have it break its word


# The decoder to compare with: one row, no cache, the whole text read again for each token.


class Plain:
    """The semantics told anew: write on; at a bracket, try a call; if none comes of it, go on without the bracket."""

    def __init__(self, lm: LanguageModel, prompt: str, tools, options: DecodeSettings, number: int) -> None:
        self.lm, self.tools, self.options = lm, tools, options
        self.ids = self.prompt = encode_prompt(lm, prompt)
        self.flags: list[bool] = []
        self.calls: list[ApiCall] = []
        self.begun = 0
        self.cut: str | None = None  # why the text ends before a bracket that might have become a call
        self.key, self.picked = draw_key("generate", options.seed, number), 0
        self.has_bracket = torch.tensor(["[" in lm.decode([token]) for token in range(len(lm.tokenizer))])
        self.starts = [at for at in range(len(lm.tokenizer)) if re.fullmatch(" *\\[", lm.decode([at]))]

    def logits(self):
        with torch.inference_mode():
            return self.lm.model(input_ids=torch.tensor([self.ids])).logits[0, -1, : len(self.lm.tokenizer)]

    def pick(self, logits):
        if self.options.temperature == 0:
            return int(logits.argmax())
        ((token,),) = draw_tokens(logits[None], [[self.key]], [self.picked], self.options.temperature)
        self.picked += 1
        return token

    def full(self) -> str | None:
        if self.cut:
            return self.cut
        if sum(self.flags) >= self.options.max_tokens:
            return "length"
        return "context" if len(self.ids) >= self.lm.context else None

    def add(self, token: int) -> None:
        self.ids, self.flags = [*self.ids, token], [*self.flags, True]

    def is_end(self, token: int) -> bool:
        return token in (self.lm.tokenizer.eos_token_id, self.lm.model.generation_config.eos_token_id)

    def run(self) -> GeneratedText:
        ended = self.write()
        new = self.ids[len(self.prompt) :]
        text = text_after(self.lm, self.prompt, new)
        return GeneratedText(
            text=text,
            ids=tuple(new),
            sampled=tuple(self.flags),
            calls=tuple(self.calls),
            failures=(),
            taken_back=0,
            ended=ended,
        )

    def write(self):
        while not (full := self.full()):
            logits = self.logits()
            own, instead, forced = self.pick(logits), None, False
            if self.has_bracket[own]:
                instead = self.pick(logits.masked_fill(self.has_bracket, -torch.inf))
            elif self.begun < self.options.calls and self.options.k and self.starts:
                best = max(self.starts, key=lambda start: logits[start])
                if int((logits > logits[best]).sum()) < self.options.k:
                    own, instead, forced = best, own, True
            token = own
            while instead is not None and token is not None:
                token, instead = self.attempt(token, instead, forced)
                forced = False
            if token is None:
                continue
            if self.is_end(token):
                return "end"
            self.add(token)
        return full

    def attempt(self, token: int, instead: int, forced: bool) -> tuple[int | None, int | None]:
        """Try a call from this token on. What comes next: a token; a token with another instead of it; or nothing."""
        before, flags, calls, named_at = self.ids, self.flags, self.calls, None
        self.add(token)
        offset = self.lm.decode([token]).rindex("[")
        last = None  # the alternative to the last token, if it has a bracket
        while True:
            text = self.lm.decode(self.ids[len(before) :])
            state = self.state(text[offset:])
            if isinstance(state, tuple) or state == "input":
                if named_at is None:
                    if self.begun >= self.options.calls or not self.options.k:
                        break
                    self.begun += 1
                    named_at = sum(self.flags)
                if isinstance(state, tuple):
                    if self.insert(before, text[: offset + state[2]], state):
                        return None, None
                    break
                if sum(self.flags) - named_at > self.options.longest_input:
                    break
                if last is not None and self.options.nested:
                    token, self.ids, self.flags = self.ids[-1], self.ids[:-1], self.flags[:-1]
                    while last is not None and token is not None:
                        token, last = self.attempt(token, last, False)
                    if token is not None and self.is_end(token):
                        break
                    if token is not None:
                        self.add(token)
                    continue
            if state == "no":
                if named_at is not None or forced:
                    break
                if last is None:
                    return None, None
                token = self.ids[-1]
                self.ids, self.flags = self.ids[:-1], self.flags[:-1]
                return token, last
            token, last = None, None
            if not self.full():
                logits = self.logits()
                token = self.pick(logits)
                if self.has_bracket[token]:
                    last = self.pick(logits.masked_fill(self.has_bracket, -torch.inf))
            if token is None or self.is_end(token):
                if named_at is None and not forced:
                    self.cut = self.full()
                    self.ids, self.flags = before, flags
                    return token, None
                break
            self.add(token)
        self.ids, self.flags, self.calls, self.cut = before, flags, calls, None
        return instead, None

    def simple(self, text: str) -> str:
        """Answered calls in an argument, innermost first, become their results, of the same length, marked with NUL."""
        if not self.options.nested:
            return text
        names = "|".join(self.tools)
        begun = rf"\[(?:{names})\("
        inner = re.compile(rf"(?<!^){begun}(?:(?!{begun})[^\n])*?\) -> ((?:(?!->)[^\[\]\n])*)\]")
        while found := inner.search(text):
            hole = "\1" * (found.end() - found.start() - len(found[1]))
            text = text[: found.start()] + found[1].translate(_HIDDEN) + hole + text[found.end() :]
        return text

    def state(self, text: str):
        """ "no", "name", "input", or the whole: name, input, and where the closing parenthesis ends."""
        names = [*self.tools]
        if any(f"[{name}(".startswith(text) and f"[{name}(" != text for name in names):
            return "name"
        match = re.match(rf"\[({'|'.join(names)})\((.*)", self.simple(text), re.DOTALL)
        if not match:
            return "no"
        inside = match[2]
        for end in range(len(inside) + 1):
            if inside[:end].count("(") < inside[:end].count(")"):
                rest = inside[end:]
                if re.match(r"\]| ?->", rest):
                    shown = inside[: end - 1].translate(_SHOWN).replace("\1", "")
                    return match[1], shown, match.start(2) + end
                return "input" if rest in ("", " ", " -", "-") else "no"
            if "\n" in inside[:end]:
                return "no"
        return "input"

    def insert(self, before: list[int], asked: str, state) -> bool:
        result = self.tools[state[0]](state[1])
        kept, inserted = answer_tokens(self.lm, self.ids[len(before) :], asked, result)
        ids = [*self.ids[: len(before) + kept], *inserted]
        if len(ids) > self.lm.context:
            return False
        self.ids = ids
        self.flags = [*self.flags[: len(ids) - len(inserted) - len(self.prompt)], *[False] * len(inserted)]
        self.calls = [*self.calls, ApiCall(api=state[0], input=state[1], result=result)]
        return True


_HIDDEN = str.maketrans("()", "\2\3")
_SHOWN = str.maketrans("\2\3", "()")
RESULTS: Mapping[str, Callable[[str], str]] = {
    "C": lambda text: f"{len(text) / 3:.2f}",
    "May": lambda text: "Today is :) Monday" + " then" * len(text),
}


def late(ticks: Sequence[int]) -> dict[str, Api]:
    """The tools, each run of which answers after another number of turns of the event loop."""
    turns = iter([*ticks] * 200)

    async def wait(_: str) -> None:
        for _ in range(next(turns)):
            await anyio.lowlevel.checkpoint()

    return {name: FakeApi(name, result, wait) for name, result in RESULTS.items()}


options = st.builds(
    DecodeSettings,
    k=st.sampled_from([0, 1, 3, 10, 30]),
    calls=st.sampled_from([0, 1, 2, 5]),
    nested=st.booleans(),
    max_tokens=st.sampled_from([0, 1, 7, 20, 40]),
    longest_input=st.sampled_from([1, 4, 20]),
    temperature=st.sampled_from([0.0, 0.0, 1.0]),
    seed=st.integers(0, 5),
    rows=st.integers(1, 4),
)
prompts = st.lists(
    st.sampled_from([text[:end] for text in TEXTS for end in (0, 1, 9, 13, 15, 24)]), min_size=1, max_size=4
)


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("tokenizer", TOKENIZERS)
@settings(max_examples=20)
@given(
    model=st.sampled_from([*MODELS]),
    seed=st.integers(0, 2),
    strength=st.sampled_from([6.0, 12.0]),
    context=st.sampled_from([30, 512]),
    prompts=prompts,
    options=options,
    ticks=st.lists(st.sampled_from([0, 1, 60, 300, 1000]), min_size=1, max_size=5),
)
def test_a_batch_with_a_cache_writes_what_one_row_writes_without(
    tokenizer: str,
    side: str,
    model: str,
    seed: int,
    strength: float,
    context: int,
    prompts,
    options: DecodeSettings,
    ticks,
) -> None:
    lm = led_model(model, tokenizer, seed=seed, context=context, strength=strength)
    lm.tokenizer.padding_side = side
    found = anyio.run(generate, lm, prompts, late(ticks), options)
    for number, (prompt, row) in enumerate(zip(prompts, found, strict=True)):
        expected = Plain(lm, prompt, RESULTS, options, number).run()
        assert row.ids == expected.ids
        assert (row.text, row.sampled, row.calls, row.ended) == (
            expected.text,
            expected.sampled,
            expected.calls,
            expected.ended,
        )
