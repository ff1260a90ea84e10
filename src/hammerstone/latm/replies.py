"""Reading what models reply: code blocks and JSON, as chat models really write them."""

from __future__ import annotations

import json
import re

from hammerstone.types import JSON

__all__ = ["NotJSONError", "code_block", "json_value"]

_FENCE = re.compile(r"^[ \t]*```[ \t]*([\w+-]*)[^\n]*\n(.*?)^[ \t]*```[ \t]*$", re.MULTILINE | re.DOTALL)


class NotJSONError(ValueError):
    """A reply that holds no JSON value."""


def code_block(text: str, language: str) -> str | None:
    """The last fenced block in `language`, or `None`. The last, since a reply may quote an earlier state first."""
    blocks = [body for tag, body in _FENCE.findall(text) if tag.lower() in {language, language[:2]}]
    return blocks[-1] if blocks else None


def json_value(text: str) -> JSON:
    """The JSON value of a reply: all of it, or its last fenced block, or the last one that stands on its own lines.

    Raises `NotJSONError`. Python's `NaN` and `Infinity` are not JSON.
    """
    candidates = [text, *(body for _, body in reversed(_FENCE.findall(text)))]
    for candidate in candidates:
        try:
            return json.loads(candidate.strip().strip("`"), parse_constant=_refuse)
        except (ValueError, RecursionError):
            continue
    return _embedded(text)


def _embedded(text: str) -> JSON:
    decoder = json.JSONDecoder(parse_constant=_refuse)
    found: list[JSON] = []
    position = 0
    while match := re.compile(r"[{\[]").search(text, position):
        try:
            value, position = decoder.raw_decode(text, match.start())
            found.append(value)
        except (ValueError, RecursionError):
            position = match.start() + 1
    if not found:
        raise NotJSONError(f"no JSON in the reply {text[:80]!r}")
    return found[-1]


def _refuse(constant: str) -> JSON:
    raise ValueError(f"{constant} is not JSON")
