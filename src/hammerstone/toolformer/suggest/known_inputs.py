"""Inputs that a tool could be given about a text, by rule, from what the text has said up to some place.

    Calculator         a op b for two numbers of the last 100 words, where the text gives the result later
    Calendar           nothing: the date of the document is known from its beginning
    Search             the words of a sentence up to each name or number in it
    QA, MT             no rule: a question or the right phrase takes a model
    any other tool     each number, name and quoted phrase by itself

A rule only says what could be asked. Whether the answer comes next is seen by running the tool (`result_places.py`).
The paper gives examples written by hand instead (appendix A).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple

from hammerstone.errors import SettingsError
from hammerstone.toolformer.apis.api import ApiError
from hammerstone.toolformer.apis.calculator import calculate, rounded
from hammerstone.toolformer.score.following import result_begins_at

__all__ = ["KnownInput", "known_inputs"]

WINDOW = 100  # words within which the paper looks for numbers that belong together (appendix A)
MOST = 12  # earlier numbers that are combined: a table would give thousands of pairs
WORDS = 3  # that a search needs at least

_NUMBER = re.compile(r"(?<![\w.,])(?:\d{1,3}(?:,\d{3}){1,4}|\d{1,15})(?:\.\d{1,9})?(?![.,]?\d)")
_SIGNS = {"+": "+", "-": "-", "*": "*", "x": "*", "\u00d7": "*", "/": "/", "\u00f7": "/"}
_NAME = re.compile(r"[A-Z][\w'\u2019-]+(?: (?:of |the |de )?[A-Z][\w'\u2019-]+)*")
_QUOTED = re.compile(r"[\"\u201c\u00ab]([^\"\u201c\u201d\u00ab\u00bb\n]{2,60})[\"\u201d\u00bb]")
_SENTENCE = re.compile(r"[^.!?\n]+(?:[.!?](?=\d)[^.!?\n]*)*[.!?]*")


class KnownInput(NamedTuple):
    """An input made of `text[begin:end]`, in characters: its result may be of use from `end` on."""

    input: str
    begin: int
    end: int


def known_inputs(api: str, text: str) -> Iterator[KnownInput]:
    """The inputs that the rule of a tool makes from a text. Raises `SettingsError` for a tool without a rule."""
    match api:
        case "QA" | "MT":
            raise SettingsError(f"no rule writes the inputs of {api}", hint="let a model write them: --by MODEL")
        case "Calculator":
            yield from _expressions(text)
        case "Calendar":
            yield KnownInput("", 0, 0)
        case "Search":
            yield from _beginnings(text)
        case _:
            yield from _phrases(text)


def _expressions(text: str) -> Iterator[KnownInput]:
    """Two numbers with an operation between them, if the text has the result later."""
    numbers = [*_NUMBER.finditer(text)]
    words = [len(text[: match.start()].split()) for match in numbers]
    values = [calculate(match[0]) for match in numbers]
    for last in range(1, len(numbers)):
        later = [float(value) for value in values[last + 1 :]]
        near = [k for k in range(max(0, last - MOST), last) if words[last] - words[k] < WINDOW]
        for first in reversed(near):
            sign = _SIGNS.get(text[numbers[first].end() : numbers[last].start()].strip())
            for expression, value in _combinations(numbers[first][0], numbers[last][0], values[first], values[last]):
                if sign not in (None, expression.split()[1]):
                    continue  # 1/4 is written as a quotient, and is no sum
                if _may_be_among(float(value), later) and _comes_later(text, numbers[last].end(), value):
                    yield KnownInput(expression, numbers[first].start(), numbers[last].end())


def _combinations(a: str, b: str, x: Fraction, y: Fraction) -> Iterator[tuple[str, Fraction]]:
    """Operations whose result is none of the two numbers: what stands there already needs no calculator."""
    made = [(f"{a} + {b}", x + y), (f"{a} * {b}", x * y), (f"{a} - {b}", x - y) if x > y else (f"{b} - {a}", y - x)]
    made += [(f"{a} / {b}", x / y)] if y else []
    made += [(f"{b} / {a}", y / x)] if x else []
    return (one for one in made if one[1] not in (0, 1, x, y))


def _may_be_among(value: float, later: Sequence[float]) -> bool:
    """Whether a later number can be the value, rounded, or its percentage: a quick look before the exact one."""
    return any(abs(value - one) <= 0.5 or abs(100 * value - one) <= 0.5 for one in later)


def _comes_later(text: str, end: int, value: Fraction) -> bool:
    try:
        return any(True for _ in result_begins_at(text, end, rounded(value)))
    except ApiError:  # too large to be written
        return False


def _beginnings(text: str) -> Iterator[KnownInput]:
    """The words of a sentence before each name or number in it."""
    for sentence in _SENTENCE.finditer(text):
        for match in (*_NAME.finditer(sentence[0]), *_NUMBER.finditer(sentence[0])):
            before = sentence[0][: match.start()]
            words = re.findall(r"\w+", before)
            if len(words) >= WORDS:
                yield KnownInput(" ".join(words), sentence.start(), sentence.start() + len(before.rstrip()))


def _phrases(text: str) -> Iterator[KnownInput]:
    for pattern in (_NUMBER, _NAME, _QUOTED):
        for match in pattern.finditer(text):
            yield KnownInput(match[match.lastindex or 0], match.start(), match.end())
