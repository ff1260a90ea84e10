"""One connection of a client: uvicorn's, with bounds on the head of a request, which comes before anybody is known."""

from __future__ import annotations

from asyncio import BaseTransport, TimerHandle, Transport
from collections.abc import MutableMapping
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from hammerstone.server.leaving import left

__all__ = ["MAX_HEAD", "Connection"]

MAX_HEAD = 65_536
"""Bytes of a request's line and headers, about: a head that comes in one piece may be somewhat longer."""
HEAD_SECONDS = 30.0  # that a head may take, and a new connection may be silent


class Connection(HttpToolsProtocol):
    """uvicorn itself bounds neither: one client without a key could fill the memory, or hold connections for ever."""

    def connection_made(self, transport: BaseTransport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        super().connection_made(cast("Transport", transport))
        self._timer: TimerHandle | None = None
        self._is_within = False  # a request, whose first byte has come, and whose last has not
        self._is_deaf = False
        self._head_begins()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_ends()
        super().connection_lost(exc)
        if self._answering is not None:
            left(cast("MutableMapping[str, Any]", self._answering.scope))

    def data_received(self, data: bytes) -> None:
        if self._is_deaf or (not self._is_within and not data.strip(b"\r\n")):  # RFC 9112, section 2.2: to be ignored
            return
        if self._in_head and self._timer is None and self._answering is None:  # a connection that was kept
            self._head_begins()
        self._head += len(data)
        super().data_received(data)
        if self._in_head and self._head > MAX_HEAD and not self.transport.is_closing():
            self.send_400_response("The head of the request is too large.")

    def send_400_response(self, msg: str) -> None:
        """Refuse what came. Within a response that would be a part of it: then the connection ends after that one."""
        cycle = self._answering
        if cycle is None or (cycle.more_body and not cycle.response_started and not self.pipeline):
            super().send_400_response(msg)
        else:
            cycle.keep_alive = False
            self._is_deaf = True

    def on_message_begin(self) -> None:
        self._is_within = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._head_ends()
        self._in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._in_head, self._head = True, 0
        self._is_within = False

    @property
    def _answering(self) -> RequestResponseCycle | None:
        """The last request, while it or one before it is being answered."""
        cycle = cast("RequestResponseCycle | None", self.cycle)
        return None if cycle is None or cycle.response_complete else cycle

    def _head_begins(self) -> None:
        self._in_head, self._head = True, 0
        self._timer = self.loop.call_later(HEAD_SECONDS, self._too_slow)

    def _head_ends(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_slow(self) -> None:
        if not self.transport.is_closing():
            self.send_400_response("The head of the request did not come in time.")
