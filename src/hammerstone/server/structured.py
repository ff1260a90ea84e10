"""Whether an answer has the form that a request asks for: the upstream's model is made to keep to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, cast
from urllib.parse import unquote

from jsonschema import validators
from jsonschema.validators import Draft202012Validator
from referencing import Registry

from hammerstone.requests import json_value, object_of
from hammerstone.server.protocols.contract import CONTINUATION
from hammerstone.server.text_formats import TEXT_FORMATS
from hammerstone.types import JSON

__all__ = ["has_form"]

_NOTHING_ELSE = Registry[Any]()
"""Where references to other schemas are looked up: they are not fetched."""

MOST_STEPS = 10_000
"""Parts of a schema that are looked at, and references that are followed: a few of them, doubled often, never end."""


def has_form(text: str, response_format: JSON) -> bool:
    """`response_format` is OpenAI's, or what stands for it. A kind that nobody knows here is never kept to, nor is a
    schema that cannot be followed: one with a keyword or a format that is not known, a pattern or thousands of
    references (they may take for ever), or a reference to another place.
    """
    if response_format is None:
        return True
    form = object_of(response_format)
    if form.get("type") not in ("json_object", "json_schema"):
        return form.get("type") in ("text", CONTINUATION)
    try:
        value = json_value(text)
    except ValueError:
        return False
    if form["type"] == "json_object":
        return isinstance(value, dict)
    schema = {**object_of(object_of(form.get("json_schema")).get("schema"))}
    if schema.pop("$schema", None) not in (None, *_DIALECTS):
        return False
    return not schema or (_may_be_followed(schema) and _is_valid(schema, value))


def _is_valid(schema: Mapping[str, Any], value: object) -> bool:
    _Bounded.left = MOST_STEPS
    try:
        return _VALIDATOR(schema, registry=_NOTHING_ELSE, format_checker=TEXT_FORMATS).is_valid(value)
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

_DIALECTS = (
    "https://json-schema.org/draft/2020-12/schema",
    "https://json-schema.org/draft/2019-09/schema",
    "http://json-schema.org/draft-07/schema#",
    "http://json-schema.org/draft-07/schema",
)
"""Those in which the keywords below mean the same."""
_SAYS = frozenset(
    """$comment const default dependentRequired deprecated description discriminator enum example examples
    exclusiveMaximum exclusiveMinimum maxContains maxItems maxLength maxProperties maximum minContains minItems
    minLength minProperties minimum multipleOf readOnly required title type uniqueItems writeOnly""".split()
)
_HAS_ONE = frozenset(
    """additionalProperties contains else if items not propertyNames then unevaluatedItems
    unevaluatedProperties""".split()
)
_HAS_LIST = frozenset(("allOf", "anyOf", "oneOf", "prefixItems"))
_HAS_NAMED = frozenset(("$defs", "definitions", "dependentSchemas", "properties"))
"""Keywords by the schemas that they hold: none, one, a list, an object of them."""


def _may_be_followed(root: dict[str, Any]) -> bool:
    """Whether the schema, and each one that it holds or refers to, is small and has known keywords alone."""
    if len(list(islice(_within(root), MOST_STEPS + 1))) > MOST_STEPS:
        return False
    waiting: list[object] = [root]
    seen: set[int] = set()
    while waiting:
        schema = waiting.pop()
        if isinstance(schema, bool) or id(schema) in seen:
            continue
        seen.add(id(schema))
        held = [_held(name, value, root) for name, value in object_of(schema).items()]
        if not isinstance(schema, dict) or None in held:
            return False
        waiting += [one for some in held for one in some or ()]
    return True


def _held(keyword: str, value: object, root: dict[str, Any]) -> list[object] | None:
    """The schemas under a keyword; `None` for one that is not known, or does not hold what it should."""
    match value:
        case _ if keyword in _SAYS:
            return []
        case str() if keyword == "format":
            return [] if value in TEXT_FORMATS.checkers else None
        case str() if keyword == "$ref":
            return [_target(value, root)]
        case _ if keyword in _HAS_ONE:
            return [value]
        case list() if keyword in _HAS_LIST:
            return cast("list[object]", value)
        case dict() if keyword in _HAS_NAMED:
            return list(cast("dict[str, object]", value).values())
        case _:
            return None


def _target(ref: str, root: dict[str, Any]) -> object:
    """What a JSON pointer within the schema leads to (RFC 6901); `None` for any other reference."""
    here: object = root
    start, *names = unquote(ref).split("/")
    for name in names:
        if isinstance(here, list):
            items = cast("list[object]", here)
            here = items[int(name)] if name.isdecimal() and len(name) < 6 and int(name) < len(items) else None
        else:
            here = object_of(cast("object", here)).get(name.replace("~1", "/").replace("~0", "~"))
    return here if start == "#" else None


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
