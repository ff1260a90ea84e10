"""Text that UTF-8 or a database cannot hold, written so that it can, and read back exactly.

Questions, replies and ids may hold half of a surrogate pair, which no encoding takes, or NUL, which PostgreSQL does
not. Each of these is written as U+FDD0, a code point that Unicode keeps out of all text, and its number in four
hexadecimal digits; so is U+FDD0 itself. All other text stays as it is, and equal texts stay equal.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Callable

    from hammerstone.types import JSON

__all__ = ["escape", "mapped", "restore"]

_MARK = "\ufdd0"
_UNSTORABLE = re.compile(f"[\x00\ud800-\udfff{_MARK}]")
_ESCAPED = re.compile(f"{_MARK}(0000|d[89a-f][0-9a-f]{{2}}|fdd0)")


def escape(text: str) -> str:
    return _UNSTORABLE.sub(lambda match: f"{_MARK}{ord(match[0]):04x}", text)


def restore(text: str) -> str:
    """The inverse of `escape`. A mark that begins no escape stays: an earlier release stored it as it was."""
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text)


def mapped(function: Callable[[str], str], value: JSON) -> JSON:
    """`value` with `function` of each string in it."""
    if isinstance(value, str):
        return function(value)
    if isinstance(value, dict):
        return {function(name): mapped(function, one) for name, one in value.items()}
    if isinstance(value, list | tuple):  # a dataclass as a dict may hold tuples, which JSON writes as lists
        return [mapped(function, one) for one in cast("list[JSON]", value)]
    return value
