"""Which of the gateway's parts work. None of them is needed to pass requests on to the upstream."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version

from hammerstone.errors import SandboxError, StoreError
from hammerstone.faults import loggable
from hammerstone.types import JSON

__all__ = ["Health", "PartReporter", "WatchedPart"]

_log = logging.getLogger(__name__)

STORE, SANDBOX, OTHER = "store", "sandbox", "other"
STALE_SECONDS = 15.0  # without a word from the store, after which it counts as out of reach


@dataclass(frozen=True)
class Use:
    """One use of a part: a full disk stops what writes, not what reads; and each tenant has a store."""

    name: str
    tenant: str | None = None

    def __str__(self) -> str:
        return f"{self.name} of tenant {self.tenant!r}" if self.tenant else self.name


@dataclass(kw_only=True, eq=False)
class WatchedPart:
    """`failing` are the uses of it that failed when they were last tried, each with the kind of its error.

    `faults` counts all failures, also those of single requests, which say nothing of the next one.
    """

    name: str
    failing: dict[Use, str] = field(default_factory=dict[Use, str])
    faults: int = 0
    silent: bool = False

    @property
    def ok(self) -> bool:
        return not self.failing and not self.silent

    def of(self, tenant: str) -> WatchedPart:
        """What of it concerns one tenant, whom nobody else's name is shown to."""
        failing = {use: kind for use, kind in self.failing.items() if use.tenant in {None, tenant}}
        return replace(self, failing=failing)


@dataclass(frozen=True, kw_only=True)
class PartReporter:
    """A `Reporter` of one use of a part."""

    health: Health
    part: str
    use: str

    def failed(self, error: Exception, tenant: str | None = None) -> None:
        self.health.failing(self.part, Use(self.use, tenant), error)

    def works(self, tenant: str | None = None) -> None:
        self.health.working(self.part, Use(self.use, tenant))


class Health:
    """Hears of failures and of what works again, and logs each change once. `clock` gives seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._watched = {name: WatchedPart(name=name) for name in (STORE, SANDBOX)}
        self._other = WatchedPart(name=OTHER)
        self._store_seen: float | None = None
        self.stopping = False

    def store(self, use: str) -> PartReporter:
        return PartReporter(health=self, part=STORE, use=use)

    def sandbox(self) -> PartReporter:
        return PartReporter(health=self, part=SANDBOX, use="calls")

    def failing(self, name: str, use: Use, error: Exception) -> None:
        part = self._watched[name]
        part.faults += 1
        if use not in part.failing:
            _log.error("%s (%s): %s", name, use, loggable(error))
        part.failing[use] = type(error).__name__

    def working(self, name: str, use: Use) -> None:
        part = self._watched[name]
        if name == STORE:
            self._store_seen = self._clock()
        if part.failing.pop(use, None) is not None:
            _log.warning("%s (%s): works again", name, use)

    def failed(self, error: Exception) -> None:
        """Something failed for one request or one build."""
        part = self._watched.get(_part_of(error), self._other)
        part.faults += 1
        if part.ok:
            _log.error("%s%s", "" if part is self._other else f"{part.name}: ", loggable(error))

    def fault(self, tenant: str = "") -> str | None:
        """The kind of error of a part that fails now for this tenant."""
        for part in self.watched():
            kinds = [kind for use, kind in part.failing.items() if use.tenant in {None, tenant}]
            if kinds or part.silent:
                return kinds[0] if kinds else StoreError.__name__
        return None

    def watched(self) -> Sequence[WatchedPart]:
        """The parts that work or do not, at this moment."""
        seen = self._store_seen
        self._watched[STORE].silent = seen is not None and self._clock() - seen > STALE_SECONDS
        return tuple(self._watched.values())

    def faults(self) -> Mapping[str, int]:
        """How often each part failed, and anything else."""
        return {part.name: part.faults for part in (*self._watched.values(), self._other)}

    def report(self) -> tuple[int, JSON]:
        """Status and body of `GET /readyz`.

        A gateway whose parts have failed still passes every request on, so it stays in a load balancer's rotation
        (200, `degraded`). One that is stopping leaves it (503).
        """
        parts: dict[str, JSON] = {part.name: "ok" if part.ok else "failed" for part in self.watched()}
        works = set(parts.values()) == {"ok"}
        status = "stopping" if self.stopping else "ready" if works else "degraded"
        body: JSON = {
            "status": status,
            "version": version("hammerstone"),
            "tools": parts[SANDBOX] == "ok",  # without the store they answer from memory
            "parts": {**parts, "upstream": "configured"},
        }
        return (503 if self.stopping else 200), body


def _part_of(error: Exception) -> str:
    match error:
        case StoreError():
            return STORE
        case SandboxError():
            return SANDBOX
        case _:
            return OTHER
