"""Task groups whose errors arrive as themselves."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

import anyio
from anyio.abc import TaskGroup

__all__ = ["map_concurrently", "task_group"]

A = TypeVar("A")
B = TypeVar("B")


@asynccontextmanager
async def task_group() -> AsyncGenerator[TaskGroup]:
    """anyio's task group, but the first error that ended it is raised alone, not in an exception group.

    The callers of hammerstone catch `HammerstoneError`, and one error is what they can act on.
    """
    try:
        async with anyio.create_task_group() as group:
            yield group
    except BaseExceptionGroup as errors:
        raise _first(errors) from None


async def map_concurrently(function: Callable[[A], Awaitable[B]], items: Sequence[A]) -> list[B]:
    """`function` of every item side by side, the results in order."""
    if len(items) == 1:
        return [await function(items[0])]
    results: dict[int, B] = {}

    async def one(index: int) -> None:
        results[index] = await function(items[index])

    async with task_group() as group:
        for index in range(len(items)):
            group.start_soon(one, index)
    return [results[index] for index in range(len(items))]


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    error = errors.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error  # pyright: ignore[reportUnknownArgumentType]
