"""Many at a time, answers in order."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Sequence
from typing import Generic, TypeVar

import anyio
from anyio.abc import TaskGroup

__all__ = ["ordered_map"]

A = TypeVar("A")
B = TypeVar("B")


async def ordered_map(
    group: TaskGroup, function: Callable[[A], Awaitable[B]], items: Iterable[A] | AsyncIterable[A], *, width: int
) -> AsyncGenerator[B]:
    """`function` of every item, `width` of them under way, results in the order of the items.

    A result is handed on as soon as all before it were, also while the next item is still awaited: what a person types
    is answered line by line. The work runs in the caller's task group, not in one of this generator's own: a generator
    that is left half read must not close over a cancel scope. An error is raised where its result would have come.
    """
    source = _each(items)
    window: deque[_Slot[B]] = deque()
    ahead: _Slot[list[A]] | None = _begun(group, _next, source)
    try:
        while ahead or window:
            awaited = ahead if len(window) < width else None
            await _one_of([one.ended for one in (awaited, *list(window)[:1]) if one])
            if awaited and awaited.ended.is_set():
                ahead = None
                for item in awaited.result():
                    window.append(_begun(group, function, item))
                    ahead = _begun(group, _next, source)
            else:
                yield window.popleft().result()
    finally:
        if ahead:
            ahead.give_up()


class _Slot(Generic[B]):
    """The place of one result in the order."""

    def __init__(self) -> None:
        self.ended = anyio.Event()
        self._scope = anyio.CancelScope()
        self._results: list[B] = []
        self._error: Exception | None = None

    async def fill(self, function: Callable[[A], Awaitable[B]], item: A) -> None:
        try:
            with self._scope:
                self._results.append(await function(item))
        except Exception as error:  # raised again by `result`
            self._error = error
        finally:
            self.ended.set()

    def result(self) -> B:
        if self._error is not None:
            raise self._error
        return self._results[0]

    def give_up(self) -> None:
        self._scope.cancel()


def _begun(group: TaskGroup, function: Callable[[A], Awaitable[B]], item: A) -> _Slot[B]:
    slot: _Slot[B] = _Slot()
    group.start_soon(slot.fill, function, item)
    return slot


async def _one_of(events: Sequence[anyio.Event]) -> None:
    async with anyio.create_task_group() as waiting:

        async def wait(event: anyio.Event) -> None:
            await event.wait()
            waiting.cancel_scope.cancel()

        for event in events:
            waiting.start_soon(wait, event)


async def _next(source: AsyncIterator[A]) -> list[A]:
    """One item, or none at the end."""
    async for item in source:
        return [item]
    return []


async def _each(items: Iterable[A] | AsyncIterable[A]) -> AsyncGenerator[A]:
    if isinstance(items, AsyncIterable):
        async for item in items:
            yield item
    else:
        for item in items:
            yield item
