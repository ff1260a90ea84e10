"""Whether a tool's answer has the form that a request asks for: the upstream's model is made to keep to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

from jsonschema.validators import Draft202012Validator, validator_for
from referencing import Registry

from hammerstone.server.bodies import json_value
from hammerstone.server.protocols.contract import object_of
from hammerstone.types import JSON

__all__ = ["has_form"]

_NOTHING_ELSE = Registry[Any]()
"""Where references to other schemas are looked up: they are not fetched."""


def has_form(text: str, response_format: JSON) -> bool:
    """`response_format` is OpenAI's. A schema that cannot be followed here (a pattern, which may take for ever, or a
    reference to another place) is never kept.
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
    schema = object_of(object_of(form.get("json_schema")).get("schema"))
    return not schema or (not _names_pattern(schema) and _is_valid(schema, value))


def _is_valid(schema: Mapping[str, Any], value: object) -> bool:
    validator: Any = validator_for(schema, default=Draft202012Validator)
    try:
        return validator(schema, registry=_NOTHING_ELSE).is_valid(value)
    except Exception:  # whatever is wrong with a client's schema
        return False


def _names_pattern(schema: object) -> bool:
    return any(isinstance(one, dict) and ("pattern" in one or "patternProperties" in one) for one in _within(schema))


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
