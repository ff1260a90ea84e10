"""Which of the gateway's parts work. None of them is needed to pass requests on to the upstream."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hammerstone.errors import SandboxError, StoreError
from hammerstone.faults import reason_of
from hammerstone.types import JSON

__all__ = ["SANDBOX", "STORE", "Health", "Part", "part_of"]

_log = logging.getLogger(__name__)

STORE, SANDBOX, OTHER = "store", "sandbox", "other"
STALE_SECONDS = 15.0  # without a word from the store, after which it counts as out of reach


@dataclass(kw_only=True, eq=False)
class Part:
    """`ok` is what was last heard of it, `faults` how often it failed."""

    name: str
    ok: bool = True
    faults: int = 0


class Health:
    """Hears of failures and of what works again, and logs each change once. `clock` gives seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._parts = {name: Part(name=name) for name in (STORE, SANDBOX)}
        self._other = Part(name=OTHER)
        self._store_seen: float | None = None
        self.stopping = False

    def failed(self, error: Exception) -> None:
        """A part of hammerstone has failed."""
        part = self._parts.get(part_of(error), self._other)
        part.faults += 1
        if part.ok or part is self._other:
            _log.error("%s: %s", part.name, reason_of(error))
        part.ok = part is self._other  # what else fails fails one request, and may answer the next

    def works(self, name: str) -> None:
        """A part has just done its work."""
        if name == STORE:
            self._store_seen = self._clock()
        part = self._parts[name]
        if not part.ok:
            part.ok = True
            _log.warning("%s: works again", name)

    def parts(self) -> Sequence[Part]:
        """Of this moment."""
        store = self._parts[STORE]
        silent = self._store_seen is not None and self._clock() - self._store_seen > STALE_SECONDS
        heard = Part(name=STORE, ok=store.ok and not silent, faults=store.faults)
        return (heard, self._parts[SANDBOX], self._other)

    def report(self) -> tuple[int, JSON]:
        """Status and body of `GET /readyz`.

        A gateway whose parts have failed still passes every request on, so it stays in a load balancer's rotation
        (200, `degraded`). One that is told to stop leaves it (503).
        """
        works = {part.name: part.ok for part in self.parts() if part is not self._other}
        parts: dict[str, JSON] = {name: "ok" if ok else "failed" for name, ok in works.items()}
        status = "stopping" if self.stopping else "ready" if all(works.values()) else "degraded"
        body: JSON = {"status": status, "tools": all(works.values()), "parts": {**parts, "upstream": "configured"}}
        return (503 if self.stopping else 200), body


def part_of(error: Exception) -> str:
    """The part that an error is of."""
    match error:
        case StoreError():
            return STORE
        case SandboxError():
            return SANDBOX
        case _:
            return OTHER
