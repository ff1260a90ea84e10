"""A call as it appears token by token: has it begun, is it complete, and which tokens are inserted.

The model decides what a token is: ` [` may be one, and `)]`, and ` ->`. So a set of ids, found in the vocabulary, can
begin a call, but the call is read as text. A result is inserted at a place where both the sampled tokens and the
tokens of the continued text have a boundary.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# transformers' own types are partial.
from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal
from weakref import WeakKeyDictionary

from hammerstone.toolformer.call_format import ARROW, CLOSE
from hammerstone.toolformer.lm import ModelTokenizer

__all__ = [
    "CallVocabulary",
    "PartialCall",
    "answer_tokens",
    "encode_prompt",
    "read_partial_call",
    "text_after",
    "vocabulary_of",
]


@dataclass(frozen=True, kw_only=True)
class CallVocabulary:
    """The tokens of a tokenizer that matter to decoding, out of `size`.

    `brackets` are the tokens that contain `[`, with their texts; `starts` are `[` itself, with or without spaces before
    it; `ends` end a text.
    """

    size: int
    brackets: dict[int, str]
    starts: tuple[int, ...]
    ends: frozenset[int]


_known: WeakKeyDictionary[ModelTokenizer, CallVocabulary] = WeakKeyDictionary()  # half a second for 50,000 tokens


def vocabulary_of(tokenizer: ModelTokenizer) -> CallVocabulary:
    if tokenizer not in _known:
        size = tokenizer.vocabulary_size
        texts = ((token, tokenizer.decode([token])) for token in range(size))
        brackets = {token: text for token, text in texts if "[" in text}
        starts = tuple(token for token, text in brackets.items() if text.strip(" ") == "[")
        _known[tokenizer] = CallVocabulary(size=size, brackets=brackets, starts=starts, ends=tokenizer.end_ids)
    return _known[tokenizer]


def encode_prompt(tokenizer: ModelTokenizer, prompt: str) -> list[int]:
    """The tokens of a prompt, after the start token if the tokenizer has a separate one; a chat template may write it.

    Those of GPT-2 and GPT-J do not (they use the EOS token), and prompts of those models do not begin with it. A model
    cannot read nothing, so an empty prompt becomes the start token.
    """
    ids = tokenizer.encode(prompt)
    starts = ids[:1] == [tokenizer.start_id]
    return [tokenizer.start_id, *ids] if not ids or (tokenizer.has_start_token and not starts) else ids


def text_after(tokenizer: ModelTokenizer, prompt: Sequence[int], ids: Sequence[int]) -> str:
    """The text that `ids` add to the prompt. Decoded alone, they may lose their leading space."""
    before, whole = tokenizer.decode(prompt), tokenizer.decode([*prompt, *ids])
    return whole[len(before) :] if whole.startswith(before) else tokenizer.decode(ids)


@dataclass(frozen=True, kw_only=True)
class PartialCall:
    """A text that begins with `[`, and how far it is a call.

    "name": it could become the `[Name(` of a tool. "input": it has, and its argument or ending is not complete.
    "complete": it has parenthesis and arrow, or parenthesis and bracket; `text[:end]` is `[Name(input)`. In `input`,
    nested calls are replaced by their results.
    """

    stage: Literal["name", "input", "complete"]
    api: str = ""
    input: str = ""
    end: int = 0


def read_partial_call(text: str, apis: Iterable[str], *, nested: bool) -> PartialCall | None:
    """`None` if the text is not a call of these tools and cannot become one.

    As in `find_calls`, an argument is on one line, and its parentheses are balanced, quoted or not.
    """
    names = [*apis]
    api = next((name for name in names if text.startswith(f"[{name}(")), None)
    if api is None:
        return PartialCall(stage="name") if any(f"[{name}(".startswith(text) for name in names) else None
    closed = _argument(text, len(api) + 2, names if nested else [])
    if closed is None:
        return None if "\n" in text else PartialCall(stage="input", api=api)
    end, argument = closed
    if text.startswith((CLOSE, "->", ARROW.rstrip()), end):
        return PartialCall(stage="complete", api=api, input=argument, end=end)
    could_be = ARROW.startswith(text[end:]) or ARROW.lstrip().startswith(text[end:])
    return PartialCall(stage="input", api=api) if could_be else None


def _argument(text: str, at: int, nested: Sequence[str]) -> tuple[int, str] | None:
    """The position after the parenthesis that closes the one before `at`, and the argument; `None` if it is open."""
    depth, parts = 1, list[str]()
    while at < len(text) and text[at] != "\n":
        inner = _answered(text, at, nested) if text[at] == "[" else None
        if inner:
            at, result = inner
            parts.append(result)
            continue
        depth += (text[at] == "(") - (text[at] == ")")
        if depth == 0:
            return at + 1, "".join(parts)
        parts.append(text[at])
        at += 1
    return None


_RESULT = re.compile(r" ?-> ?([^\[\]\n]*)\]")


def _answered(text: str, at: int, apis: Sequence[str]) -> tuple[int, str] | None:
    """The end and the result of the call at `at`, if there is a call with a result."""
    call = read_partial_call(text[at:], apis, nested=True)
    ending = _RESULT.match(text, at + call.end) if call and call.stage == "complete" else None
    return (ending.end(), ending[1]) if ending else None


def answer_tokens(tokenizer: ModelTokenizer, said: Sequence[int], asked: str, result: str) -> tuple[int, list[int]]:
    """Continue `said`, the tokens of a call so far, to `asked -> result]`.

    Returns how many of them stay, and the tokens to insert after those. Tokens within `asked ->` stay, up to a place
    where the tokenizer also has a boundary: for `)]` or `)` `->` that is the parenthesis; in the worst case the whole
    call is written again.
    """
    head = asked + ARROW
    written = tokenizer.encode(head + result + CLOSE)
    boundaries: dict[str, int] = {}
    for count in range(len(written) + 1):
        boundaries.setdefault(tokenizer.decode(written[:count]), count)
    for kept in range(len(said), 0, -1):
        text = tokenizer.decode(said[:kept])
        if head.startswith(text) and text in boundaries:
            return kept, written[boundaries[text] :]
    return 0, written
