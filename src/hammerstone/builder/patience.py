"""A tool that takes too long is not asked every question: the third one that takes too long is the last."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import anyio

from hammerstone.concurrency import map_concurrently

__all__ = ["PATIENCE", "ask_until_too_slow"]

PATIENCE = 3  # questions that took too long
AT_ONCE = 8  # questions under way, of which so many may still be slow when patience ends


A = TypeVar("A")
B = TypeVar("B")


async def ask_until_too_slow(
    ask: Callable[[A], Awaitable[B]], items: Sequence[A], too_slow: Callable[[B], bool]
) -> list[B]:
    """The results of the items, which run concurrently, in order: of all of them, or up to the third slow one.

    The same items have the same results, however fast each is: they are begun in order, and all that come before the
    third slow one are waited for.
    """
    turn, slow = anyio.Semaphore(AT_ONCE), 0

    async def one(item: A) -> B | None:
        nonlocal slow
        async with turn:
            if slow >= PATIENCE:
                return None
            result = await ask(item)
            slow += too_slow(result)
            return result

    results: list[B] = []
    for result in await map_concurrently(one, items):
        if result is None or sum(map(too_slow, results)) >= PATIENCE:
            break
        results.append(result)
    return results
