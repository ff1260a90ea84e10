"""Texts in the addresses of pages. What a client wrote may hold half a surrogate pair, which has no encoding: there it
stands as the pages show it, as an escape.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, urlencode

__all__ = ["path_part", "query_string"]

_ERRORS = "backslashreplace"


def path_part(text: object, *, safe: str = "") -> str:
    """A text as one part of a path, or as several with `/` as `safe`."""
    return quote(str(text), safe=safe, errors=_ERRORS)


def query_string(fields: Mapping[str, str]) -> str:
    """The fields as a query, with its question mark; nothing for none."""
    return f"?{urlencode(fields, errors=_ERRORS)}" if fields else ""
