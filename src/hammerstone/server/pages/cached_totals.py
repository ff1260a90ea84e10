"""Totals that take long to compute are kept, and computed again in the background.

What is quick is computed for each look. Anything else is good for `TIMES` as long as it took, so that it takes a
twentieth of one processor at most, however many requests there are. After that it is still shown while it is computed
again.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable, Hashable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

import anyio
from anyio import to_thread
from anyio.abc import TaskGroup

from hammerstone.concurrency import task_group
from hammerstone.errors import StoreError

__all__ = ["CachedTotal", "CachedTotals"]

TIMES = 20
QUICK_SECONDS = 0.1
OLD_SECONDS = 60.0  # that nobody has looked: whoever comes then waits for new ones
MOST = 200  # of them, each of one page with its filters

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class CachedTotal(Generic[T]):
    """Totals as of the moment `made` (ISO 8601, UTC). Computing them began at `began` on the clock of `CachedTotals`,
    and took `took`, both in seconds.
    """

    value: T
    made: str
    began: float
    took: float

    @property
    def is_quick(self) -> bool:
        return self.took <= QUICK_SECONDS

    @property
    def lasts(self) -> float:
        """How many seconds they are good for."""
        return TIMES * self.took

    @property
    def due(self) -> float:
        """When they are to be computed again, by the same clock."""
        return self.began + self.took + self.lasts


class CachedTotals:
    """Totals by any hashable key. `clock` gives seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: dict[Hashable, CachedTotal[Any]] = {}
        self._turns: dict[Hashable, anyio.Lock] = {}
        self._group: TaskGroup | None = None

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Totals may be computed in the background within this block."""
        async with task_group() as group:
            self._group = group
            yield
            self._group = None
            group.cancel_scope.cancel()

    async def look(self, key: Hashable, sum_up: Callable[[], T]) -> CachedTotal[T]:
        """What `sum_up`, which is called in a thread, returns now, or has returned a while ago. Raises what it does."""
        kept: CachedTotal[T] | None = self._kept.get(key)
        now = self._clock()
        if kept is None or kept.is_quick or now > kept.due + OLD_SECONDS or self._group is None:
            return await self._new(key, sum_up)
        if now > kept.due and key not in self._turns:
            self._group.start_soon(self._beside, key, sum_up)
        return kept

    async def _beside(self, key: Hashable, sum_up: Callable[[], object]) -> None:
        with suppress(StoreError):  # the old ones are shown until somebody has to wait, who gets the error
            await self._new(key, sum_up)

    async def _new(self, key: Hashable, sum_up: Callable[[], T]) -> CachedTotal[T]:
        """Compute the totals; others who ask for the same ones meanwhile wait for them."""
        before: CachedTotal[T] | None = self._kept.get(key)
        turn = self._turns.setdefault(key, anyio.Lock())
        try:
            async with turn:
                there: CachedTotal[T] | None = self._kept.get(key)
                if there is not None and there is not before:
                    return there
                return await self._sum_up(key, sum_up)
        finally:
            if not turn.statistics().tasks_waiting:
                self._turns.pop(key, None)

    async def _sum_up(self, key: Hashable, sum_up: Callable[[], T]) -> CachedTotal[T]:
        began, made = self._clock(), datetime.now(UTC).isoformat(timespec="microseconds")
        value = await to_thread.run_sync(sum_up, abandon_on_cancel=True)
        kept = CachedTotal(value=value, made=made, began=began, took=self._clock() - began)
        self._kept.pop(key, None)
        self._kept[key] = kept
        while len(self._kept) > MOST:
            del self._kept[next(iter(self._kept))]
        return kept
