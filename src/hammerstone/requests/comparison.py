"""When two texts are the same: for counting and finding, and for answers.

Neither is what a tool is given or what the round-trip guard compares: there every character counts.
"""

from __future__ import annotations

import re
import unicodedata
from typing import cast

from hammerstone.requests.json_text import Constant, Number, load_json
from hammerstone.requests.rows import UnreadableRowError

__all__ = ["LONGEST_JSON", "agree", "normalise", "same_label"]

LONGEST_JSON = 100_000  # characters; longer texts are compared as texts
_DEEPEST = 100

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")


def agree(given: str, stored: str) -> bool:
    """Whether two answers are the same: texts that are equal but for outer white space, or equal JSON.

    JSON here is an object or an array: `5.0` instead of `5` may well be wrong where a text is asked for. Of JSON the
    values are compared: the order of an object's fields does not matter, a number is its value (`1` is `1.0`, and not
    `true`). What names a field twice, holds a `NaN`, or is longer than 100,000 characters or nested deeper than a
    hundred levels, is text.
    """
    one, other = given.strip(), stored.strip()
    return one == other or (_may_be_json(one) and _may_be_json(other) and _equal_json(one, other))


def same_label(one: str, other: str) -> bool:
    """Whether two labels of a question say the same: answers that agree, or two JSON numbers of one value."""
    if agree(one, other):
        return True
    numbers = [one.strip(), other.strip()]
    return all(map(_NUMBER.fullmatch, numbers)) and _value(numbers[0]) == _value(numbers[1])


def normalise(text: str) -> str:
    """Text as n-grams and counts see it: composed (NFC), with one kind of line end, without outer white space."""
    return unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n")).strip()


def _may_be_json(text: str) -> bool:
    return text[:1] + text[-1:] in ("{}", "[]") and len(text) <= LONGEST_JSON


def _equal_json(one: str, other: str) -> bool:
    try:
        return _comparable(load_json(one), _DEEPEST) == _comparable(load_json(other), _DEEPEST)
    except (ValueError, RecursionError):
        return False


def _comparable(value: object, levels: int) -> object:
    """A JSON value in which equal is the same: numbers as `_value`, all else as it is. Raises `ValueError`."""
    if not levels:
        raise ValueError("nested too deeply")
    match value:
        case Constant() | UnreadableRowError():
            raise ValueError("not JSON")
        case Number():
            return _value(value)
        case list():
            return [_comparable(one, levels - 1) for one in cast("list[object]", value)]
        case dict():
            return {name: _comparable(one, levels - 1) for name, one in cast("dict[str, object]", value).items()}
        case _:
            return value


def _value(number: str) -> tuple[bool, str, int | str]:
    """The value of a JSON number: its sign, its digits without zeros at the ends, and the power of ten behind them.

    No arithmetic on the digits, of which there may be thousands. A power of ten that is not sane is its text.
    """
    mantissa, _, power = number.lower().partition("e")
    whole, _, fraction = mantissa.lstrip("-").partition(".")
    digits = (whole + fraction).lstrip("0")
    kept = digits.rstrip("0")
    if not kept:
        return False, "", 0
    if len(power) > 18:
        return number.startswith("-"), digits, power
    return number.startswith("-"), kept, int(power or 0) - len(fraction) + len(digits) - len(kept)
