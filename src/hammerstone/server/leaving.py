"""A client that leaves before its reply has begun: the connection says so to whoever waits for the upstream.

A task that listens beside each call would tell it as well, and cost more than the rest of the waiting.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, MutableMapping
from contextlib import contextmanager
from typing import Any

import anyio

__all__ = ["left", "while_there"]

_KEY, _LEFT = "hammerstone.leaving", "hammerstone.left"  # in the ASGI scope


@contextmanager
def while_there(scope: MutableMapping[str, Any], keeps_on: Callable[[], bool]) -> Generator[anyio.CancelScope]:
    """What is done within is given up if the client leaves, or has left, unless `keeps_on` says that it is wanted all
    the same.
    """
    with anyio.CancelScope() as work:

        def leave() -> None:
            if not keeps_on():
                work.cancel()

        scope[_KEY] = leave
        if _LEFT in scope:
            leave()
        try:
            yield work
        finally:
            del scope[_KEY]


def left(scope: MutableMapping[str, Any]) -> None:
    """The client of the request with this ASGI scope has left."""
    scope[_LEFT] = True
    leave: Callable[[], None] | None = scope.get(_KEY)
    if leave is not None:
        leave()
