"""A call as it appears, token by token: has one begun, is it complete, and which tokens are inserted.

Tokens are the model's, not ours: ` [` may be one, and `)]`, and ` ->`. So a call is begun by a set of ids, found in the
vocabulary, but read as text; and where the text is continued, it is cut at a place where both the tokens that were
sampled and those that the tokenizer makes of the continued text have a boundary.
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
from hammerstone.toolformer.lm import Codec

__all__ = ["Reading", "Vocabulary", "answer_tokens", "encode_prompt", "read_call", "text_after", "vocabulary_of"]


@dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """What decoding must know of a tokenizer's `size` tokens.

    `brackets` are those with `[` in them, with their texts; `starts` are `[` itself, with or without spaces before it;
    `ends` end a text.
    """

    size: int
    brackets: dict[int, str]
    starts: tuple[int, ...]
    ends: frozenset[int]


_known: WeakKeyDictionary[Codec, Vocabulary] = WeakKeyDictionary()  # half a second for 50,000 tokens


def vocabulary_of(codec: Codec) -> Vocabulary:
    if codec not in _known:
        size = len(codec.tokenizer)
        texts = ((token, codec.decode([token])) for token in range(size))
        brackets = {token: text for token, text in texts if "[" in text}
        starts = tuple(token for token, text in brackets.items() if text.strip(" ") == "[")
        _known[codec] = Vocabulary(size=size, brackets=brackets, starts=starts, ends=codec.end_ids)
    return _known[codec]


def encode_prompt(codec: Codec, prompt: str) -> list[int]:
    """Tokens to begin with: the text's, after the token that begins a text if the tokenizer has one of its own.

    GPT-2's and GPT-J's have not (they name the one that ends a text): an ordinary prompt does not begin with it there.
    Nothing at all cannot be read, so an empty prompt is that token.
    """
    ids = codec.encode(prompt)
    has_own = codec.tokenizer.bos_token_id is not None and codec.tokenizer.bos_token_id != codec.tokenizer.eos_token_id
    return [codec.start_id, *ids] if has_own or not ids else ids


def text_after(codec: Codec, prompt: Sequence[int], ids: Sequence[int]) -> str:
    """What `ids` add to the prompt. By themselves they may lose the space that they begin with."""
    before, whole = codec.decode(prompt), codec.decode([*prompt, *ids])
    return whole[len(before) :] if whole.startswith(before) else codec.decode(ids)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What a text that begins with `[` may be so far.

    "name": it could become `[Name(` of a tool. "input": it has, and its argument goes on, or its ending. "complete":
    parenthesis and arrow, or parenthesis and bracket; then `text[:end]` is `[Name(input)`. `input` has the results of
    nested calls in place of them.
    """

    stage: Literal["name", "input", "complete"]
    api: str = ""
    input: str = ""
    end: int = 0


def read_call(text: str, apis: Iterable[str], *, nested: bool) -> Reading | None:
    """`None` if it is no call of these tools, and cannot become one.

    As in `find_calls`, an argument stands in one line, and parentheses inside of it pair up: unquoted ones, too.
    """
    names = [*apis]
    api = next((name for name in names if text.startswith(f"[{name}(")), None)
    if api is None:
        return Reading(stage="name") if any(f"[{name}(".startswith(text) for name in names) else None
    closed = _argument(text, len(api) + 2, names if nested else [])
    if closed is None:
        return None if "\n" in text else Reading(stage="input", api=api)
    end, argument = closed
    if text.startswith((CLOSE, "->", ARROW.rstrip()), end):
        return Reading(stage="complete", api=api, input=argument, end=end)
    could_be = ARROW.startswith(text[end:]) or ARROW.lstrip().startswith(text[end:])
    return Reading(stage="input", api=api) if could_be else None


def _argument(text: str, at: int, nested: Sequence[str]) -> tuple[int, str] | None:
    """Where the parenthesis before `at` is closed (just after it), and what stands inside; `None` if it is not."""
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
    """Where the call at `at` ends, and its result, if there is one that has a result."""
    call = read_call(text[at:], apis, nested=True)
    ending = _RESULT.match(text, at + call.end) if call and call.stage == "complete" else None
    return (ending.end(), ending[1]) if ending else None


def answer_tokens(codec: Codec, said: Sequence[int], asked: str, result: str) -> tuple[int, list[int]]:
    """How `said`, the tokens of a call so far, is continued to `asked -> result]`.

    Returns how many of them stay, and the tokens to insert after those. Those stay that are within `asked ->`, up to a
    place where the tokenizer, too, has a boundary: after `)]` or `)` `->` it is the parenthesis, and in the worst case
    the whole call is written again.
    """
    head = asked + ARROW
    written = codec.encode(head + result + CLOSE)
    boundaries: dict[str, int] = {}
    for count in range(len(written) + 1):
        boundaries.setdefault(codec.decode(written[:count]), count)
    for kept in range(len(said), 0, -1):
        text = codec.decode(said[:kept])
        if head.startswith(text) and text in boundaries:
            return kept, written[boundaries[text] :]
    return 0, written
