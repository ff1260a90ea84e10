"""The words, numbers and signs of a task's questions, in any script, and which of them all questions share."""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Literal

__all__ = ["Layout", "Place", "Token", "is_spaceless", "lay_out", "script", "tokens"]

Kind = Literal["word", "number", "sign"]
Place = Literal["fixed", "wordless", "phrase", "value"]

LONGEST = 4  # tokens in an n-gram; a token is fixed when it is in one of them, so longer ones add nothing
_SPACELESS = frozenset("CJK HIRAGANA KATAKANA THAI LAO KHMER MYANMAR".split())
_KINDS: dict[str, Kind] = {"L": "word", "M": "word", "N": "number"}  # by the first letter of the Unicode category
_START, _END = Ellipsis, None  # the two ends of a text, as its n-grams see them

_Text = Sequence[object]


@dataclass(frozen=True, slots=True)
class Token:
    """A word, a number, or one sign. In a script that puts no spaces between words, each character is a word."""

    start: int
    end: int
    text: str
    kind: Kind


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A question's tokens, which of them are fixed, and what kind of place is before each of them and at the end.

    A place is "fixed" between neighbours that are fixed together, "wordless" where all questions have only numbers and
    signs, part of a "phrase" when half of the questions have its two neighbours together, and else next to a "value".
    """

    question: str
    tokens: tuple[Token, ...]
    fixed: tuple[bool, ...]
    places: tuple[Place, ...]


@cache
def script(char: str) -> str:
    """The first word of a character's name: LATIN, CYRILLIC, CJK, DIGIT, …; empty if it has no name."""
    return unicodedata.name(char, "").partition(" ")[0]


def is_spaceless(char: str) -> bool:
    """Whether the character's script puts no spaces between words."""
    return script(char) in _SPACELESS


def tokens(text: str) -> tuple[Token, ...]:
    found: list[Token] = []
    for at, char in enumerate(text):
        kind = _kind(char)
        if char.isspace():
            continue
        if found and found[-1].end == at and _continues(found[-1], char, kind):
            found[-1] = Token(found[-1].start, at + 1, found[-1].text + char, kind)
        else:
            found.append(Token(at, at + 1, char, kind))
    return tuple(found)


def _kind(char: str) -> Kind:
    return _KINDS.get(unicodedata.category(char)[0], "sign")


def _continues(token: Token, char: str, kind: Kind) -> bool:
    if kind != token.kind or kind == "sign":
        return False
    apart = kind == "word" and (is_spaceless(token.text[0]) or is_spaceless(char))
    return not apart or unicodedata.category(char)[0] == "M"


def lay_out(questions: Sequence[str]) -> tuple[Layout, ...]:
    """Layouts of the questions. Fixed are tokens in an n-gram (1 to `LONGEST` tokens) that each holds equally often.

    A token that is in all values by chance is in some questions more often than in others, so it is not fixed.
    """
    every = [tokens(question) for question in questions]
    texts = [(_START, *(token.text for token in one), _END) for one in every]
    shared = frozenset[_Text]().union(*(_equally_often(texts, length) for length in range(1, LONGEST + 1)))
    together = Counter(pair for text in texts for pair in set(pairwise(text)))
    marks = [_marks(text, shared) for text in texts]
    runs = [_runs(one, text, fixed, joined) for one, text, (fixed, joined) in zip(every, texts, marks, strict=True)]
    wordless = _wordless(runs)
    layouts: list[Layout] = []
    for question, one, text, (fixed, joined), own in zip(questions, every, texts, marks, runs, strict=True):
        without = {place for run in own if run.ends in wordless for place in run.places}
        places: Iterator[Place] = (
            _place(joined[place], place in without, 2 * together[text[place], text[place + 1]] >= len(texts))
            for place in range(len(one) + 1)
        )
        layouts.append(Layout(question=question, tokens=one, fixed=tuple(fixed[1:-1]), places=tuple(places)))
    return tuple(layouts)


def _place(fixed: bool, wordless: bool, phrase: bool) -> Place:
    return "fixed" if fixed else "wordless" if wordless else "phrase" if phrase else "value"


def _grams(text: _Text, length: int) -> list[_Text]:
    return [text[at : at + length] for at in range(len(text) - length + 1)]


def _equally_often(texts: Sequence[_Text], length: int) -> set[_Text]:
    first, *others = [Counter(_grams(text, length)) for text in texts]
    return {gram for gram, count in first.items() if all(other[gram] == count for other in others)}


def _marks(text: _Text, shared: frozenset[_Text]) -> tuple[list[bool], list[bool]]:
    """Which tokens are fixed, and which of them are fixed together with the next."""
    fixed, joined = [False] * len(text), [False] * (len(text) - 1)
    for length in range(1, LONGEST + 1):
        for at, gram in enumerate(_grams(text, length)):
            if gram in shared:
                fixed[at : at + length] = [True] * length
                joined[at : at + length - 1] = [True] * (length - 1)
    return fixed, joined


@dataclass(frozen=True, slots=True)
class _Run:
    """The part of a question between two fixed tokens, its `ends`."""

    ends: tuple[object, object]
    places: range
    kinds: frozenset[Kind]


def _runs(one: Sequence[Token], text: _Text, fixed: Sequence[bool], joined: Sequence[bool]) -> list[_Run]:
    runs: list[_Run] = []
    for left, right in pairwise(at for at, is_fixed in enumerate(fixed) if is_fixed):
        if not (right == left + 1 and joined[left]):
            kinds: frozenset[Kind] = frozenset(token.kind for token in one[left : right - 1])
            runs.append(_Run((text[left], text[right]), range(left, right), kinds))
    return runs


def _wordless(runs: Sequence[Sequence[_Run]]) -> set[tuple[object, object]]:
    """The ends between which every question has something, but never a word."""
    kinds: defaultdict[tuple[object, object], set[Kind]] = defaultdict(set)
    for run in (run for own in runs for run in own):
        kinds[run.ends] |= run.kinds
    everywhere = set[tuple[object, object]].intersection(*({run.ends for run in own} for own in runs))
    return {ends for ends in everywhere if kinds[ends] and "word" not in kinds[ends]}
