"""What the host, a worker and a call say to each other.

Part of the programs inside the sandbox (see `template`), so it imports only the standard library.
"""

from __future__ import annotations

import ctypes
import os
import struct

__all__ = ["CALL", "END", "FORK", "FRAME", "READY", "REPORT", "Inbox", "read_exactly", "read_frame", "write_all"]

# One byte each. FORK, to the template, comes with the socket of the new worker; CALL, to a worker, with the socket of
# the new process and the file for what it prints; END has the worker kill that process and report. READY is what a
# template and a new worker say first.
READY, FORK, CALL, END = b"R", b"F", b"C", b"E"

# Everything else is a frame: a kind and the length of the body, which follows. What a new process says begins with the
# byte `child.CONFINED`.
FRAME = struct.Struct("!BI")

# From a worker, when a process has ended: its wait status, and the seconds and microseconds that it computed in user
# space and in the kernel. The start of `struct rusage`, as the kernel writes it.
REPORT = struct.Struct("=i4x4q")


def write_all(descriptor: int, data: bytes | memoryview) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def read_frame(descriptor: int) -> bytes:
    """The body of the next frame. Ends the process when the other side has closed."""
    _, length = FRAME.unpack(read_exactly(descriptor, FRAME.size))
    return read_exactly(descriptor, length)


def read_exactly(descriptor: int, length: int) -> bytes:
    data = os.read(descriptor, length)
    while len(data) < length:
        more = os.read(descriptor, length - len(data))
        if not more:
            os._exit(0)
        data += more
    return data


class Vector(ctypes.Structure):
    """`struct iovec`."""

    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class Message(ctypes.Structure):
    """`struct msghdr`."""

    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint),
        ("data", ctypes.c_void_p),
        ("data_length", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


class Inbox:
    """One byte at a time from the host, with descriptors.

    It has its buffers once and makes no objects. So every turn of a process that forks leaves its memory, down to the
    interpreter's free lists, as the one before.
    """

    def __init__(self, descriptor: int, libc: ctypes.CDLL) -> None:
        self.descriptor = descriptor
        self.recvmsg, self.read_byte = libc.recvmsg, libc.read
        self.byte = ctypes.create_string_buffer(1)
        self.with_it = (ctypes.c_int * 8)()  # a header of 16 bytes: its length, level and kind; then the descriptors
        self.vector = Vector(ctypes.addressof(self.byte), 1)
        self.message = Message(
            data=ctypes.addressof(self.vector), data_length=1, control=ctypes.addressof(self.with_it)
        )

    def receive(self, count: int) -> bool:
        """Wait for a byte and so many descriptors, which are then in `with_it[4:]`. False: the host has closed."""
        self.message.control_length = ctypes.sizeof(self.with_it)
        got = self.recvmsg(self.descriptor, ctypes.byref(self.message), 0)
        return got == 1 and self.with_it[0] == 16 + 4 * count

    def read(self) -> bool:
        """Wait for a byte alone, which is then in `byte`."""
        return self.read_byte(self.descriptor, self.byte, 1) == 1
