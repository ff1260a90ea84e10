"""How the gateway stops: nobody who has reached it goes without an answer.

SIGTERM ─► `drain_s` seconds: answers say `connection: close`, `/readyz` is 503, balancers go elsewhere
        ─► the listening socket closes, once everybody in its queue has been let in
        ─► connections on which a request may be on its way are waited for, all others closed
        ─► requests under way and streams end
"""

from __future__ import annotations

import ctypes
import selectors
import socket
import struct
import sys
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import cast

import anyio
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from hammerstone.server.telemetry.health import Health

__all__ = ["DrainingServer"]

QUIET_SECONDS = 5.0  # that a client which has connected has to begin its request
HANDSHAKE_SECONDS = 0.25  # for handshakes under way; a client repeats one that was not answered after a second
LOOK_SECONDS = 0.02
CLOSE = (b"connection", b"close")


class DrainingServer(uvicorn.Server):
    """After SIGTERM or Ctrl-C it ends by itself, rather than by that signal: what it stands on is closed in order.

    A second Ctrl-C ends it at once.
    """

    def __init__(self, config: uvicorn.Config, health: Health, *, drain_s: float, on_start: Callable[[], None]) -> None:
        """`on_start` is called as soon as it listens, and stops as described."""
        super().__init__(config)
        self._health = health
        self._drain_s = drain_s
        self._on_start = on_start

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_start()

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        with super().capture_signals():
            yield
            self._captured_signals.clear()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        listening = sockets or []
        self._say_close()
        self._health.stopping = True
        await self._until(lambda: False, self._drain_s)
        for one in listening:
            _let_nobody_else_in(one)
        await self._until(lambda: False, HANDSHAKE_SECONDS)
        await self._until(lambda: not _readable(listening), QUIET_SECONDS)
        for server in self.servers:
            server.close()
        await self._until(lambda: not any(map(_may_ask, self._connections())), QUIET_SECONDS)
        await super().shutdown(sockets)  # closes those that are idle before it waits for anything

    def _say_close(self) -> None:
        """Close the connection after each reply that has not begun."""
        self.server_state.default_headers = [*self.server_state.default_headers, CLOSE]
        for connection in self._connections():
            cycle = _cycle(connection)
            if cycle is not None and not cycle.response_started:
                cycle.keep_alive = False

    def _connections(self) -> list[HttpToolsProtocol]:
        return [one for one in self.server_state.connections if isinstance(one, HttpToolsProtocol)]

    async def _until(self, holds: Callable[[], bool], within_s: float) -> None:
        give_up = time.monotonic() + within_s
        while not self.force_exit and not holds() and time.monotonic() < give_up:  # noqa: ASYNC110 - no events there
            await anyio.sleep(LOOK_SECONDS)


def _may_ask(connection: HttpToolsProtocol) -> bool:
    """Whether a request may be on its way that nobody has begun to answer: the first one of a connection, or one of
    which a part has come.
    """
    if connection.transport.is_closing():
        return False
    cycle = _cycle(connection)
    if cycle is None:
        return True
    if not cycle.response_complete:
        return False
    is_idle = connection.timeout_keep_alive_task is not None  # from the end of a reply to the next byte
    return not is_idle or _readable([connection.transport.get_extra_info("socket")])


def _readable(sockets: Sequence[socket.socket]) -> bool:
    """Whether there is something to be read, or somebody to be let in."""
    with selectors.DefaultSelector() as selector:
        for one in sockets:
            selector.register(one.fileno(), selectors.EVENT_READ)
        return bool(selector.select(0))


def _cycle(connection: HttpToolsProtocol) -> RequestResponseCycle | None:
    """The latest request of a connection; `None` before the first, which uvicorn's types do not say."""
    return cast("RequestResponseCycle | None", connection.cycle)


_NO_FIRST_SYN = (
    (0x30, 0, 0, 13),  # the flags of the TCP header
    (0x54, 0, 0, 0x12),  # SYN and ACK of them
    (0x15, 0, 1, 0x02),  # a SYN alone ...
    (0x06, 0, 0, 0),  # ... is dropped
    (0x06, 0, 0, 0xFFFF_FFFF),
)
"""A filter of packets, in the kernel's own language (classic BPF)."""

_SO_ATTACH_FILTER = 26


def _let_nobody_else_in(listening: socket.socket) -> None:
    """No new connection is begun, and those that have begun can be let in: closing the socket would reset them.

    Linux alone can do that. Elsewhere whoever connects in the very moment of closing is reset.
    """
    if sys.platform != "linux":
        return
    program = b"".join(struct.pack("HBBI", *one) for one in _NO_FIRST_SYN)
    held = ctypes.create_string_buffer(program)
    try:
        listening.setsockopt(
            socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HP", len(_NO_FIRST_SYN), ctypes.addressof(held))
        )
    except OSError:  # a kernel without it
        return
