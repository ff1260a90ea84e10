"""Reading what models reply: code blocks and JSON, as chat models really write them."""

from __future__ import annotations

import json
import re

from hammerstone.types import JSON

__all__ = ["NotJSONError", "code_block", "json_value"]

# As in CommonMark: a fence is closed by one at least as long, so a longer one holds shorter ones; or by the end.
_FENCE = re.compile(
    r"^[ \t]*(?P<fence>`{3,}|~{3,})[ \t]*(?P<tag>[\w+#.-]*)[^\n`]*\n(?P<body>.*?)(?:^[ \t]*(?P=fence)[`~]*[ \t]*$|\Z)",
    re.MULTILINE | re.DOTALL,
)
_TAGS = {"python": {"python", "python3", "py", "py3"}, "json": {"json", "json5", "jsonc"}}
_UNTAGGED = {"python": re.compile(r"^def \w", re.MULTILINE), "json": re.compile(r"\A\s*[\[{]")}
_OPENING = re.compile(r"[{\[]")


class NotJSONError(ValueError):
    """A reply that holds no JSON value."""


def code_block(text: str, language: str) -> str | None:
    """The last fenced block in `language` ("python" or "json"), or `None`. The last, since a reply may quote an
    earlier state first. Where no block names the language, one that names none but looks like it will do.
    """
    blocks = _blocks(text)
    named = [body for tag, body in blocks if tag in _TAGS[language]]
    alike = [body for tag, body in blocks if not tag and _UNTAGGED[language].search(body)]
    return next(iter((named or alike)[::-1]), None)


def json_value(text: str) -> JSON:
    """The JSON value of a reply: all of it, or its last fenced block, or the last one that stands in its prose.

    Raises `NotJSONError`. Python's `NaN` and `Infinity` are not JSON.
    """
    candidates = [text, *(body for _, body in reversed(_blocks(text)))]
    for candidate in candidates:
        try:
            return json.loads(candidate.strip().strip("`"), parse_constant=_refuse)
        except (ValueError, RecursionError):
            continue
    return _embedded(text)


def _blocks(text: str) -> list[tuple[str, str]]:
    """Each fenced block: its language in lower case, and what it holds."""
    return [(match["tag"].lower(), match["body"]) for match in _FENCE.finditer(text.replace("\r\n", "\n"))]


def _embedded(text: str) -> JSON:
    decoder = json.JSONDecoder(parse_constant=_refuse)
    found: list[JSON] = []
    position = 0
    while match := _OPENING.search(text, position):
        try:
            value, position = decoder.raw_decode(text, match.start())
            found.append(value)
        except ValueError:
            position = match.start() + 1
        except RecursionError:  # no reply that means anything
            break
    if not found:
        raise NotJSONError(f"no JSON in the reply {text[:80]!r}")
    return found[-1]


def _refuse(constant: str) -> JSON:
    raise ValueError(f"{constant} is not JSON")
