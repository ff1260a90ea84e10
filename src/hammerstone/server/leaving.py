"""A client that leaves before its reply has begun: the connection says so to whoever waits for the upstream.

A task that listens beside each call would tell it as well, and cost more than the rest of the waiting.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, MutableMapping
from contextlib import contextmanager
from typing import Any

import anyio

__all__ = ["left", "while_there"]

_KEY = "hammerstone.leaving"  # in the ASGI scope


@contextmanager
def while_there(scope: MutableMapping[str, Any], keeps_on: Callable[[], bool]) -> Generator[anyio.CancelScope]:
    """What is done within is given up if the client leaves, unless `keeps_on` says that it is wanted all the same."""
    with anyio.CancelScope() as work:
        scope[_KEY] = lambda: None if keeps_on() else work.cancel()
        try:
            yield work
        finally:
            del scope[_KEY]


def left(scope: MutableMapping[str, Any]) -> None:
    """The client of the request with this ASGI scope has left."""
    leave: Callable[[], None] | None = scope.get(_KEY)
    if leave is not None:
        leave()
