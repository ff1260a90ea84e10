"""The messages between the host, a worker and a call.

Part of the programs inside the sandbox (see `template`), so it imports only the standard library.
"""

from __future__ import annotations

import ctypes
import os
import struct

from hammerstone.sandbox.inside.own_process import LIBC

__all__ = [
    "CALL",
    "CHANNEL",
    "CONFINED",
    "CONTROL",
    "END",
    "ENDED",
    "FORK",
    "FRAME",
    "PRINTED",
    "READY",
    "REPORT",
    "Inbox",
    "read_frame",
    "write_all",
]

# One byte each. FORK, to the template, comes with the socket of the new worker and the file for what its calls print;
# CALL, to a worker, with the socket of the new process; END has the worker kill that process and report. READY is what
# a template and a new worker say first.
READY, FORK, CALL, END = b"R", b"F", b"C", b"E"

# Everything else is a frame: a kind and the length of the body, which follows.
FRAME = struct.Struct("!BI")

# Descriptors of a worker: the file is also 1 and 2, and it empties it before each call. The first that is free is
# `CHANNEL`: so the kernel puts the socket of a call there.
PRINTED, CHANNEL, CONTROL = 0, 3, 4

# On a worker's socket: `CONFINED`, from a process of a call, before it closes that socket. Then, from the worker, when
# the process has ended, `ENDED` and the report: the wait status, and the seconds and microseconds that it computed in
# user space and in the kernel. The start of `struct rusage`, as the kernel writes it.
CONFINED, ENDED = b"\x06", b"\x04"
REPORT = struct.Struct("=i4x4q")

CHUNK = 8192


def write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def read_frame(descriptor: int) -> bytes:
    """The body of the next frame, with which the other side then waits. Ends the process when that has closed."""
    data = read_some(descriptor, CHUNK)
    while len(data) < FRAME.size:
        data += read_some(descriptor, CHUNK)
    end = FRAME.size + FRAME.unpack_from(data)[1]
    while len(data) < end:
        data += read_some(descriptor, end - len(data))
    return data[FRAME.size :]


def read_some(descriptor: int, length: int) -> bytes:
    data = os.read(descriptor, length)
    if not data:
        os._exit(0)
    return data


class Vector(ctypes.Structure):
    """`struct iovec`."""

    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class MessageHeader(ctypes.Structure):
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

    def __init__(self, descriptor: int) -> None:
        self.recvmsg, self.read_byte = LIBC.recvmsg, LIBC.read
        self.byte = ctypes.create_string_buffer(1)
        self.with_it = (ctypes.c_int * 8)()  # a header of 16 bytes: its length, level and kind; then the descriptors
        self.room = ctypes.sizeof(self.with_it)
        self.vector = Vector(ctypes.addressof(self.byte), 1)
        self.message = MessageHeader(
            data=ctypes.addressof(self.vector), data_length=1, control=ctypes.addressof(self.with_it)
        )
        self.into_message = (descriptor, ctypes.byref(self.message), 0)
        self.into_byte = (descriptor, self.byte, 1)

    def receive(self, count: int) -> bool:
        """Wait for a byte and so many descriptors, which are then in `with_it[4:]`. False: the host has closed."""
        self.message.control_length = self.room
        return self.recvmsg(*self.into_message) == 1 and self.with_it[0] == 16 + 4 * count

    def read(self) -> bool:
        """Wait for a byte alone, which is then in `byte`."""
        return self.read_byte(*self.into_byte) == 1
