"""Finds whether a tool's result comes next in a text, as far as the words alone show.

A call is selected for the loss of the five tokens after it, so a result helps where it begins within them. A result
begins where one of its numbers stands, or one of its words of four letters or more: "0.29" before "29%", "Today is
Thursday, February 9, 2023." before "Thursday". A writer may have rounded a number: "33.3" follows from 33.33, and "29%"
from 0.2857, but "33" does not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Context, Decimal

__all__ = ["begins_result", "result_begins_at"]

_SAID = re.compile(r"(?<![\w.,])(?P<number>\d{1,15}(?:,\d{3})*(?:\.\d+)?)(?P<percent> ?%)?|(?P<word>[^\W\d_]{4,})")
_EXACT = Context(prec=40, rounding=ROUND_HALF_UP)


def begins_result(text: str, position: int, end: int, result: str) -> bool:
    """Whether the result begins in `text[position:end]`; it may end later."""
    return any(begin < end for begin in result_begins_at(text, position, result))


def result_begins_at(text: str, position: int, result: str) -> Iterator[int]:
    """The places from `position` on at which a number or a word of the result begins, in characters."""
    said = [*_SAID.finditer(result)]
    words = {match["word"].casefold() for match in said if match["word"]}
    numbers = [Decimal(match["number"].replace(",", "")) for match in said if match["number"]]
    for match in _SAID.finditer(text, position):
        if match["word"]:
            if match["word"].casefold() in words:
                yield match.start()
        elif any(_is_written(match["number"], bool(match["percent"]), number) for number in numbers):
            yield match.start()


def _is_written(written: str, percent: bool, number: Decimal) -> bool:
    """Whether a text's number is that of a result, exact or rounded by the writer."""
    plain = Decimal(written.replace(",", ""))
    if plain == number:
        return True
    step = Decimal(1).scaleb(_decimals(plain))
    if percent and plain in (number.quantize(step, context=_EXACT), (number * 100).quantize(step, context=_EXACT)):
        return True
    return _decimals(plain) < 0 and plain == number.quantize(step, context=_EXACT)


def _decimals(number: Decimal) -> int:
    """The exponent of the last digit: -2 of 0.29."""
    exponent = number.as_tuple().exponent
    return exponent if isinstance(exponent, int) else 0
