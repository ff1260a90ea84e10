"""Cutting texts into pieces that a model can read, at the ends of sentences."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

__all__ = ["count_words", "split_text"]

# A full stop, then closing quotation marks and brackets, then space; a Chinese or Japanese stop; or the end of a line.
_SENTENCE = re.compile(".+?(?:[.!?\u2026][\"'\u201d\u2019)\\]]*\\s+|[\u3002\uff01\uff1f]\\s*|\n\\s*|\\Z)", re.DOTALL)
_WORD = re.compile(r"\s*\S+\s*")


def count_words(text: str) -> int:
    return len(text.split())


def split_text(text: str, most: int, count_tokens: Callable[[str], int] = count_words) -> list[str]:
    """Pieces of at most `most` tokens, as long as possible, that end at the end of a sentence.

    Only a sentence that is too long is cut between words, and only a word that is too long inside. Joined, the pieces
    give the text back, except for white space between them.
    """
    return [*_packed(_parts(text, most, count_tokens, [_SENTENCE, _WORD]), most, count_tokens)]


def _parts(
    text: str, most: int, count: Callable[[str], int], patterns: Sequence[re.Pattern[str]]
) -> Iterator[tuple[str, int]]:
    """Parts that are short enough, each with its number of tokens: the whole text, or its matches of each pattern."""
    tokens = count(text)
    if tokens <= most or len(text) <= 1:
        yield text, tokens
    elif patterns:
        for match in patterns[0].finditer(text):
            yield from _parts(match[0], most, count, patterns[1:])
    else:
        for half in (text[: len(text) // 2], text[len(text) // 2 :]):
            yield from _parts(half, most, count, ())


def _packed(parts: Iterable[tuple[str, int]], most: int, count: Callable[[str], int]) -> Iterator[str]:
    """Consecutive parts, joined up to `most` tokens."""
    held: list[str] = []
    used = 0
    for part, tokens in parts:
        if held and used + tokens > most:
            yield from _checked(held, most, count)
            held, used = [], 0
        held.append(part)
        used += tokens
    yield from _checked(held, most, count)


def _checked(parts: Sequence[str], most: int, count: Callable[[str], int]) -> Iterator[str]:
    """The parts joined; split again if they have more tokens together than apart."""
    piece = "".join(parts).strip()
    if len(parts) > 1 and count(piece) > most:
        yield from _checked(parts[: len(parts) // 2], most, count)
        yield from _checked(parts[len(parts) // 2 :], most, count)
    elif piece:
        yield piece
