"""JSON read without losing anything and written back as it stood, and the objects in it."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any, NoReturn, TypeAlias, cast

from hammerstone.requests.rows import UnreadableRowError
from hammerstone.types import JSON

__all__ = [
    "Constant",
    "Number",
    "as_json",
    "json_object",
    "json_value",
    "json_within",
    "load_json",
    "object_of",
    "objects_of",
    "weighs_nothing",
]

_Fields: TypeAlias = "dict[str, object]"

_NUMBER = re.compile(r"(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,18}))?")


class Number(str):
    """A JSON number with its digits as they were written."""

    __slots__ = ()

    def canonical(self) -> str:
        """One text for each value: that of 100, 1e2 and 100.0 is `1e2`. However many digits it has, none is lost."""
        found = _NUMBER.fullmatch(self)
        if found is None:  # an exponent that no machine counts to
            return str(self)
        sign, whole, fraction, exponent = found[1], found[2], found[3] or "", int(found[4] or 0)
        digits = (whole + fraction).lstrip("0")
        kept = digits.rstrip("0")
        power = exponent - len(fraction) + len(digits) - len(kept)
        return f"{sign}{kept}e{power}" if kept and power else f"{sign}{kept}" if kept else "0"


class Constant(str):
    """`NaN`, `Infinity` or `-Infinity`: no JSON, but Python and others write them."""

    __slots__ = ()


def load_json(text: str) -> object:
    """The value; an object that names a field twice becomes an `UnreadableRowError` in its place.

    Raises `ValueError` or `RecursionError`.
    """
    return _DECODER.decode(text)


def json_within(value: object) -> object:
    """The object or list that a text is, as JSON is kept in a table's cell; any other value as it is."""
    if type(value) is str and value[:1] + value.rstrip()[-1:] in {"{}", "[]"}:
        try:
            return load_json(value)
        except (ValueError, RecursionError):
            return value
    return value


def _object(pairs: list[tuple[str, object]]) -> _Fields | UnreadableRowError:
    fields = dict(pairs)
    if len(fields) == len(pairs):
        return fields
    twice = next(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
    return UnreadableRowError(f"its field `{twice[:80]}` is there twice")


_DECODER = json.JSONDecoder(parse_int=Number, parse_float=Number, parse_constant=Constant, object_pairs_hook=_object)


def as_json(value: object) -> str:
    """Compact JSON text: fields in their order, numbers as they were written. Raises `UnreadableRowError`."""
    try:
        return _written(value)
    except RecursionError:
        raise UnreadableRowError("the JSON is nested too deeply") from None


def _written(value: object) -> str:
    match value:
        case UnreadableRowError():
            raise value
        case Constant():
            raise UnreadableRowError(f"{value} is not JSON")
        case Number():
            return str(value)
        case dict():
            fields = cast("_Fields", value)
            return f"{{{','.join(f'{_written(name)}:{_written(field)}' for name, field in fields.items())}}}"
        case list():
            return f"[{','.join(map(_written, cast('list[object]', value)))}]"
        case _:
            return json.dumps(value, ensure_ascii=False)


def json_value(text: str, *, as_written: bool = False) -> JSON:
    """The value of which all readers think the same, with Python's numbers, or as they were written (`Number`).

    Raises `ValueError` for what is no JSON (`NaN` is none), names a field twice, or is nested too deeply.
    """
    try:
        return (_AS_WRITTEN if as_written else _IN_PYTHON).decode(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("an object names a field twice")
    return fields


def _number(digits: str) -> Number:
    """A function of Python's, unlike the type itself: around a call of one, other threads have their turn."""
    return Number(digits)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_IN_PYTHON = json.JSONDecoder(parse_constant=_no_constant, object_pairs_hook=_unique)
_AS_WRITTEN = json.JSONDecoder(
    parse_int=_number, parse_float=_number, parse_constant=_no_constant, object_pairs_hook=_unique
)


def json_object(text: str) -> dict[str, Any] | None:
    """The object that a JSON text is, with Python's numbers; `None` for any other text, as in `json_value`."""
    try:
        value = json_value(text)
    except ValueError:
        return None
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def object_of(value: object) -> dict[str, Any]:
    """The value, if it is an object, and else an empty one."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def objects_of(value: object) -> list[dict[str, Any]]:
    """The objects of a list, with an empty one for anything else in it; none if the value is no list."""
    return [object_of(one) for one in cast("list[object]", value)] if isinstance(value, list) else []


def weighs_nothing(value: object) -> bool:
    """Can a field with this value be passed over? A number, a truth value, or nothing at all says little by itself."""
    match value:
        case None | bool() | Number() | Constant():
            return True
        case str():
            return not value.strip()
        case list() | dict():
            return not value
        case _:
            return False
