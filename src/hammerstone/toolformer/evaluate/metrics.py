"""Judges continuations (Toolformer, sections 4.2.1 to 4.2.5): one is right if it has an accepted answer early on.

Words: letter case, punctuation and the form of spaces do not matter; accents and numerals do. "New York" is in "in new
york, where", and is not in "Newyork" or "York, new". *Words* are what spaces separate.

Numbers: "1,400", "$1400" and "1400.00" are 1400, and "-$5" is -5, with a hyphen or with a minus sign (U+2212); two
numbers are equal if they agree to two decimals, since the paper's calculator gives no more.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from decimal import Context, Decimal
from functools import cache
from typing import TypeAlias

__all__ = ["MINUS", "Metric", "first_number", "first_number_is", "plain_number", "within_words"]

Metric: TypeAlias = Callable[[str, Sequence[str]], bool]
"""Whether a continuation is right, given the accepted answers."""

MINUS = r"\-\u2212\uff0d\ufe63"
"""The characters for a minus, as a regular-expression class: a hyphen, a minus sign, and their full-width forms."""

# A sign, unless something before it makes it a subtraction; not the end of a word ("B12").
_NUMBER = rf"(?:(?<![\w)])[{MINUS}]\$?)?(?<![A-Za-z\d])(?:\d+(?:,\d{{3}})*(?:\.\d+)?|\.\d+)"
# From the first number on, what may stand in an equation up to its "=": "5 + 3 =", "(2 x 4) / 2 =".
_EQUATION = rf"[\d\s.,+*/x\u00d7\u00b7\u00f7()%${MINUS}]*="
_FIRST = re.compile(rf"(?P<first>{_NUMBER})(?:{_EQUATION}[\s$]*(?P<result>{_NUMBER}))?")
_CENT = Decimal("0.01")
_EXACT = Context(prec=1_000_000)  # digits: the default of 28 is too few for what a model may write


@cache
def within_words(count: int) -> Metric:
    """Whether an accepted answer is among the first `count` words: 5 for LAMA and dates, 10 for MLQA, 20 for QA."""

    def is_right(text: str, answers: Sequence[str]) -> bool:
        said = f" {_plain(' '.join(text.split()[:count]))} "
        return any(f" {_plain(answer)} " in said for answer in answers if _plain(answer))

    return is_right


def first_number_is(text: str, answers: Sequence[str]) -> bool:
    """Whether the first number equals that of an accepted answer."""
    said = first_number(text)
    return said is not None and any(_equal(said, first_number(answer)) for answer in answers)


def first_number(text: str) -> Decimal | None:
    """The first number of a text; if it begins an equation ("5 + 3 = 8"), the one after the "="."""
    found = _FIRST.search(text)
    return None if found is None else Decimal(plain_number(found["result"] or found["first"]))


def plain_number(written: str) -> str:
    """A number without thousands separators, with its sign as a hyphen."""
    return re.sub(f"[{MINUS}]", "-", re.sub("[,$]", "", written))


def _equal(one: Decimal, other: Decimal | None) -> bool:
    return other is not None and one.quantize(_CENT, context=_EXACT) == other.quantize(_CENT, context=_EXACT)


def _plain(text: str) -> str:
    letters = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(re.sub(r"[\W_]", " ", letters).split())
