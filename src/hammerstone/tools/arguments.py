"""Checks that arguments fit a signature, within bounds. An exported tool carries this very code (`exported_guard`)."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import cast

from hammerstone.tools.fitting import JsonType, Place, TooManyStepsError, TypeWalk
from hammerstone.tools.source import MAX_INTEGER_BITS
from hammerstone.types import JSON

__all__ = ["ArgumentsError", "fit_arguments"]

# A question has at most 200,000 characters, so its arguments stay far below these.
_MAX_CHARS = 1_000_000
_MAX_VALUES = 100_000
_MAX_DEPTH = 64
_MAX_SHOWN = 80  # characters of a name in a message


class ArgumentsError(ValueError):
    """Arguments that do not fit a signature; the message names each one."""


def fit_arguments(kind: JsonType, arguments: Mapping[str, JSON]) -> dict[str, JSON]:
    """The arguments as they are to be passed: see `Signature.validate`. Raises `ArgumentsError`."""
    values = dict(arguments)
    _check_bounds(values)
    walk = TypeWalk()
    try:
        fitted = walk.fit(kind, values, ())
    except TooManyStepsError:
        raise ArgumentsError("arguments: too many values for this type") from None
    if walk.faults:
        raise ArgumentsError("; ".join(f"{_named(place)}: {message}" for place, message in walk.faults))
    return cast("dict[str, JSON]", fitted)


def _named(place: Place) -> str:
    return ".".join(str(part)[:_MAX_SHOWN] for part in place)


def _check_bounds(arguments: Mapping[str, JSON]) -> None:
    """Check the bounds level by level, so that no nesting can exhaust the stack; all is counted before it is copied."""
    level: list[object] = [arguments]
    values, chars = 1, 0
    for _ in range(_MAX_DEPTH):
        inner: list[object] = []
        for value in level:
            items, size = _items(value)
            values, chars = values + len(items), chars + size
            if values > _MAX_VALUES or chars > _MAX_CHARS:
                raise ArgumentsError(f"arguments: more than {_MAX_VALUES:,} values or {_MAX_CHARS:,} characters")
            inner.extend(items)
        if not inner:
            return
        level = inner
    raise ArgumentsError("arguments: nested too deeply")


def _items(value: object) -> tuple[Collection[object], int]:
    """The items of a value, and how many characters it has besides."""
    match value:
        case dict():
            keys = cast("dict[object, object]", value)
            return keys.values(), sum(_check_text(key) for key in keys)
        case list():
            return cast("list[object]", value), 0
        case str():
            return (), _check_text(value)
        case None | bool():
            return (), 0
        case int() if value.bit_length() <= MAX_INTEGER_BITS:
            return (), value.bit_length() // 3
        case float() if math.isfinite(value):
            return (), 0
        case int():
            raise ArgumentsError(f"arguments: an integer of {value.bit_length():,} bits")
        case float():
            raise ArgumentsError(f"arguments: {value} is not JSON compliant")
        case _:
            raise ArgumentsError(f"arguments: {type(value).__name__} is no type of JSON")


def _check_text(text: object) -> int:
    if not isinstance(text, str):
        raise ArgumentsError(f"arguments: the keys of an object are strings, not {type(text).__name__}")
    if not text.isascii() and any("\ud800" <= one <= "\udfff" for one in text):
        raise ArgumentsError("arguments: half of a surrogate pair")
    return len(text)
