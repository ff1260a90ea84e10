"""A socket to a process inside the sandbox, and descriptors sent by it."""

from __future__ import annotations

import socket
from collections.abc import Sequence

import anyio

__all__ = ["Gone", "Transport"]

CHUNK = 256 * 1024


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
        """Ours, and the end to hand over and to close then."""
        ours, theirs = socket.socketpair()
        return cls(ours), theirs

    async def send(self, data: bytes) -> None:
        """Raises `Gone`."""
        view = memoryview(data)
        while view:
            try:
                view = view[self._socket.send(view) :]
            except BlockingIOError:
                await anyio.wait_writable(self._socket)
            except OSError as error:
                raise Gone from error

    def hand_over(self, message: bytes, descriptors: Sequence[int]) -> None:
        """One byte with copies of descriptors. Raises `Gone`."""
        try:
            socket.send_fds(self._socket, [message], list(descriptors))
        except OSError as error:
            raise Gone from error

    async def receive(self, length: int) -> bytes:
        """Exactly so many bytes. Raises `Gone`, also in the middle of them."""
        while len(self._buffer) < length:
            try:
                data = self._socket.recv(CHUNK)
            except BlockingIOError:
                await anyio.wait_readable(self._socket)
                continue
            except OSError as error:
                raise Gone from error
            if not data:
                raise Gone
            self._buffer += data
        taken = bytes(self._buffer[:length])
        del self._buffer[:length]
        return taken

    @property
    def open(self) -> bool:
        """Whether the other side is there. Nothing must be on its way from it."""
        try:
            return bool(self._socket.recv(1, socket.MSG_PEEK))
        except BlockingIOError:
            return True
        except OSError:
            return False

    def close(self) -> None:
        self._socket.close()
