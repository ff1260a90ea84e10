"""Which fields a request or a reply may have, and what may be in them. What nobody knows here could mean anything: such
a request goes to the upstream, and such a reply is not learned from.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from math import isfinite
from typing import Any, TypeAlias, cast

from hammerstone.requests import Number, object_of
from hammerstone.server.protocols.contract import NotServedError

__all__ = [
    "Check",
    "an_object",
    "anything",
    "check_fields",
    "content",
    "each",
    "flag",
    "is_form",
    "list_of",
    "not_negative",
    "number",
    "object_with",
    "one",
    "one_of",
    "scalars",
    "tells_more",
    "text",
    "text_or_texts",
    "texts",
    "zero",
]

Check: TypeAlias = Callable[[object], bool]
"""Whether a value is one that the field may have. Null always is: then the field is not there."""

LONGEST_NUMBER = 40  # characters: no parameter needs more, and Python reads no more than 4,300 digits


def check_fields(fields: Mapping[str, Any], known: Mapping[str, Check]) -> None:
    """Raises `NotServedError` for a field that is not known and says something, or has a value that it cannot have."""
    for name, value in fields.items():
        if not _may_be(name, value, known):
            raise NotServedError(f"it asks for more than one text, or for something else: `{name[:40]}`")


def tells_more(fields: Mapping[str, Any], known: Collection[str]) -> bool:
    """Whether a part of a reply has a field beside those known that is neither null, false, 0 nor empty."""
    return any(value for name, value in fields.items() if name not in known)


def _may_be(name: str, value: object, known: Mapping[str, Check]) -> bool:
    if value is None:
        return True
    return known[name](value) if name in known else value is False or value in ("", [])


def each(names: str, check: Check) -> Mapping[str, Check]:
    """The same check for each of these fields."""
    return dict.fromkeys(names.split(), check)


# what a field may have


def anything(value: object) -> bool:
    del value
    return True


def flag(value: object) -> bool:
    return isinstance(value, bool)


def text(value: object) -> bool:
    return type(value) is str


def texts(value: object) -> bool:
    return isinstance(value, list) and all(map(text, cast("list[object]", value)))


def text_or_texts(value: object) -> bool:
    return text(value) or texts(value)


def number(value: object) -> bool:
    return isinstance(value, Number) and len(value) <= LONGEST_NUMBER and isfinite(float(value))


def not_negative(value: object) -> bool:
    return isinstance(value, Number) and number(value) and float(value) >= 0


def zero(value: object) -> bool:
    return isinstance(value, Number) and value.canonical() == "0"


def one(value: object) -> bool:
    return isinstance(value, Number) and value.canonical() == "1"


def an_object(value: object) -> bool:
    return isinstance(value, dict)


def scalars(value: object) -> bool:
    """An object of strings, and of what is sent in place of strings."""
    return an_object(value) and all(
        given is None or text(given) or flag(given) or number(given) for given in object_of(value).values()
    )


def one_of(*values: object) -> Check:
    return lambda value: value in values


def list_of(check: Check) -> Check:
    return lambda value: isinstance(value, list) and all(map(check, cast("list[object]", value)))


def object_with(**known: Check) -> Check:
    """An object that has none but these fields, as far as they say something."""

    return lambda value: (
        an_object(value) and all(_may_be(name, given, known) for name, given in object_of(value).items())
    )


def content(*kinds: str) -> Check:
    """A message's text, or its parts, each a text of one of these kinds. How a provider keeps one does not matter."""
    parts = list_of(object_with(type=one_of(*kinds), text=text, cache_control=an_object))
    return lambda value: text(value) or parts(value)


def is_form(value: object) -> bool:
    """A `response_format` of OpenAI's chat completions, of a kind that an answer can be held against."""
    form = object_of(value)
    if form.get("type") == "json_schema":
        return form.get("json_schema") is not None and _WITH_SCHEMA(form)
    return form.get("type") in ("text", "json_object") and _ALONE(form)


_ALONE = object_with(type=text)
_WITH_SCHEMA = object_with(
    type=text, json_schema=object_with(name=text, description=text, schema=an_object, strict=flag)
)
