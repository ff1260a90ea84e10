"""The route `exact`: the very same request was answered before, and asks for no variety."""

from __future__ import annotations

import hashlib
import json
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hammerstone.requests import as_json

__all__ = ["SHAPING", "ExactCache", "ExactCaches", "Remembered", "identity"]

_DELIVERY = frozenset(
    """metadata prompt_cache_key prompt_cache_retention safety_identifier service_tier store stream stream_options
    user""".split()
)
"""How an answer is delivered and who asked. All else belongs to the identity of a request."""

SHAPING = ("anthropic-version", "anthropic-beta", "openai-beta")
"""Headers that belong to it as well."""

OVERHEAD = 200  # bytes of an entry besides its text


@dataclass(frozen=True, kw_only=True)
class Remembered:
    """An answer, and the id of the request that was first answered so."""

    text: str
    request_id: str
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
        self._entries: OrderedDict[str, Remembered] = OrderedDict()
        self._bytes = 0
        self._cleared_for: object = None

    def look(self, key: str, *, max_age: float | None = None) -> Remembered | None:
        """An answer no older than `ttl_s` and `max_age` seconds."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        age = self._clock() - entry.stored
        if age > self._ttl_s:
            self.drop(key)
            return None
        if max_age is not None and age > max_age:
            return None
        self._entries.move_to_end(key)
        return entry

    def store(self, key: str, text: str, *, request_id: str = "") -> None:
        """Keep what this request was answered."""
        size = len(text.encode("utf-8", "surrogatepass")) + OVERHEAD
        self.drop(key)
        if size > self._max_bytes:
            return
        self._entries[key] = Remembered(text=text, request_id=request_id, stored=self._clock(), size=size)
        self._bytes += size
        while self._bytes > self._max_bytes:
            self.drop(next(iter(self._entries)))

    def drop(self, key: str) -> None:
        entry = self._entries.pop(key, None)
        self._bytes -= entry.size if entry is not None else 0

    def cleared_for(self, reason: object) -> bool:
        """Drop everything once for each reason that is not the last one; the first is none. Whether it was done now."""
        if self._cleared_for is None or reason == self._cleared_for:
            self._cleared_for = reason
            return False
        self._cleared_for = reason
        self._entries.clear()
        self._bytes = 0
        return True


class ExactCaches:
    """One for each tenant; none where `ttl_s` or `max_bytes` is 0."""

    def __init__(self, *, ttl_s: float, max_bytes: int) -> None:
        self._ttl_s = ttl_s
        self._max_bytes = max_bytes
        self._caches: dict[str, ExactCache] = {}

    def of(self, tenant: str) -> ExactCache | None:
        if not self._ttl_s or not self._max_bytes:
            return None
        if tenant not in self._caches:
            self._caches[tenant] = ExactCache(ttl_s=self._ttl_s, max_bytes=self._max_bytes)
        return self._caches[tenant]


def identity(path: str, body: Mapping[str, Any], beside: Sequence[str] = ()) -> str:
    """The digest of all that could change the answer, whatever the order of the fields. `beside` is what the request
    says outside its body.

    Raises `UnreadableRowError` for a body of which two readers could think differently.
    """
    asked = {name: value for name, value in body.items() if name not in _DELIVERY}
    canonical = json.dumps([path, list(beside), json.loads(as_json(asked))], sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()
