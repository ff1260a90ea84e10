"""A socket to a process inside the sandbox, and descriptors sent by it."""

from __future__ import annotations

import array
import socket
from collections.abc import Sequence

import anyio

__all__ = ["Gone", "Transport"]

CHUNK = 64 * 1024  # more than 128 KiB would be mapped anew for each call, and cost 15 us


class Gone(Exception):  # noqa: N818 - no error of ours: the caller turns it into an outcome
    """The other side has closed."""


class Transport:
    """Our end of a pair of sockets. One task at a time."""

    def __init__(self, ours: socket.socket) -> None:
        ours.setblocking(False)
        self._socket = ours
        self._buffer = bytearray()

    @classmethod
    def pair(cls) -> tuple[Transport, socket.socket]:
        """Our end, and the one to hand over and then close."""
        ours, theirs = socket.socketpair()
        return cls(ours), theirs

    async def send(self, data: bytes) -> None:
        """Send bytes. Raises `Gone`."""
        view = memoryview(data)
        while view:
            try:
                view = view[self._socket.send(view) :]
            except BlockingIOError:
                await anyio.wait_writable(self._socket)
            except OSError as error:
                raise Gone from error

    def hand_over(self, message: bytes, descriptors: Sequence[int]) -> None:
        """Send one byte with copies of descriptors. Raises `Gone`."""
        try:
            given = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))
            self._socket.sendmsg((message,), (given,))
        except OSError as error:
            raise Gone from error

    async def receive(self, length: int) -> bytes:
        """Receive exactly so many bytes. Raises `Gone`, even in the middle of them."""
        while len(self._buffer) < length:
            await anyio.wait_readable(self._socket)
            self.collect()
        taken = bytes(self._buffer[:length])
        del self._buffer[:length]
        return taken

    def collect(self) -> None:
        """Take what has come, without waiting. Raises `Gone` if the other side has closed."""
        try:
            data = self._socket.recv(CHUNK)
        except BlockingIOError:
            return
        except OSError as error:
            raise Gone from error
        if not data:
            raise Gone
        self._buffer += data

    def close(self) -> None:
        self._socket.close()
