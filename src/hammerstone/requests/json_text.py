"""JSON read without losing anything and written back as it stood, and the objects in it."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any, TypeAlias, cast

from hammerstone.requests.rows import UnreadableRowError

__all__ = [
    "Constant",
    "Number",
    "as_json",
    "json_object",
    "json_within",
    "load_json",
    "object_of",
    "objects_of",
    "weighs_nothing",
]

_Fields: TypeAlias = "dict[str, object]"


class Number(str):
    """A JSON number with its digits as they were written."""

    __slots__ = ()


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


def json_object(text: str) -> dict[str, Any] | None:
    """The object that a JSON text is, with Python's numbers; `None` for any other text."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
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
