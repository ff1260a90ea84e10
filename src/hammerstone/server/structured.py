"""Whether a tool's answer has the form that a request asks for: the upstream's model is made to keep to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, cast

from jsonschema import validators
from jsonschema.validators import Draft202012Validator
from referencing import Registry

from hammerstone.requests import object_of
from hammerstone.server.bodies import json_value
from hammerstone.types import JSON

__all__ = ["has_form"]

_NOTHING_ELSE = Registry[Any]()
"""Where references to other schemas are looked up: they are not fetched."""

MOST_STEPS = 10_000
"""Parts of a schema that are looked at, and references that are followed: a few of them, doubled often, never end."""


def has_form(text: str, response_format: JSON) -> bool:
    """`response_format` is OpenAI's. A schema that cannot be followed here (a pattern or thousands of references, which
    may take for ever, or a reference to another place) is never kept.
    """
    form = object_of(response_format)
    if form.get("type") not in ("json_object", "json_schema"):
        return True
    try:
        value = json_value(text)
    except ValueError:
        return False
    if form["type"] == "json_object":
        return isinstance(value, dict)
    given = object_of(object_of(form.get("json_schema")).get("schema"))
    schema = {name: one for name, one in given.items() if name != "$schema"}
    return not schema or (_may_be_followed(schema) and _is_valid(schema, value))


def _is_valid(schema: Mapping[str, Any], value: object) -> bool:
    _Bounded.left = MOST_STEPS
    try:
        return _VALIDATOR(schema, registry=_NOTHING_ELSE).is_valid(value)
    except Exception:  # whatever is wrong with a client's schema
        return False


class _Bounded:
    """How many references may still be followed for the present answer."""

    left = 0

    @classmethod
    def ref(cls, validator: Any, ref: Any, instance: Any, schema: Any) -> Iterator[Any]:
        cls.left -= 1
        if cls.left < 0:
            raise ValueError("this schema does not end")
        return _VALIDATORS["$ref"](validator, ref, instance, schema)


_VALIDATORS: Mapping[str, Any] = Draft202012Validator.VALIDATORS
_VALIDATOR: Any = cast("Any", validators).extend(Draft202012Validator, {"$ref": _Bounded.ref})
_UNBOUNDED = ("pattern", "patternProperties", "$dynamicRef", "$schema")
"""Within a schema, `$schema` names another validator."""


def _may_be_followed(schema: object) -> bool:
    parts = list(islice(_within(schema), MOST_STEPS + 1))
    named = (name for one in parts if isinstance(one, dict) for name in cast("dict[str, object]", one))
    return len(parts) <= MOST_STEPS and not any(name in _UNBOUNDED for name in named)


def _within(value: object) -> Iterator[object]:
    """The value and all that is in it."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        yield one
        if isinstance(one, dict):
            waiting += cast("dict[str, object]", one).values()
        elif isinstance(one, list):
            waiting += cast("list[object]", one)
