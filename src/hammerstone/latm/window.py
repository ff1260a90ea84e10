"""Many at a time, answers in order."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Iterable
from typing import Generic, TypeVar

import anyio
from anyio.abc import TaskGroup

__all__ = ["in_order"]

A = TypeVar("A")
B = TypeVar("B")


async def in_order(
    group: TaskGroup, function: Callable[[A], Awaitable[B]], items: Iterable[A] | AsyncIterable[A], *, width: int
) -> AsyncGenerator[B]:
    """`function` of every item, `width` of them under way, results in the order of the items.

    The work runs in the caller's task group, not in one of this generator's own: a generator that is left half read
    must not close over a cancel scope. An error is raised where its result would have come.
    """
    window: deque[_Slot[B]] = deque()
    async for item in _each(items):
        if len(window) >= width:
            yield await window.popleft().result()
        slot: _Slot[B] = _Slot()
        group.start_soon(slot.fill, function, item)
        window.append(slot)
    while window:
        yield await window.popleft().result()


class _Slot(Generic[B]):
    """The place of one result in the order."""

    def __init__(self) -> None:
        self._done = anyio.Event()
        self._results: list[B] = []
        self._error: Exception | None = None

    async def fill(self, function: Callable[[A], Awaitable[B]], item: A) -> None:
        try:
            self._results.append(await function(item))
        except Exception as error:  # whatever it is, it is raised in its place
            self._error = error
        self._done.set()  # not when this is cancelled: then whoever waits is cancelled too

    async def result(self) -> B:
        await self._done.wait()
        if self._error is not None:
            raise self._error
        return self._results[0]


async def _each(items: Iterable[A] | AsyncIterable[A]) -> AsyncGenerator[A]:
    if isinstance(items, AsyncIterable):
        async for item in items:
            yield item
    else:
        for item in items:
            yield item
