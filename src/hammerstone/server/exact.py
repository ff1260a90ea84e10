"""The route `exact`: the very same request was answered before, and asks for no variety."""

from __future__ import annotations

import hashlib
import json
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from hammerstone.requests.json_text import as_json

__all__ = ["ExactCache", "identity"]

_DELIVERY = frozenset(
    """metadata prompt_cache_key prompt_cache_retention safety_identifier service_tier store stream stream_options
    user""".split()
)
"""How an answer is delivered and who asked. All else belongs to the identity of a request."""

OVERHEAD = 200  # bytes of an entry besides its text


@dataclass(frozen=True, kw_only=True)
class _Entry:
    text: str
    stored: float
    size: int


class ExactCache:
    """One tenant's answers in memory, the least recently used ones dropped first.

    `ttl_s` is how long an answer is good, in seconds; `max_bytes` bounds them all together.
    """

    def __init__(self, *, ttl_s: float, max_bytes: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._ttl_s = ttl_s
        self._max_bytes = max_bytes
        self._clock = clock
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._bytes = 0

    def look(self, key: str, *, max_age: float | None = None) -> str | None:
        """An answer no older than `ttl_s` and `max_age` seconds."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        age = self._clock() - entry.stored
        if age > self._ttl_s:
            self._drop(key)
            return None
        if max_age is not None and age > max_age:
            return None
        self._entries.move_to_end(key)
        return entry.text

    def store(self, key: str, text: str) -> None:
        size = len(text.encode("utf-8", "surrogatepass")) + OVERHEAD
        self._drop(key)
        if size > self._max_bytes:
            return
        self._entries[key] = _Entry(text=text, stored=self._clock(), size=size)
        self._bytes += size
        while self._bytes > self._max_bytes:
            self._drop(next(iter(self._entries)))

    def forget(self, key: str) -> None:
        """A caller has said that it is wrong."""
        self._drop(key)

    def clear(self) -> None:
        self._entries.clear()
        self._bytes = 0

    def _drop(self, key: str) -> None:
        entry = self._entries.pop(key, None)
        self._bytes -= entry.size if entry is not None else 0


def identity(path: str, body: Mapping[str, Any]) -> str:
    """The digest of all that could change the answer, whatever the order of the fields.

    Raises `UnreadableRowError` for a body of which two readers could think differently.
    """
    asked = {name: value for name, value in body.items() if name not in _DELIVERY}
    canonical = json.dumps([path, json.loads(as_json(asked))], sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()
