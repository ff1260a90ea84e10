"""Reading what models reply: code blocks and JSON, as chat models really write them."""

from __future__ import annotations

import json
import re
from io import StringIO

from hammerstone.types import JSON

__all__ = ["LONGEST_REPLY", "NotJSONError", "code_block", "json_value"]

LONGEST_REPLY = 1_000_000  # characters; a longer one is not read
MOST_BLOCKS = 100  # fenced blocks that are tried as JSON, from the last one back
MOST_FAILURES = 1_000  # brackets in prose that begin no JSON
ENOUGH = 100_000  # characters that may be read in vain even in a short reply

_FENCE = re.compile(r"[ \t]*+(?P<fence>`{3,}+|~{3,}+)[ \t]*+(?P<tag>[\w+#.-]*+)[^\n`]*+\n")
_TAGS = {"python": {"python", "python3", "py", "py3"}, "json": {"json", "json5", "jsonc"}}
_UNTAGGED = {"python": re.compile(r"^def \w", re.MULTILINE), "json": re.compile(r"\A\s*[\[{]")}
_OPENING = re.compile(r"\{(?=\s*[\"}])|\[(?=\s*[\[\]{\"\-0-9tfn])")


class NotJSONError(ValueError):
    """A reply that holds no JSON value."""


def code_block(text: str, language: str) -> str | None:
    """The last fenced block in `language` ("python" or "json"), or `None`. The last, since a reply may quote an
    earlier state first. Where no block names the language, one that names none but looks like it will do.
    """
    blocks = _blocks(text) if len(text) <= LONGEST_REPLY else []
    named = [body for tag, body in blocks if tag in _TAGS[language]]
    alike = [body for tag, body in blocks if not tag and _UNTAGGED[language].search(body)]
    return next(iter((named or alike)[::-1]), None)


def json_value(text: str) -> JSON:
    """The JSON value of a reply: all of it, or its last fenced block, or the last one that stands in its prose.

    Raises `NotJSONError`. Python's `NaN` and `Infinity` are not JSON.
    """
    if len(text) > LONGEST_REPLY:
        raise NotJSONError(f"the reply has {len(text)} characters")
    candidates = [text, *(body for _, body in _blocks(text)[: -MOST_BLOCKS - 1 : -1])]
    for candidate in candidates:
        try:
            return json.loads(candidate.strip().strip("`"), parse_constant=_refuse)
        except (ValueError, RecursionError):
            continue
    return _embedded(text)


def _blocks(text: str) -> list[tuple[str, str]]:
    """Each fenced block: its language in lower case, and what it holds.

    As in CommonMark: a fence is closed by one at least as long, so a longer one holds shorter ones; or by the end.
    """
    blocks: list[tuple[str, list[str]]] = []
    fence = ""
    for line in StringIO(text.replace("\r\n", "\n")):
        if fence and _closes(line, fence):
            fence = ""
        elif fence:
            blocks[-1][1].append(line)
        elif opening := _FENCE.fullmatch(line):
            fence = opening["fence"]
            blocks.append((opening["tag"].lower(), []))
    return [(tag, "".join(lines)) for tag, lines in blocks]


def _closes(line: str, fence: str) -> bool:
    mark = line.strip(" \t\n")
    return mark.startswith(fence) and not mark.strip(fence[0])


def _embedded(text: str) -> JSON:
    """The last value in prose. What was read in vain is read again from within, so that is bounded, and with it the
    work that a reply can cause."""
    decoder = json.JSONDecoder(parse_constant=_refuse)
    found: list[JSON] = []
    position, failures, read_in_vain = 0, 0, 0
    while match := _OPENING.search(text, position):
        start = match.start()
        try:
            value, position = decoder.raw_decode(text, start)
            found.append(value)
        except (ValueError, RecursionError) as error:
            position = start + 1
            failures += 1
            read_in_vain += (error.pos if isinstance(error, json.JSONDecodeError) else len(text)) - start
        if failures > MOST_FAILURES or read_in_vain > 2 * len(text) + ENOUGH:
            raise NotJSONError("more broken JSON in the reply than is worth reading")
    if not found:
        raise NotJSONError(f"no JSON in the reply {text[:80]!r}")
    return found[-1]


def _refuse(constant: str) -> JSON:
    raise ValueError(f"{constant} is not JSON")
