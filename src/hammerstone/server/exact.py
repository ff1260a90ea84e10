"""The route `exact`: the very same request was answered before, and asks for no variety."""

from __future__ import annotations

import hashlib
import json
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from hammerstone.requests import Number, UnreadableRowError

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
    """One tenant's answers in memory. `bytes` is what they take."""

    def __init__(self, caches: ExactCaches) -> None:
        self._caches = caches
        self._entries: OrderedDict[str, Remembered] = OrderedDict()
        self._cleared_for: object = None
        self.bytes = 0

    def look(self, key: str, *, max_age: float | None = None) -> Remembered | None:
        """An answer no older than the caches' `ttl_s` and `max_age` seconds."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        age = self._caches.clock() - entry.stored
        if age > self._caches.ttl_s:
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
        if size > self._caches.max_bytes:
            return
        self._entries[key] = Remembered(text=text, request_id=request_id, stored=self._caches.clock(), size=size)
        self.bytes += size
        self._caches.make_room()

    def drop(self, key: str) -> None:
        entry = self._entries.pop(key, None)
        self.bytes -= entry.size if entry is not None else 0

    def drop_oldest(self) -> None:
        """Drop the least recently used answer; there must be one."""
        self.drop(next(iter(self._entries)))

    def cleared_for(self, reason: object) -> bool:
        """Drop everything once for each reason that is not the last one; the first is none. Whether it was done now."""
        if self._cleared_for is None or reason == self._cleared_for:
            self._cleared_for = reason
            return False
        self._cleared_for = reason
        self._entries.clear()
        self.bytes = 0
        return True


class ExactCaches:
    """One for each tenant; none where `ttl_s` or `max_bytes` is 0.

    `ttl_s` is how long an answer is good, in seconds; `max_bytes` bounds those of all tenants together. Where they take
    more, the tenant that has most gives up its least recently used ones.
    """

    def __init__(self, *, ttl_s: float, max_bytes: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.ttl_s = ttl_s
        self.max_bytes = max_bytes
        self.clock = clock
        self._caches: dict[str, ExactCache] = {}

    def of(self, tenant: str) -> ExactCache | None:
        if not self.ttl_s or not self.max_bytes:
            return None
        if tenant not in self._caches:
            self._caches[tenant] = ExactCache(self)
        return self._caches[tenant]

    def make_room(self) -> None:
        while sum(cache.bytes for cache in self._caches.values()) > self.max_bytes:
            max(self._caches.values(), key=lambda cache: cache.bytes).drop_oldest()


def identity(path: str, body: Mapping[str, Any], beside: Sequence[str] = ()) -> str:
    """The digest of all that could change the answer. `beside` is what the request says outside its body.

    A field that is null is one that is not there, 1 is 1.0, and the order of fields does not matter: but within a
    schema, whose properties a model fills in as they come. Raises `UnreadableRowError` for a body nested too deeply.
    """
    asked = {name: value for name, value in body.items() if name not in _DELIVERY and value is not None}
    try:
        canonical = _canonical([path, list(beside), asked])
    except RecursionError:
        raise UnreadableRowError("the JSON is nested too deeply") from None
    return hashlib.sha256(canonical.encode()).hexdigest()


def _canonical(value: object, *, in_order: bool = False) -> str:
    match value:
        case Number():
            return value.canonical()
        case dict():
            fields = cast("dict[str, object]", value).items()
            texts = [
                f"{json.dumps(name)}:{_canonical(field, in_order=in_order or name == 'schema')}"
                for name, field in (fields if in_order else sorted(fields))
            ]
            return f"{{{','.join(texts)}}}"
        case list():
            return f"[{','.join(_canonical(one, in_order=in_order) for one in cast('list[object]', value))}]"
        case _:
            return json.dumps(value)
