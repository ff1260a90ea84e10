"""Around the application: each request is watched from its head to the last byte of its reply."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hammerstone.server.telemetry.record import RequestRecord, record_of

if TYPE_CHECKING:
    from hammerstone.server.telemetry.spans import Spans

__all__ = ["Observer", "Telemetry"]

UNWATCHED = frozenset(("/healthz", "/readyz", "/metrics"))
"""Asked every few seconds by whoever looks after the gateway. So are the pages, below `PAGES`."""
PAGES = "/ui"


def _is_unwatched(path: str) -> bool:
    return path in UNWATCHED or path == PAGES or path.startswith(f"{PAGES}/")


class Observer(Protocol):
    """Hears of each request when it is over. Must not wait, nor raise."""

    def over(self, record: RequestRecord) -> None: ...


class Telemetry:
    """ASGI middleware: notes when a reply begins and with which status, and tells the observers when it has ended."""

    def __init__(self, app: ASGIApp, *, observers: Sequence[Observer], spans: Spans | None = None) -> None:
        self._app = app
        self._observers = observers
        self._spans = spans

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or _is_unwatched(scope["path"]):
            await self._app(scope, receive, send)
            return
        record = record_of(scope)
        if self._spans is not None:
            self._spans.begin(record, scope["headers"])

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                record.ready, record.status = time.perf_counter(), message["status"]
            await send(message)

        try:
            await self._app(scope, receive, sent)
        finally:
            for observer in self._observers:
                observer.over(record)
